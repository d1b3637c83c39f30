"""The one round trip of a request: the customer's consent and recent events, the shop's epochs and
policy; for a decision on offers also what the shop told of the customer, the caps, and what was
bought.

Each trip also asks for a write that changes nothing, and so costs no fsync: a store that takes no
writes (a replica, one that a failover has stopped) may not have heard of a withdrawal, and is as
one that is away.

A store that does not answer in time, or answers what cannot be read, is told as None: the
request goes on without the person. Nothing here raises, and nothing is cached. What is the
customer's stays sealed: whether it may be looked at, the consent decides.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import hiredis

from recsvc.domain.consent.consent import ConsentRecord
from recsvc.domain.consent.gate import OFFER_PURPOSES, Sealed
from recsvc.domain.customers.recent_events import MAX_EVENTS
from recsvc.domain.customers.recent_purchases import MAX_LINES
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
_WITH_OFFERS = 7  # answers
_OF_OFFERS = slice(3, 6)
_LAST_PLACE, _LAST_LINE = str(MAX_EVENTS - 1), str(MAX_LINES - 1)


@dataclass(frozen=True, slots=True)
class Epochs:
    """How often each thing that workers hold a copy of has changed. 0: never."""

    keys: int
    catalogue: int
    offers: int = 0


@dataclass(frozen=True, slots=True)
class OfferData:
    """What a decision on offers reads of a customer: the profile's JSON, the hash of the caps, and
    the latest purchases.

    None: it could not be read.
    """

    profile: Sealed | None
    caps: Sealed | None
    purchases: Sealed | None


@dataclass(frozen=True, slots=True)
class RequestData:
    """What one trip brought.

    `consent` is None for requests without a customer, and when the consent or the policy could
    not be read; so is `profile`, the customer's recent events. `minimums` is None when the policy
    could not be read. `offer_data` is set for requests that read it. `epochs` is None when the
    store did not answer: then the answer is not personal and nothing is written.
    """

    consent: ConsentRecord | None
    epochs: Epochs | None
    profile: Sealed | None = field(default=None, compare=False)
    minimums: Minimums | None = field(default=None, compare=False)
    offer_data: OfferData | None = field(default=None, compare=False)

    @property
    def is_current(self) -> bool:
        """Whether the store answered, so that the worker knows what has changed."""
        return self.epochs is not None


NO_REPLY = RequestData(None, None)


class RequestRead:
    """Reads what a request needs to know."""

    def __init__(self, connections: Connections) -> None:
        self._line = connections.line
        self._breaker = connections.breaker

    def read(
        self,
        shop: ShopName,
        customer: CustomerKey | None,
        *,
        for_offers: bool = False,
        uses_write_timeout: bool = False,
    ) -> RequestData:
        """Read within the deadline, whatever state the store is in.

        `for_offers`: also read the customer's offer data. `uses_write_timeout`: wait as long as
        for a write, because the request cannot be answered without the store.
        """
        request, replies = _request(shop, customer, for_offers)
        if uses_write_timeout:
            return self._read_with_write_timeout(request, replies, customer)
        if not self._breaker.allows():
            return NO_REPLY
        try:
            answers = self._line.ask(request, replies)
        except STORE_FAULTS:
            self._breaker.failed()
            return NO_REPLY
        self._breaker.succeeded()
        return _reply(answers, customer)

    def _read_with_write_timeout(
        self, request: bytes, replies: int, customer: CustomerKey | None
    ) -> RequestData:
        """Leave the breaker alone: what is slow for who waits 50 ms is not down."""
        try:
            answers = self._line.ask(request, replies, WRITE_TIMEOUT_SECONDS)
        except STORE_FAULTS:
            return NO_REPLY
        return _reply(answers, customer)


def _request(shop: ShopName, customer: CustomerKey | None, for_offers: bool) -> tuple[bytes, int]:
    """Return the bytes to send and how many replies they have."""
    epochs = _pack(
        (
            "HMGET",
            redis_keys.epochs(shop),
            redis_keys.EPOCH_OF_KEYS,
            redis_keys.EPOCH_OF_CATALOGUE,
            redis_keys.EPOCH_OF_OFFERS,
            redis_keys.POLICY,
        )
    )
    # The epochs never expire: that they go on doing so changes nothing.
    end = _pack(("PERSIST", redis_keys.epochs(shop))) + _EXEC
    if customer is None:
        return _MULTI + epochs + end, 4
    consent = _pack(("HGETALL", redis_keys.customer(shop, customer)))
    recent = _pack(("LRANGE", redis_keys.recent(shop, customer), "0", _LAST_PLACE))
    if not for_offers:
        return _MULTI + epochs + consent + recent + end, 6
    profile = _pack(("GET", redis_keys.profile(shop, customer)))
    caps = _pack(("HGETALL", redis_keys.caps(shop, customer)))
    bought = _pack(("LRANGE", redis_keys.purchases(shop, customer), "0", _LAST_LINE))
    return _MULTI + epochs + consent + recent + profile + caps + bought + end, 9


def _reply(replies: list[object], customer: CustomerKey | None) -> RequestData:
    answers = replies[-1]
    # Any other shape means that these are not the replies to our request.
    if not isinstance(answers, list) or len(answers) != len(replies) - 2:
        return NO_REPLY
    takes_writes = type(answers[-1]) is int  # else it says why not
    epochs = _epochs(answers[0]) if takes_writes else None
    if epochs is None:
        return NO_REPLY
    minimums = _minimums(answers[0])
    if customer is None:
        return RequestData(None, epochs, minimums=minimums)
    consent = None if minimums is None else _consent(answers[1])
    offer_data = (
        _offer_data(customer, *answers[_OF_OFFERS]) if len(answers) == _WITH_OFFERS else None
    )
    return RequestData(consent, epochs, _profile(customer, answers[2]), minimums, offer_data)


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


def _consent(answer: object) -> ConsentRecord | None:
    """Read the customer's hash; None when it is no hash."""
    if not isinstance(answer, list):
        return None
    try:
        return decode(answer)
    except (ValueError, TypeError, AttributeError):
        return None


def _profile(customer: CustomerKey, answer: object) -> Sealed | None:
    """Seal the recent events; None when they are no list."""
    return Sealed(customer, answer) if _is_texts(answer) else None


def _offer_data(
    customer: CustomerKey, profile: object, caps: object, purchases: object
) -> OfferData:
    """Seal profile, caps and purchases; None in place of what is of another kind."""
    sealed = None
    if profile is None or isinstance(profile, bytes):
        sealed = Sealed(customer, [] if profile is None else [profile], OFFER_PURPOSES)
    counted, bought = (
        Sealed(customer, answer, OFFER_PURPOSES) if _is_texts(answer) else None
        for answer in (caps, purchases)
    )
    return OfferData(sealed, counted, bought)


def _is_texts(answer: object) -> TypeGuard[list[bytes]]:
    return isinstance(answer, list) and set(map(type, answer)) <= {bytes}
