"""A shop whose customers have any stored data, and lack exactly one required consent.

A customer has granted every purpose that a route requires, except for the denial of the example.
The data is written to the store directly, in its stored format.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import uuid4

from hypothesis import strategies as st

from recsvc.config import Settings
from recsvc.domain.consent.consent import DAY_US, Flag, Purpose
from recsvc.domain.customers.purchase_history import BoughtItem, Dismissal, PurchaseHistory
from recsvc.domain.customers.purchase_history import encode as encode_history
from recsvc.domain.customers.recent_events import RecentKind, encode
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
CUSTOMER_KEYS = (
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
    """The reason why one purpose is not permitted."""

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
class CustomerCase:
    """The stored data of a customer, and the denial of one purpose.

    `others`: further granted purposes.
    """

    lacking: Purpose
    denial: Denial
    others: frozenset[Purpose] = frozenset(Purpose)
    was_erased: bool = False
    recent: list[bytes] | None = field(default_factory=list)  # None: the key holds another type
    caps: dict[str, str] = field(default_factory=dict)
    profile: bytes = b""
    purchases: bytes = b""

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
_ITEMS = st.sampled_from([*ITEMS, "new", "?"])
_MINUTE = now_us() // 60_000_000
_PURCHASES = st.builds(
    PurchaseHistory,
    st.lists(
        st.builds(BoughtItem, _ITEMS, st.integers(1, 9), st.integers(_MINUTE - 300_000, _MINUTE)),
        max_size=5,
        unique_by=lambda item: item.item_id,
    ),
    st.lists(st.builds(Dismissal, _ITEMS, st.integers(0, 10**12), st.booleans()), max_size=3),
).map(encode_history)
_CAPS = st.dictionaries(
    st.builds(
        "{}:{}".format, st.sampled_from(["taken", "shown", "dismissed"]), st.sampled_from([*OFFERS])
    ),
    st.sampled_from(["1 7", "2 7 8", "1 claim,5,0", "?", ""]),
    max_size=4,
)
_PROFILES = st.sampled_from([b"", b'{"segments":["vip"]}', b"?"])


def customer_cases(*lacking: Purpose) -> st.SearchStrategy[CustomerCase]:
    """Draw customers who lack one of the purposes, with any stored data."""
    return st.sampled_from(lacking).flatmap(_lacking)


def _lacking(purpose: Purpose) -> st.SearchStrategy[CustomerCase]:
    objections = set() if purpose is Purpose.OFFERS else {Denial.OBJECTS}
    return st.builds(
        CustomerCase,
        lacking=st.just(purpose),
        denial=st.sampled_from([each for each in Denial if each not in objections]),
        others=st.just(frozenset(Purpose)) | st.frozensets(st.sampled_from(Purpose)),
        was_erased=st.booleans(),
        recent=st.none() | st.lists(_RECENT | st.binary(max_size=40), max_size=25),
        caps=_CAPS,
        profile=_PROFILES,
        purchases=_PURCHASES | st.binary(max_size=40),
    )


class ShopWithoutConsent(Service):
    """The grocery with a live catalogue, offers, a policy, and customers of given cases."""

    def prepare(self, customer: CustomerId, customer_case: CustomerCase) -> None:
        """Replace all data of the customer."""
        self.forget(customer)
        if customer_case.was_erased:
            self.services.privacy.erase(self.shop, self.key(customer), "test")
        self.permit(customer, customer_case.others | {customer_case.lacking})
        self.store_past(customer, customer_case)
        self.deny(customer, customer_case)

    def forget(self, customer: CustomerId) -> None:
        key = self.key(customer)
        names = [name(self.shop, key) for name in (*CUSTOMER_KEYS, redis_keys.answers)]
        self.stores.connections.writes.delete(*names)

    def permit(self, customer: CustomerId, purposes: Iterable[Purpose] = Purpose) -> None:
        """Grant the purposes."""
        grants = dict.fromkeys(purposes, True)
        self.stores.consents.write(self.shop, self.key(customer), grants, VERSION)

    def key(self, customer: CustomerId) -> CustomerKey:
        return self.stores.hasher(self.shop).key_of(customer)

    def deny(self, customer: CustomerId, customer_case: CustomerCase) -> None:
        """Deny one granted purpose in the way that the case names."""
        key, purpose, consents = self.key(customer), customer_case.lacking, self.stores.consents
        redis, name = self.stores.connections.writes, redis_keys.customer(self.shop, key)
        if customer_case.denial in (Denial.NEVER_ASKED, Denial.DENIED, Denial.TOO_OLD):
            redis.hdel(name, field_of(purpose))
        match customer_case.denial:
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
                redis.hset(name, flag_field(Flag(customer_case.denial)), SET)

    def store_past(self, customer: CustomerId, customer_case: CustomerCase) -> None:
        """Write the stored data of the case."""
        recent, caps, profile, purchases = (
            name(self.shop, self.key(customer)) for name in CUSTOMER_KEYS[1:]
        )
        pipeline = self.stores.connections.writes.pipeline(transaction=False)
        if customer_case.recent is None:
            pipeline.set(recent, b"v1 item-00")
        elif customer_case.recent:
            pipeline.rpush(recent, *customer_case.recent)
        if customer_case.caps:
            pipeline.hset(caps, mapping=customer_case.caps)
        if customer_case.profile:
            pipeline.set(profile, customer_case.profile)
        if customer_case.purchases:
            pipeline.set(purchases, customer_case.purchases)
        pipeline.execute()


@contextmanager
def shop_without_consent(
    valkey: EmbeddedValkey, settings: Settings
) -> Iterator[ShopWithoutConsent]:
    """Yield a shop with a minimum policy version and without rate limits."""
    unlimited = replace(settings, limit_per_customer=0, limit_per_address=0, limit_per_key=0)
    stores = stores_at(unlimited, valkey.url)
    shop = ShopName(f"private-{uuid4().hex[:12]}")
    stores.policy.change(shop, {Purpose.PERSONALIZATION: VERSION, Purpose.OFFERS: VERSION})
    publish_grocery(stores, shop)
    service = ShopWithoutConsent(stores, shop)
    for number, item in enumerate(ITEMS[:11]):
        category, brand = ("drinks", "oak") if number % 2 else ("fruit > red", "elm")
        service.item(
            item,
            category=category,
            categories=["fruit"] if number == 3 else [],
            brand=brand,
            price=number,
            currency="EUR" if number < 8 else None,
            attributes={"size": number},
            sensitive=number == 5,
        )
    service.item(ITEMS[2], in_stock=False)
    service.item("new", category="fruit")
    for offer_id, fields in OFFERS.items():
        body = {"title": offer_id, "kind": "gift", **fields}
        assert service.send("PUT", f"/v1/offers/{offer_id}", body).status_code == 200
    yield service
    stores.connections.close()
