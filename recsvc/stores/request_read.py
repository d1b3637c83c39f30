"""The request's Redis read: one round trip that fetches a customer's consent, recent events and
purchase history, and the shop's epochs and consent policy. An offer decision also fetches profile
and caps.

The transaction ends with a write command that changes nothing, so it causes no fsync. It fails on a
read-only replica, which may lag behind a withdrawal; such a store is treated as unavailable.

A store that is slow, or sends an answer that cannot be read, yields None, and the request goes on
without personal data. Nothing here raises and nothing is cached. Personal data stays sealed until
the consent gate opens it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

import hiredis

from recsvc.domain.consent.consent import ConsentRecord
from recsvc.domain.consent.gate import OFFER_PURPOSES, Sealed
from recsvc.domain.customers.purchase_history import UNREADABLE_TEXT
from recsvc.domain.customers.recent_events import MAX_EVENTS, MAX_IMPRESSIONS
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import STORE_FAULTS, WRITE_TIMEOUT_SECONDS, Connections
from recsvc.stores.consents.policy_clock import Minimums, read_minimums
from recsvc.stores.consents.record_codec import decode

# hiredis's stub has tuples of one word only.
_pack: Callable[[tuple[str, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]

_MULTI = _pack(("MULTI",))
_EXEC = _pack(("EXEC",))
_EPOCH_FIELDS = 4
_REPLIES_OF_SHOP = 4  # to MULTI, HMGET, PERSIST and EXEC
_SHOPS_KEPT = 64  # packed commands; a caller can name any shop, and memory must stay bounded
_LAST_EVENT, _LAST_IMPRESSION = str(MAX_EVENTS - 1), str(MAX_IMPRESSIONS - 1)


class Epochs(NamedTuple):
    """The number of changes to the keys, the catalogue and the offers; workers cache all three."""

    keys: int
    catalogue: int
    offers: int = 0


@dataclass(frozen=True, slots=True)
class OfferData:
    """The customer's data for an offer decision: profile (JSON) and caps (hash).

    None: the answer could not be read.
    """

    profile: Sealed | None
    caps: Sealed | None


@dataclass(frozen=True, slots=True)
class RequestData:
    """The result of one read.

    `consent` is None for requests without a customer, and when the consent or the policy could
    not be read; so are `recent_events` and `history` (the text of the purchase history, or
    nothing). `minimums` is None when the policy could not be read. `offer_data` and
    `impressions` are set for requests that read them. `epochs` is None when the store did not
    answer: then the answer is not personal and nothing is written.
    """

    consent: ConsentRecord | None
    epochs: Epochs | None
    recent_events: Sealed | None = field(default=None, compare=False)
    history: Sealed | None = field(default=None, compare=False)
    minimums: Minimums | None = field(default=None, compare=False)
    offer_data: OfferData | None = field(default=None, compare=False)
    impressions: Sealed | None = field(default=None, compare=False)

    @property
    def is_current(self) -> bool:
        """True when the store answered, so that the worker knows the current epochs."""
        return self.epochs is not None


NO_REPLY = RequestData(None, None)


# A command about the customer, and the decoder of its answer (None: it cannot be read).
_Command = Callable[[ShopName, CustomerKey], tuple[str, ...]]
_Decoder = Callable[[CustomerKey, object], Any]
_Parts = tuple[tuple[_Command, _Decoder], ...]


class RequestRead:
    """Makes the read of each request."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections.raw_connections
        self._breaker = connections.breaker

    def read(
        self,
        shop: ShopName,
        customer: CustomerKey | None,
        *,
        for_offers: bool = False,
        for_rotation: bool = False,
        uses_write_timeout: bool = False,
    ) -> RequestData:
        """Return the request's data within the deadline, or `NO_REPLY`.

        `for_offers`: also read the customer's offer data. `for_rotation`: also read the impressions
        (not both). `uses_write_timeout`: wait as long as
        for a write, because the request cannot be answered without the store.
        """
        parts = _OFFER_DECISION if for_offers else _ROTATION if for_rotation else _CUSTOMER
        request, replies = _request(shop, customer, parts)
        if uses_write_timeout:
            return self._read_with_write_timeout(request, replies, customer, parts)
        if not self._breaker.allows():
            return NO_REPLY
        try:
            received = self._connections.exchange(request, replies)
        except STORE_FAULTS:
            self._breaker.failed()
            return NO_REPLY
        self._breaker.succeeded()
        return _data(received[-1], customer, parts)

    def _read_with_write_timeout(
        self, request: bytes, replies: int, customer: CustomerKey | None, parts: _Parts
    ) -> RequestData:
        """Leave the circuit breaker alone: it counts reads that miss RECSVC_READ_TIMEOUT_MS."""
        try:
            received = self._connections.exchange(request, replies, WRITE_TIMEOUT_SECONDS)
        except STORE_FAULTS:
            return NO_REPLY
        return _data(received[-1], customer, parts)


