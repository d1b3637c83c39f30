"""Consent as the shop writes and reads it. What it then permits is the gate's business."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from recsvc.domain.consent.consent import ConsentStatus, Purpose
from recsvc.domain.consent.hash_chain import HistoryRow
from recsvc.domain.consent.statements import ImportOutcome
from recsvc.domain.customers.profile import FLAGS
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.usecases.access.request_access import RequestContext


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """What a customer said now: only the purposes that are named change."""

    purposes: Mapping[Purpose, bool]
    policy_version: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class DatedChange:
    """What a customer said elsewhere, at a known time."""

    customer: CustomerId
    at_us: int
    change: ConsentChange


# What is told of a line with several purposes: the first of these that befell one of them.
_TOLD_FIRST = (
    ImportOutcome.NO_TIME,
    ImportOutcome.IN_FUTURE,
    ImportOutcome.UNREADABLE,
    ImportOutcome.APPLIED,
    ImportOutcome.SUPERSEDED,
)


class ConsentService:
    """Takes and shows the consent of the customer whom a visit is about."""

    def __init__(
        self,
        store: ConsentStore,
        history: HistoryStore,
        policy_clock: PolicyClock,
        hasher: Callable[[ShopName], CustomerHasher],
    ) -> None:
        self._store = store
        self._history = history
        self._policy_clock = policy_clock
        self._hasher = hasher

    def put(self, context: RequestContext, change: ConsentChange) -> ConsentStatus:
        """Write durably, then answer; never acknowledge on keys that may be out of date."""
        record = self._store.write(
            context.shop,
            _customer(context),
            change.purposes,
            change.policy_version,
            change.source,
            context.key.key_id,
        )
        return ConsentStatus(record, self._policy_clock.now_us(), context.policy)

    def get(self, context: RequestContext) -> ConsentStatus:
        """Return what the request's own trip has read."""
        if context.consent is None:
            raise _unavailable()
        return context.consent

    def import_many(
        self, context: RequestContext, changes: Sequence[DatedChange]
    ) -> list[ImportOutcome]:
        """Take in what was said elsewhere; say of each change what became of it."""
        _check(context)
        rows = imported_rows(changes, self._hasher(context.shop))
        return line_outcomes(
            changes, self._store.import_many(context.shop, rows, context.key.key_id)
        )

    def history(self, context: RequestContext, start: int, most: int) -> Sequence[HistoryRow]:
        """Return the customer's rows from the `start`-th on, the newest last.

        To a browser there are no rows of flags: counted over what it may see, since a page that is
        too short would tell of them as well.
        """
        customer = _customer(context)
        if context.key.is_secret:
            return self._history.rows_of(context.shop, customer, start, most)
        rows = self._history.all_rows_of(context.shop, customer)
        return list(islice((row for row in rows if row.subject not in FLAGS), start, start + most))


def imported_rows(
    changes: Iterable[DatedChange], hasher: CustomerHasher
) -> Iterator[ImportedConsent]:
    """Yield a row per purpose."""
    for each in changes:
        key, change = hasher.key_of(each.customer), each.change
        for purpose, granted in change.purposes.items():
            yield ImportedConsent(
                key, purpose, granted, each.at_us, change.policy_version, change.source
            )


def line_outcomes(
    changes: Sequence[DatedChange], outcomes: Iterable[ImportOutcome]
) -> list[ImportOutcome]:
    """Return one outcome per change, of those of its purposes."""
    remaining = iter(outcomes)
    return [
        min(islice(remaining, len(each.change.purposes)), key=_TOLD_FIRST.index) for each in changes
    ]


def _customer(context: RequestContext) -> CustomerKey:
    _check(context)
    if context.customer is None:
        raise TypeError("a request without a customer has no consent")
    return context.customer


def _check(context: RequestContext) -> None:
    if not context.store_answered:
        raise _unavailable()


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("consent cannot be read or written at the moment; try again")
