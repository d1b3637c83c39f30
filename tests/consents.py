"""Consents put under a policy and a moment, as a request would see them."""

import time

from recsvc.domain.consent.consent import (
    DAY_US,
    DEFAULT_MAX_AGE_DAYS,
    ConsentPolicy,
    ConsentRecord,
    Purpose,
    Standing,
)
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consented_customers import ConsentSurvey
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy_clock import ConsentJudge

LONG = ConsentPolicy(max_age_us=10**16)  # under which even a word of 1970 counts


def now_us() -> int:
    return time.time_ns() // 1000


def judge(max_age_days: int = DEFAULT_MAX_AGE_DAYS) -> ConsentJudge:
    return ConsentJudge(max_age_days * DAY_US, now_us)


def survey(connections: Connections, max_age_days: int = DEFAULT_MAX_AGE_DAYS) -> ConsentSurvey:
    return ConsentSurvey(connections, HistoryStore(connections), judge(max_age_days))


def standing(record: ConsentRecord) -> Standing:
    """Put a record under no policy, now, however old its words are."""
    return Standing(record, now_us(), LONG)


def permits(record: ConsentRecord, purpose: Purpose) -> bool:
    return standing(record).permits(purpose)