def _request(shop: ShopName, customer: CustomerKey | None, parts: _Parts) -> tuple[bytes, int]:
    """Return the transaction's bytes and its number of replies."""
    start, end = _shop_commands(shop)
    if customer is None:
        return start + end, _REPLIES_OF_SHOP
    for command, _ in parts:
        start += _pack(command(shop, customer))
    return start + end, _REPLIES_OF_SHOP + len(parts)


@lru_cache(_SHOPS_KEPT)
def _shop_commands(shop: ShopName) -> tuple[bytes, bytes]:
    """Return the beginning and the end of every transaction about the shop."""
    epochs = redis_keys.epochs(shop)
    fields = (
        redis_keys.EPOCH_OF_KEYS,
        redis_keys.EPOCH_OF_CATALOGUE,
        redis_keys.EPOCH_OF_OFFERS,
        redis_keys.POLICY,
    )
    # The epochs have no expiry, so PERSIST changes nothing.
    return _MULTI + _pack(("HMGET", epochs, *fields)), _pack(("PERSIST", epochs)) + _EXEC


def _data(answers: object, customer: CustomerKey | None, parts: _Parts) -> RequestData:
    """Decode EXEC's answers. Any other shape is not the answer to this request: `NO_REPLY`."""
    if not isinstance(answers, list):
        return NO_REPLY
    try:
        versions, *of_customer, persisted = answers
        takes_writes = type(persisted) is int  # otherwise the error of a read-only replica
        epochs = _epochs(versions) if takes_writes else None
        if epochs is None:
            return NO_REPLY
        minimums = _minimums(versions)
        if customer is None:
            return NO_REPLY if of_customer else RequestData(None, epochs, minimums=minimums)
        consent, recent, history, *more = [
            decoder(customer, answer)
            for (_, decoder), answer in zip(parts, of_customer, strict=True)
        ]
    except ValueError:
        return NO_REPLY
    return RequestData(
        None if minimums is None else consent,
        epochs,
        recent,
        history,
        minimums,
        OfferData(*more) if parts is _OFFER_DECISION else None,
        more[0] if parts is _ROTATION else None,
    )


def _epochs(answer: object) -> Epochs | None:
    if not isinstance(answer, list) or len(answer) != _EPOCH_FIELDS:
        return None
    try:
        return Epochs(int(answer[0] or 0), int(answer[1] or 0), int(answer[2] or 0))
    except (ValueError, TypeError):
        return None


def _minimums(answer: list[Any]) -> Minimums | None:
    stored = answer[-1]
    return read_minimums(stored) if stored is None or isinstance(stored, bytes) else None


def _consent(_customer: CustomerKey, answer: object) -> ConsentRecord | None:
    if not isinstance(answer, list):
        return None
    try:
        return decode(answer)
    except (ValueError, TypeError, AttributeError):
        return None


def _recent(customer: CustomerKey, answer: object) -> Sealed | None:
    return Sealed(customer, answer) if _is_texts(answer) else None


def _history(customer: CustomerKey, answer: object) -> Sealed:
    """A key of another type, as the list of an older release, is a history that is unreadable."""
    if answer is None:
        return Sealed(customer, [])
    return Sealed(customer, [answer if isinstance(answer, bytes) else UNREADABLE_TEXT])


def _profile(customer: CustomerKey, answer: object) -> Sealed | None:
    if answer is not None and not isinstance(answer, bytes):
        return None
    return Sealed(customer, [] if answer is None else [answer], OFFER_PURPOSES)


def _texts_for_offers(customer: CustomerKey, answer: object) -> Sealed | None:
    return Sealed(customer, answer, OFFER_PURPOSES) if _is_texts(answer) else None


def _is_texts(answer: object) -> TypeGuard[list[bytes]]:
    return isinstance(answer, list) and set(map(type, answer)) <= {bytes}


# In the order of `RequestData` and `OfferData`.
_CUSTOMER: _Parts = (
    (lambda shop, key: ("HGETALL", redis_keys.customer(shop, key)), _consent),
    (lambda shop, key: ("LRANGE", redis_keys.recent(shop, key), "0", _LAST_EVENT), _recent),
    (lambda shop, key: ("GET", redis_keys.purchases(shop, key)), _history),
)
_ROTATION: _Parts = (
    *_CUSTOMER,
    (
        lambda shop, key: ("LRANGE", redis_keys.impressions(shop, key), "0", _LAST_IMPRESSION),
        _recent,
    ),
)
_OFFER_DECISION: _Parts = (
    *_CUSTOMER,
    (lambda shop, key: ("GET", redis_keys.profile(shop, key)), _profile),
    (lambda shop, key: ("HGETALL", redis_keys.caps(shop, key)), _texts_for_offers),
)
