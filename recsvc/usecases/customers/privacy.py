"""Privacy use cases: export, merge and erase a customer. The caller checks authorization."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from recsvc.domain.consent.consent import ConsentRecord
from recsvc.domain.consent.hash_chain import HistoryRow
from recsvc.domain.customers.privacy import MergeResult, Rewrite, RewriteState
from recsvc.domain.customers.profile import FlaggedProfile
from recsvc.domain.customers.purchase_history import (
    ALL_UNITS,
    BoughtItem,
    Dismissal,
    OrderPart,
    Refund,
)
from recsvc.domain.customers.recent_events import RecentEvent, decode, decode_impressions
from recsvc.domain.errors import BadRequest, FieldError, StoreUnavailable
from recsvc.domain.offers.claims import Claim
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client.aof_rewrite import AofRewrite
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.customers.profiles import ProfileStore
from recsvc.stores.customers.recent_activity import PurchaseStore, RecentEventStore
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.decisions import DecisionStore
from recsvc.usecases.customers.published_data import PublishedDataReader
from recsvc.usecases.events import RECENT_KINDS

# Data that only the next training removes, and when.
NEXT_TRAINING = (
    "the customer's lists and purchases in published models, and the part of their purchases in "
    "the lists of all customers",
    "the next `recsvc-train run --consents service` that publishes; older versions hold them until "
    "they are deleted (an export names them under `models`)",
)
UNTIL_THEN = "every version made before the erasure serves the customer as unknown"
SHOP_REMOVES = (
    "purchase files and drained event files that name the customer (the trainer leaves the "
    "customer out only with --consents service)",
    "drained decision files, which hold the customer's keyed hash",
    "backups and replicas of the store that are older than the erasure",
)
SHOP_RENAMES = (
    "purchase files and drained event files that name the merged customer: the trainer leaves "
    "these lines out, unless they are renamed to the remaining customer",
)

Section = Callable[[ShopName, CustomerKey], Iterator[Any]]

_MICROSECONDS = 1_000_000
_TYPES = {kind: type_ for type_, kind in RECENT_KINDS.items()}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of an erasure. All of it is on disk, except for the pending rewrite."""

    customer: CustomerKey
    erased_at_us: int
    removed: Mapping[str, int]
    rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class MergeReceipt:
    """The result of a merge. `has_shared`: personal data was handed over.

    `ended`: purposes of the remaining customer that the merged customer's refusal ended.
    """

    was_known: bool
    has_shared: bool
    ended: Sequence[str]
    undrained_events_removed: int
    rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The stored data of a customer without consents; the iterators read it lazily.

    `lists`: JSON values by section name.
    """

    profile: FlaggedProfile
    history: Iterator[HistoryRow]
    lists: Mapping[str, Iterator[Any]]


@dataclass(frozen=True, slots=True)
class PrivacyStores:
    """The stores that hold data of a customer.

    `sections`: further lists of the export by name.
    """

    erasures: ErasureStore
    merges: MergeStore
    rewrite: AofRewrite
    history: HistoryStore
    profiles: ProfileStore
    recent: RecentEventStore
    purchases: PurchaseStore
    log: EventLog
    claims: ClaimRecords
    decisions: DecisionStore
    models: PublishedDataReader
    sections: Mapping[str, Section]


class PrivacyService:
    """Exports, merges and erases the data of a customer across all stores."""

    def __init__(self, stores: PrivacyStores) -> None:
        self._stores = stores

    def erase(self, shop: ShopName, customer: CustomerKey, actor: str) -> Receipt:
        """Erase a customer, and complete unfinished merges into that customer.

        An unknown customer is erased alike; only the counts of the receipt differ.
        """
        erased = self._stores.erasures.erase(shop, customer, actor)
        for away, merged in self._stores.merges.unfinished(shop).items():
            if merged.into == customer:
                self._finish_merge(shop, away, merged)
        return Receipt(customer, erased.at_us, erased.removed, self._request_rewrite(shop))

    def merge(
        self, shop: ShopName, away: CustomerKey, into: CustomerKey, actor: str
    ) -> MergeReceipt:
        """Merge one customer into another; raise BadRequest or Conflict if that is impossible.

        An interrupted merge of `away` is completed first, whatever its target.
        """
        if away == into:
            detail = "is the customer to be merged; name another one"
            raise BadRequest(
                f"into {detail}", code="merge_into_itself", errors=[FieldError("into", detail)]
            )
        begun = self._stores.merges.unfinished(shop).get(away)
        if begun is not None:
            removed = self._finish_merge(shop, away, begun)
            if begun.into == into:
                return self._receipt(shop, begun, removed)
        merged = self._stores.merges.merge(shop, away, into, actor)
        if not merged.was_known:
            return MergeReceipt(False, False, (), 0, Rewrite(RewriteState.NOT_DUE))
        return self._receipt(shop, merged, self._finish_merge(shop, away, merged))

    def _receipt(self, shop: ShopName, merged: MergeResult, removed: int) -> MergeReceipt:
        rewrite = self._request_rewrite(shop)
        return MergeReceipt(merged.was_known, merged.has_shared, merged.ended, removed, rewrite)

    def _finish_merge(self, shop: ShopName, away: CustomerKey, merged: MergeResult) -> int:
        """Hand over the claims of `away` and erase the rest; return the number of removed events.

        Idempotent. Nothing is handed over if the remaining customer was erased after the merge.
        """
        stores, into = self._stores, merged.into
        if not stores.erasures.was_erased_after(shop, into, merged.recorded_at_us):
            stores.claims.merge(shop, away, into, with_shown_and_dismissed=merged.has_shared_offers)
        removed = stores.erasures.finish_erasure(shop, away)
        stores.erasures.finish_erasure(shop, into)
        stores.merges.finish(shop, away, merged)
        return removed

    def export(self, shop: ShopName, customer: CustomerKey, record: ConsentRecord) -> PersonalData:
        """Return the stored data. `record`: the customer's consent record, for its tombstone."""
        stores = self._stores
        recent = decode(stores.recent.of(shop, customer))
        bought = stores.purchases.of(shop, customer)
        lists = {name: section(shop, customer) for name, section in stores.sections.items()}
        return PersonalData(
            stores.profiles.get(shop, customer),
            stores.history.all_rows_of(shop, customer),
            {
                "events": self._events(shop, customer, recent),
                "impressions": map(
                    _impression, decode_impressions(stores.recent.impressions_of(shop, customer))
                ),
                "purchases": map(_bought_item, bought.items),
                "orders": map(_order, bought.parts),
                "refunds": map(_refund, bought.refunds),
                "dismissed_items": map(_dismissal, bought.dismissals),
                "decisions": map(_decision, stores.decisions.of_customer(shop, customer)),
                "claims": map(_claim, stores.claims.claims(shop, customer)),
                "offer_caps": iter([stores.claims.caps(shop, customer)]),
                **lists,
                "models": stores.models.of(shop, customer, _recorded_at_us(record)),
            },
        )

    def _events(
        self, shop: ShopName, customer: CustomerKey, recent: list[RecentEvent]
    ) -> Iterator[Any]:
        """Yield the events of the log unchanged, then recent events that are not in the log."""
        remaining = {_recent_identity(event): None for event in recent}
        for entry in self._stores.log.entries_of(shop, customer):
            event = msgspec.json.decode(entry.event)
            remaining.pop(_logged_identity(event), None)
            yield event
        for type_, item_id, timestamp in remaining:
            yield {"type": type_, "item_id": item_id, "timestamp": timestamp}

    def _request_rewrite(self, shop: ShopName) -> Rewrite:
        """Request a rewrite; report a failure instead of raising it, since the erasure is done."""
        try:
            return self._stores.rewrite.request(shop)
        except StoreUnavailable as fault:
            return Rewrite(RewriteState.REFUSED, fault.detail)


