"""Builders that evaluate consents as a request does."""

import time

from recsvc.domain.consent.consent import (
    DAY_US,
    DEFAULT_MAX_AGE_DAYS,
    ConsentPolicy,
    ConsentRecord,
    ConsentStatus,
    Purpose,
)
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consented_customers import ConsentedCustomers
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy_clock import PolicyClock

LONG = ConsentPolicy(max_age_us=10**16)  # a statement of 1970 counts


def now_us() -> int:
    return time.time_ns() // 1000


def policy_clock(max_age_days: int = DEFAULT_MAX_AGE_DAYS) -> PolicyClock:
    return PolicyClock(max_age_days * DAY_US, now_us)


def consented_customers(
    connections: Connections, max_age_days: int = DEFAULT_MAX_AGE_DAYS
) -> ConsentedCustomers:
    return ConsentedCustomers(connections, HistoryStore(connections), policy_clock(max_age_days))


def status_now(record: ConsentRecord) -> ConsentStatus:
    """Evaluate a record now, without a policy and with an unlimited age."""
    return ConsentStatus(record, now_us(), LONG)


def permits(record: ConsentRecord, purpose: Purpose) -> bool:
    return status_now(record).permits(purpose)
