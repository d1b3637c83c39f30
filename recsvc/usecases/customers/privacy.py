"""What a customer may demand: a copy, to be one with another id of theirs, to be erased.

Whoever calls has made sure that it may be asked.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from recsvc.domain.consent.consent import ConsentRecord
from recsvc.domain.consent.hash_chain import HistoryRow
from recsvc.domain.customers import recent_purchases as purchases
from recsvc.domain.customers.privacy import MergeResult, Rewrite, RewriteState
from recsvc.domain.customers.profile import FlaggedProfile
from recsvc.domain.customers.recent_events import RecentEvent, decode
from recsvc.domain.customers.recent_purchases import PurchaseLine
from recsvc.domain.errors import BadRequest, FieldError, StoreUnavailable
from recsvc.domain.offers.claims import Claim
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
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

# What only the next training removes, and by when.
NEXT_TRAINING = (
    "the customer's lists and purchases in published models, and what their purchases added to "
    "what all customers see",
    "the next `recsvc-train run --consents service` that publishes; older versions hold them until "
    "they are deleted (an export names them under `models`)",
)
UNTIL_THEN = "every version made before the erasure serves the customer as unknown"
SHOP_REMOVES = (
    "purchase files and drained event files that name the customer (the trainer leaves the "
    "customer out of them with --consents service, and with nothing else)",
    "drained decision files, which hold the customer's keyed hash",
    "backups and replicas of the store that are older than the erasure",
)
SHOP_RENAMES = (
    "purchase files and drained event files that name the one who was merged: the trainer leaves "
    "these lines out, unless they are renamed to the one who stays",
)

Section = Callable[[ShopName, CustomerKey], Iterator[Any]]

_MICROSECONDS = 1_000_000
_TYPES = {kind: type_ for type_, kind in RECENT_KINDS.items()}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did: all of it is done and on disk, but for the rewrite."""

    customer: CustomerKey
    erased_at_us: int
    removed: Mapping[str, int]
    rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class MergeReceipt:
    """`has_shared`: whether both permitted that profile, recent events and purchases became
    one."""

    has_shared: bool
    undrained_events_removed: int
    rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What is held of a customer, but for consents; what may be much is read as it is asked for.

    `lists`: by name, values that JSON can say.
    """

    told: FlaggedProfile
    history: Iterator[HistoryRow]
    lists: Mapping[str, Iterator[Any]]


@dataclass(frozen=True, slots=True)
class PrivacyStores:
    """Where it is that something is held of a customer.

    `sections`: lists of an export that other stores keep, by name.
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
    def __init__(self, stores: PrivacyStores) -> None:
        self._stores = stores

    def erase(self, shop: ShopName, customer: CustomerKey, actor: str) -> Receipt:
        """Erase a customer, known or not: who asks learns nothing of that but from the counts."""
        erased = self._stores.erasures.erase(shop, customer, actor)
        for away, merged in self._stores.merges.unfinished(shop).items():
            if merged.into == customer:
                self._finish_merge(shop, away, merged)
        return Receipt(customer, erased.at_us, erased.removed, self._rewritten(shop))

    def merge(
        self, shop: ShopName, away: CustomerKey, into: CustomerKey, actor: str
    ) -> MergeReceipt:
        """Merge one customer into another; raise BadRequest or Conflict where that cannot be.

        A merge that was interrupted is completed first, whoever asks.
        """
        if away == into:
            detail = "is the customer who is to be merged; name another, who stays"
            raise BadRequest(
                f"into {detail}", code="merge_into_itself", errors=[FieldError("into", detail)]
            )
        begun = self._stores.merges.unfinished(shop).get(away)
        if begun is not None:
            removed = self._finish_merge(shop, away, begun)
            if begun.into == into:
                return MergeReceipt(begun.has_shared, removed, self._rewritten(shop))
        merged = self._stores.merges.merge(shop, away, into, actor)
        removed = self._finish_merge(shop, away, merged)
        return MergeReceipt(merged.has_shared, removed, self._rewritten(shop))

    def _finish_merge(self, shop: ShopName, away: CustomerKey, merged: MergeResult) -> int:
        """Hand on what is left of `away`, then forget it; return how many events that removed.

        Twice is as once. One who stayed and was erased since, as anybody may be meanwhile, keeps
        nothing of it.
        """
        stores, into = self._stores, merged.into
        if not stores.erasures.was_erased_after(shop, into, merged.recorded_at_us):
            stores.claims.merge(shop, away, into, with_said=merged.has_shared_offers)
        removed = stores.erasures.finish_erasure(shop, away)
        stores.erasures.finish_erasure(shop, into)
        stores.merges.finish(shop, away, merged)
        return removed

    def held(self, shop: ShopName, customer: CustomerKey, record: ConsentRecord) -> PersonalData:
        """`record`: the customer's, which tells of an erasure."""
        stores = self._stores
        recent = decode(stores.recent.of(shop, customer))
        bought = purchases.decode(stores.purchases.of(shop, customer))
        lists = {name: section(shop, customer) for name, section in stores.sections.items()}
        return PersonalData(
            stores.profiles.get(shop, customer),
            stores.history.all_rows_of(shop, customer),
            {
                "events": self._events(shop, customer, recent),
                "purchases": map(_bought, bought),
                "decisions": map(_decided, stores.decisions.of_customer(shop, customer)),
                "claims": map(_claimed, stores.claims.claims(shop, customer)),
                "offer_caps": iter([stores.claims.caps(shop, customer)]),
                **lists,
                "models": stores.models.of(shop, customer, _recorded_at_us(record)),
            },
        )

    def _events(
        self, shop: ShopName, customer: CustomerKey, recent: list[RecentEvent]
    ) -> Iterator[Any]:
        """Yield the events of the log as they are, then recent ones that are not in it."""
        left = {_shown(event): None for event in recent}
        for entry in self._stores.log.entries_of(shop, customer):
            event = msgspec.json.decode(entry.event)
            left.pop(_seen(event), None)
            yield event
        for type_, item_id, timestamp in left:
            yield {"type": type_, "item_id": item_id, "timestamp": timestamp}

    def _rewritten(self, shop: ShopName) -> Rewrite:
        """Ask for the rewrite. The erasure is done: what befalls this is told, and no error."""
        try:
            return self._stores.rewrite.ask(shop)
        except StoreUnavailable as fault:
            return Rewrite(RewriteState.REFUSED, fault.detail)


def _bought(line: PurchaseLine) -> dict[str, Any]:
    return {
        "item_id": line.item_id,
        "timestamp": _to_the_second(line.at_seconds),
        "order": line.order,
        "paid": line.paid,
    }


def _decided(decision: DecisionRecord) -> dict[str, Any]:
    content = msgspec.json.decode(decision.content)
    return {
        "decision_id": decision.decision_id,
        "at": rfc3339(decision.at_us),
        **(content if isinstance(content, dict) else {"content": content}),
    }


def _claimed(claim: Claim) -> dict[str, Any]:
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
    """Return when, in the history, the customer was erased: models count by that."""
    return None if record.tombstone is None else record.tombstone.recorded_at_us


def _shown(event: RecentEvent) -> tuple[str, str, str]:
    kind, seconds, item_id = event
    return str(_TYPES[kind]), item_id, _to_the_second(seconds)


def _seen(event: dict[str, Any]) -> tuple[str, str, str]:
    return str(event.get("type")), str(event.get("item_id")), str(event.get("timestamp"))[:19] + "Z"


def _to_the_second(seconds: int) -> str:
    return rfc3339(seconds * _MICROSECONDS)[:19] + "Z"
