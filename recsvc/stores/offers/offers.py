"""Offers in the store: one JSON record each, and a hash with limits and counters for the scripts.

A record holds no codes: they are stored one by one and handed out once. Each change is one script
that also increments the epoch for the workers. So is the exhaustion of an offer and its end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
import redis
import structlog
from redis.client import Pipeline
from redis.typing import EncodableT as Encoded

from recsvc.domain.offers.offer import Offer, PeriodCap
from recsvc.domain.offers.stored_offer import NewOffer, OfferState, StoredOffer
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.catalogue.change_log import FEW_ENTRIES, ChangeLog
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.batches import chunks
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.offers.scripts import DELETE_OFFER, PUT_OFFER, keys_of_offer

REPLIES_PER_OFFER = 4

_US_OF_DAY = 86_400_000_000
_OFFERS_PER_CALL = 100
_HIDDEN_CODES = ("",)  # in place of the pool of codes, which is never read
_STORE_CLOCK = ""  # the scripts use the store's time

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OfferChanges:
    """The offers that changed up to `epoch`. None: the offer was deleted."""

    epoch: int
    offers: Mapping[OfferId, StoredOffer | None]


class OfferStore:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes
        self._reads = connections.reads
        self._changes = ChangeLog(
            connections.reads, redis_keys.EPOCH_OF_OFFERS, redis_keys.offers_log
        )
        self._put = connections.writes.register_script(PUT_OFFER)
        self._delete = connections.writes.register_script(DELETE_OFFER)

    def put_many(self, shop: ShopName, offers: Iterable[NewOffer]) -> int:
        """Create or replace the offers, in order; return their number.

        Counters and claims stay. A code that a customer has is not handed out again.
        """
        count = 0
        for chunk in chunks(offers, _OFFERS_PER_CALL):
            with store_faults():
                self._put_chunk(shop, chunk)
            count += len(chunk)
        return count

    def delete(self, shop: ShopName, offer: OfferId) -> bool:
        """Delete the offer, its codes and counters; return whether it existed.

        A later offer of the same id does not hand out codes that customers have, as long as claims
        are stored.
        """
        args: list[Encoded] = [offer, _STORE_CLOCK, redis_keys.CLAIM_SECONDS]
        with store_faults():
            return bool(self._delete(keys=_keys(shop, offer), args=args))

    def get(self, shop: ShopName, offer: OfferId) -> StoredOffer | None:
        return self._read(shop, [offer], self._redis)[offer]

    def ids(self, shop: ShopName) -> list[OfferId]:
        """Return the ids of all offers, sorted."""
        with store_faults():
            found = cast("list[bytes]", self._redis.hkeys(redis_keys.offers(shop)))
        return sorted(_id(each) for each in found)

    def many(self, shop: ShopName, offers: Sequence[OfferId]) -> Iterator[StoredOffer]:
        """Yield the offers that exist, in the given order."""
        for chunk in chunks(offers, _OFFERS_PER_CALL):
            found = self._read(shop, chunk, self._redis)
            yield from (each for each in found.values() if each is not None)

    def states(self, shop: ShopName, offers: Sequence[OfferId]) -> dict[OfferId, OfferState]:
        """Return the counters of offers. Those of shown and accepted change without an epoch."""
        states: dict[OfferId, OfferState] = {}
        for chunk in chunks(offers, _OFFERS_PER_CALL):
            pipeline = self._redis.pipeline(transaction=False)
            for offer in chunk:
                _queue_state_reads(pipeline, shop, offer)
            with store_faults():
                replies = _checked(pipeline.execute(raise_on_error=False))
            found = zip(chunk, map(_state, chunks(replies, REPLIES_PER_OFFER - 1)), strict=True)
            states |= {offer: state for offer, state in found if state is not None}
        return states

    def changes_since(
        self, shop: ShopName, epoch: int | None, most_entries: int = FEW_ENTRIES
    ) -> OfferChanges | None:
        """Return the changes since a worker's `epoch`.

        None if the log does not have them all or they exceed `most_entries`: then read the `whole`.
        """
        changed = None
        if epoch is not None:
            changed = self._changes.changed_ids(shop, epoch, most_entries)
        if changed is None:
            return None
        now, ids = changed
        return OfferChanges(now, self._read(shop, [OfferId(each) for each in ids], self._reads))

    def whole(self, shop: ShopName) -> OfferChanges:
        """Return every offer. An offer that changes during the read is also in the next changes."""
        epoch = self._changes.epoch(shop)  # before the offers
        offers: dict[OfferId, StoredOffer | None] = {}
        for chunk in chunks(self.ids(shop), _OFFERS_PER_CALL):
            offers |= self._read(shop, chunk, self._reads)
        return OfferChanges(epoch, offers)

    def _put_chunk(self, shop: ShopName, offers: Sequence[NewOffer]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for new in offers:
            self._put(keys=_keys(shop, new.offer.offer_id), args=_put_args(new), client=pipeline)
        pipeline.execute()

    def _read(
        self, shop: ShopName, offers: Sequence[OfferId], client: redis.Redis
    ) -> dict[OfferId, StoredOffer | None]:
        pipeline = client.pipeline(transaction=True)
        for offer in offers:
            queue_offer_reads(pipeline, shop, offer)
        with store_faults():
            parts = list(
                chunks(_checked(pipeline.execute(raise_on_error=False)), REPLIES_PER_OFFER)
            )
        return {offer: read_offer(shop, part) for offer, part in zip(offers, parts, strict=True)}


def queue_offer_reads(pipeline: Pipeline, shop: ShopName, offer: OfferId) -> None:
    """Queue the reads whose replies `read_offer` takes."""
    pipeline.hget(redis_keys.offers(shop), offer)
    _queue_state_reads(pipeline, shop, offer)


def read_offer(shop: ShopName, replies: Sequence[Any]) -> StoredOffer | None:
    """Decode one offer; None for no offer or, with a log event, an unreadable one."""
    if any(map(_is_error, replies)):
        _log.warning("offer_unreadable", shop=shop)
        return None
    record, *state = replies
    return _stored(shop, record, _state(state))


def _is_error(reply: object) -> bool:
    return isinstance(reply, redis.RedisError)


def _checked(replies: list[Any]) -> list[Any]:
    """Raise a fault of the store. A key of the wrong type is a fault of one offer: not raised."""
    for reply in replies:
        if _is_error(reply) and not str(reply).startswith("WRONGTYPE"):
            raise reply
    return replies


def _keys(shop: ShopName, offer: OfferId) -> list[str]:
    return [
        *keys_of_offer(shop, offer),
        redis_keys.offers(shop),
        redis_keys.offer_retired(shop, offer),
    ]


def _put_args(new: NewOffer) -> list[Encoded]:
    record = msgspec.json.encode(replace(new.offer, codes=()))
    limits = [part for name, value in limits_of(new.offer).items() for part in (name, value)]
    replaces = "" if new.codes is None else "1"
    return [
        new.offer.offer_id,
        _STORE_CLOCK,
        record,
        replaces,
        len(limits),
        *limits,
        *(new.codes or ()),
    ]


def limits_of(offer: Offer) -> dict[str, int]:
    """Return the offer's window, caps and use of codes as fields of its state, for the scripts."""
    caps = offer.caps
    fields: dict[str, int | None] = {
        "starts_us": offer.starts_at_us,
        "ends_us": offer.ends_at_us,
        "total_redeemed": caps.total_redeemed,
        "total_shown": caps.total_shown,
        "reuse_codes": 1 if offer.reuse_codes else None,
        **_period("customer", caps.per_customer),
        **_period("shown", caps.per_customer_shown),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _period(name: str, cap: PeriodCap | None) -> dict[str, int | None]:
    if cap is None:
        return {}
    days = cap.period_days
    return {f"{name}_limit": cap.limit, f"{name}_us": None if days is None else days * _US_OF_DAY}


def _queue_state_reads(pipeline: Pipeline, shop: ShopName, offer: OfferId) -> None:
    pipeline.hgetall(redis_keys.offer_state(shop, offer))
    pipeline.zcard(redis_keys.offer_codes(shop, offer))
    pipeline.zrange(redis_keys.offer_holds(shop, offer), 0, 0, withscores=True)


def _state(replies: Sequence[Any]) -> OfferState | None:
    fields, codes_left, first_hold = replies
    if not fields or any(map(_is_error, replies)):
        return None
    numbers = {name.decode(): value for name, value in fields.items()}
    counts = {name: int(numbers.get(name, 0)) for name in COUNTERS}
    return OfferState(
        **counts,
        is_exhausted=numbers.get("is_out") == b"1",
        has_codes=numbers.get("has_codes") == b"1",
        codes_left=codes_left,
        first_hold_end_us=int(first_hold[0][1]) if first_hold else None,
    )


def _stored(shop: ShopName, record: bytes | None, state: OfferState | None) -> StoredOffer | None:
    if record is None or state is None:
        return None
    try:
        offer = _decoded(record)
    except msgspec.DecodeError:
        _log.warning("offer_unreadable", shop=shop)
        return None
    return StoredOffer(replace(offer, codes=_HIDDEN_CODES if state.has_codes else ()), state)


def _decoded(record: bytes) -> Offer:
    """Decode a stored offer; raise `msgspec.DecodeError` for a member that this version lacks.

    msgspec would ignore the member. During an update of several workers an older one would then
    offer without a condition or cap that a newer one has stored.
    """
    offer = msgspec.json.decode(record, type=Offer)
    if _has_unknown_members(msgspec.json.decode(record), msgspec.to_builtins(offer)):
        raise msgspec.ValidationError("a member of the offer is unknown to this version")
    return offer


def _has_unknown_members(stored: Any, known: Any) -> bool:
    if not isinstance(stored, dict):
        return False
    return any(
        name not in known or _has_unknown_members(value, known[name])
        for name, value in stored.items()
    )


def _id(name: bytes) -> OfferId:
    return OfferId(name.decode(errors="replace"))


COUNTERS = ("incarnation", "revision", "taken", "redeemed", "shown", "accepted")