def _impression(impression: tuple[int, ItemId]) -> dict[str, Any]:
    seconds, item_id = impression
    return {"item_id": item_id, "at": rfc3339(seconds * _MICROSECONDS)}


def _bought_item(item: BoughtItem) -> dict[str, Any]:
    return {"item_id": item.item_id, "times": item.times, "last_at": _minute(item.last_minute)}


def _order(part: OrderPart) -> dict[str, Any]:
    lines = [
        {"item_id": line.item_id, "paid": line.paid, "quantity": line.units} for line in part.lines
    ]
    return {"order": part.order or None, "at": _minute(part.minute), "lines": lines}


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "order": refund.order,
        "at": _minute(refund.minute),
        "item_id": refund.item_id,
        "quantity": None if refund.units == ALL_UNITS else refund.units,
    }


def _dismissal(dismissal: Dismissal) -> dict[str, Any]:
    return {
        "item_id": dismissal.item_id,
        "at": rfc3339(dismissal.at_ms * 1000),
        "cancelled": dismissal.is_cancelled,
    }


def _decision(decision: DecisionRecord) -> dict[str, Any]:
    content = msgspec.json.decode(decision.content)
    return {
        "decision_id": decision.decision_id,
        "at": rfc3339(decision.at_us),
        **(content if isinstance(content, dict) else {"content": content}),
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "claim_id": claim.claim_id,
        "offer_id": claim.offer_id,
        "state": claim.state,
        "code": claim.code,
        "channel": claim.channel,
        "at": None if claim.at_us is None else rfc3339(claim.at_us),
        "expires_at": rfc3339(claim.expires_at_us),
    }


def erased_at_us(record: ConsentRecord) -> int | None:
    return None if record.tombstone is None else record.tombstone.erased_at_us


def _recorded_at_us(record: ConsentRecord) -> int | None:
    """Return the history time of the erasure, which is compared with the times of models."""
    return None if record.tombstone is None else record.tombstone.recorded_at_us


def _recent_identity(event: RecentEvent) -> tuple[str, str, str]:
    kind, seconds, item_id = event
    return str(_TYPES[kind]), item_id, _whole_seconds(seconds)


def _logged_identity(event: dict[str, Any]) -> tuple[str, str, str]:
    return str(event.get("type")), str(event.get("item_id")), str(event.get("timestamp"))[:19] + "Z"


def _minute(minute: int) -> str:
    return _whole_seconds(minute * 60)


def _whole_seconds(seconds: int) -> str:
    return rfc3339(seconds * _MICROSECONDS)[:19] + "Z"
