"""A shop in which nothing is personal: customers with any past, and one thing missing of each.

All that a route needs is granted and everything is known of the customer, but for the one denial
that an example is about. What is known is put into the store as it would stand there.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import uuid4

from hypothesis import strategies as st

from recsvc.config import Settings
from recsvc.domain.consent.consent import DAY_US, Flag, Purpose
from recsvc.domain.customers.recent_events import RecentKind, encode
from recsvc.domain.customers.recent_purchases import PurchaseLine
from recsvc.domain.customers.recent_purchases import encode as encode_line
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.consents import ImportedConsent
from recsvc.stores.consents.record_codec import SET, field_of, flag_field
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import stores_at
from tests.consents import now_us
from tests.contract.grocery import ANNA, BERT, ITEMS, ZOE, Service, publish_grocery

STRANGER = CustomerId("nobody-has-met")
TOO_OLD_DAYS = 400
VERSION, OLD_VERSION = "v10", "v9"
HELD = (
    redis_keys.customer,
    redis_keys.recent,
    redis_keys.caps,
    redis_keys.profile,
    redis_keys.purchases,
)

OFFERS: dict[str, dict[str, object]] = {
    "deal": {"items": ["item-03"]},
    "drinks": {"categories": ["drinks"], "value": 2.0, "channels": ["web"]},
    "vips": {"eligibility": {"segments": ["vip"]}},
    "regulars": {"eligibility": {"min_orders": 1}},
    "codes": {"codes": [f"C-{number}" for number in range(500)]},
    "first": {"priority": 3, "caps": {"per_customer": {"limit": 1}}},
    "once": {"caps": {"per_customer_shown": {"limit": 1}}},
    "over": {"ends_at": "2020-01-01T00:00:00Z"},
    "coming": {"starts_at": "2090-01-01T00:00:00Z"},
}
PERSONAL_OFFERS = frozenset({"vips", "regulars", "codes"})


class Denial(StrEnum):
    """Why one purpose is not permitted."""

    NEVER_ASKED = "never_asked"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    TOO_OLD = "too_old"
    OLD_POLICY = "old_policy"
    NO_POLICY = "no_policy"
    UNREADABLE = "unreadable"
    ERASED = "erased"
    PRIVACY_CONTROL = "privacy_control"
    MINOR = "minor"
    RESTRICTED = "restricted"
    OBJECTS = "objects_to_marketing"


@dataclass(frozen=True)
class Known:
    """All that the store holds of a customer, and the one thing that makes nobody of them.

    `others`: purposes that are granted beside what a route needs.
    """

    lacking: Purpose
    denial: Denial
    others: frozenset[Purpose] = frozenset(Purpose)
    was_erased: bool = False
    recent: list[bytes] | None = field(default_factory=list)  # None: what stands there is no list
    caps: dict[str, str] = field(default_factory=dict)
    profile: bytes = b""
    purchases: list[bytes] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Sec-GPC": "1"} if self.denial is Denial.PRIVACY_CONTROL else {}


CUSTOMERS = st.sampled_from([ANNA, BERT, ZOE])
_RECENT = st.builds(
    encode,
    st.sampled_from(RecentKind),
    st.integers(0, 2**34),
    st.sampled_from([*ITEMS, "new", "?"]),
)
_PURCHASES = st.builds(
    encode_line,
    st.builds(PurchaseLine, st.integers(0, 2**34), st.sampled_from([*ITEMS, "new", "?"])),
)
_CAPS = st.dictionaries(
    st.builds(
        "{}:{}".format, st.sampled_from(["taken", "shown", "dismissed"]), st.sampled_from([*OFFERS])
    ),
    st.sampled_from(["1 7", "2 7 8", "1 claim,5,0", "?", ""]),
    max_size=4,
)
_PROFILES = st.sampled_from([b"", b'{"segments":["vip"]}', b"?"])


def known(*lacking: Purpose) -> st.SearchStrategy[Known]:
    """Make customers who do not permit one of the purposes, and what is known of them."""
    return st.sampled_from(lacking).flatmap(_lacking)


def _lacking(purpose: Purpose) -> st.SearchStrategy[Known]:
    objections = set() if purpose is Purpose.OFFERS else {Denial.OBJECTS}
    return st.builds(
        Known,
        lacking=st.just(purpose),
        denial=st.sampled_from([each for each in Denial if each not in objections]),
        others=st.just(frozenset(Purpose)) | st.frozensets(st.sampled_from(Purpose)),
        was_erased=st.booleans(),
        recent=st.none() | st.lists(_RECENT | st.binary(max_size=40), max_size=25),
        caps=_CAPS,
        profile=_PROFILES,
        purchases=st.lists(_PURCHASES | st.binary(max_size=40), max_size=5),
    )


class PrivateShop(Service):
    """The grocery with a live catalogue, offers and a policy, and customers made to order."""

    def remember(self, customer: CustomerId, known: Known) -> None:
        """Put this in place of all that is known of the customer."""
        self.forget(customer)
        if known.was_erased:
            self.services.privacy.erase(self.shop, self.key(customer), "test")
        self.permit(customer, known.others | {known.lacking})
        self.tell(customer, known)
        self.deny(customer, known)

    def forget(self, customer: CustomerId) -> None:
        key = self.key(customer)
        names = [name(self.shop, key) for name in (*HELD, redis_keys.answers)]
        self.stores.connections.writes.delete(*names)

    def permit(self, customer: CustomerId, purposes: Iterable[Purpose] = Purpose) -> None:
        """Have the customer say yes to the purposes."""
        words = dict.fromkeys(purposes, True)
        self.stores.consents.write(self.shop, self.key(customer), words, VERSION)

    def key(self, customer: CustomerId) -> CustomerKey:
        return self.stores.hasher(self.shop).key_of(customer)

    def deny(self, customer: CustomerId, known: Known) -> None:
        """Take back the one consent, which was given, in the way that is asked for."""
        key, purpose, consents = self.key(customer), known.lacking, self.stores.consents
        redis, name = self.stores.connections.writes, redis_keys.customer(self.shop, key)
        if known.denial in (Denial.NEVER_ASKED, Denial.DENIED, Denial.TOO_OLD):
            redis.hdel(name, field_of(purpose))
        match known.denial:
            case Denial.DENIED | Denial.WITHDRAWN:
                consents.write(self.shop, key, {purpose: False}, VERSION)
            case Denial.TOO_OLD:
                at_us = now_us() - TOO_OLD_DAYS * DAY_US
                old = ImportedConsent(key, purpose, True, at_us, VERSION)
                consents.import_many(self.shop, [old])
            case Denial.OLD_POLICY:
                consents.write(self.shop, key, {purpose: True}, OLD_VERSION)
            case Denial.NO_POLICY:
                consents.write(self.shop, key, {purpose: True})
            case Denial.UNREADABLE:
                redis.hset(name, field_of(purpose), "1 Granted - v10 -")
            case Denial.ERASED:
                self.services.privacy.erase(self.shop, key, "test")
            case Denial.MINOR | Denial.RESTRICTED | Denial.OBJECTS:
                redis.hset(name, flag_field(Flag(known.denial)), SET)

    def tell(self, customer: CustomerId, known: Known) -> None:
        """Put what an example knows of the customer's past into its place."""
        recent, caps, profile, purchases = (
            name(self.shop, self.key(customer)) for name in HELD[1:]
        )
        pipeline = self.stores.connections.writes.pipeline(transaction=False)
        if known.recent is None:
            pipeline.set(recent, b"v1 item-00")
        elif known.recent:
            pipeline.rpush(recent, *known.recent)
        if known.caps:
            pipeline.hset(caps, mapping=known.caps)  # type: ignore[arg-type]
        if known.profile:
            pipeline.set(profile, known.profile)
        if known.purchases:
            pipeline.rpush(purchases, *known.purchases)
        pipeline.execute()


@contextmanager
def private_shop(valkey: EmbeddedValkey, settings: Settings) -> Iterator[PrivateShop]:
    """Give a shop that asks for a policy version, and limits nobody."""
    unlimited = replace(settings, limit_per_customer=0, limit_per_address=0, limit_per_key=0)
    stores = stores_at(unlimited, valkey.url)
    shop = ShopName(f"private-{uuid4().hex[:12]}")
    stores.policy.change(shop, {Purpose.PERSONALIZATION: VERSION, Purpose.OFFERS: VERSION})
    publish_grocery(stores, shop)
    service = PrivateShop(stores, shop)
    for number, item in enumerate(ITEMS[:11]):
        category, brand = ("drinks", "oak") if number % 2 else ("fruit", "elm")
        service.item(item, category=category, brand=brand, price=number, sensitive=number == 5)
    service.item(ITEMS[2], in_stock=False)
    service.item("new", category="fruit")
    for offer_id, fields in OFFERS.items():
        body = {"title": offer_id, "kind": "gift", **fields}
        assert service.send("PUT", f"/v1/offers/{offer_id}", body).status_code == 200
    yield service
    stores.connections.close()
