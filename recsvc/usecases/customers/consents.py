"""Consent use cases: record, read and import statements; list the history."""

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
    """A live statement of a customer; purposes that it does not name do not change.

    `notes`: why a report of a consent banner states nothing on a purpose.
    """

    purposes: Mapping[Purpose, bool]
    policy_version: str | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatedChange:
    """A statement of a customer that was made elsewhere, with its time."""

    customer: CustomerId
    at_us: int
    change: ConsentChange


# The outcome of a line with several purposes: the first of these that occurred.
_PRECEDENCE = (
    ImportOutcome.NO_TIME,
    ImportOutcome.IN_FUTURE,
    ImportOutcome.UNREADABLE,
    ImportOutcome.ERASED,
    ImportOutcome.APPLIED,
    ImportOutcome.SUPERSEDED,
)


class ConsentService:
    """Records and returns the consent of the customer of a request."""

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
        """Record the statement durably and return the status after it.

        Raises StoreUnavailable if the request's read failed, since the API key may be outdated.
        """
        if not change.purposes:
            return self.get(context)
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
        """Return the consent that the request's Redis read returned."""
        if context.consent is None:
            raise _unavailable()
        return context.consent

    def import_many(
        self, context: RequestContext, changes: Sequence[DatedChange]
    ) -> list[ImportOutcome]:
        """Import statements; return one outcome per change."""
        _check(context)
        rows = imported_rows(changes, self._hasher(context.shop))
        return line_outcomes(
            changes, self._store.import_many(context.shop, rows, context.key.key_id)
        )

    def history(self, context: RequestContext, start: int, limit: int) -> Sequence[HistoryRow]:
        """Return up to `limit` rows of the customer from index `start` on, newest last.

        Browsers get no rows of flags. `start` and `limit` count visible rows, since a short page
        would reveal that some are hidden.
        """
        customer = _customer(context)
        if context.key.is_secret:
            return self._history.rows_of(context.shop, customer, start, limit)
        rows = self._history.all_rows_of(context.shop, customer)
        return list(islice((row for row in rows if row.subject not in FLAGS), start, start + limit))


def imported_rows(
    changes: Iterable[DatedChange], hasher: CustomerHasher
) -> Iterator[ImportedConsent]:
    """Yield one row per purpose."""
    for each in changes:
        key, change = hasher.key_of(each.customer), each.change
        for purpose, granted in change.purposes.items():
            yield ImportedConsent(
                key, purpose, granted, each.at_us, change.policy_version, change.source
            )


def line_outcomes(
    changes: Sequence[DatedChange], outcomes: Iterable[ImportOutcome]
) -> list[ImportOutcome]:
    """Reduce the outcomes of purposes to one outcome per change."""
    remaining = iter(outcomes)
    return [
        min(
            islice(remaining, len(each.change.purposes)),
            key=_PRECEDENCE.index,
            default=ImportOutcome.SILENT,
        )
        for each in changes
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
