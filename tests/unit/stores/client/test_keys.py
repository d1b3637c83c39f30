"""Key names hold a shop in braces and never a customer's id."""

from recsvc.domain.values.customer_keys import (
    CUSTOMER_KEY_BYTES,
    CustomerHasher,
    CustomerKey,
    Secret,
)
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.client import keys as redis_keys

SHOP = ShopName("default")
KEY = CustomerKey(bytes(range(CUSTOMER_KEY_BYTES)))


def test_every_key_of_a_shop_lives_in_its_slot() -> None:
    """A cluster hashes what stands in the braces: the shop alone."""
    names = [
        redis_keys.customer(SHOP, KEY),
        redis_keys.api_keys(SHOP),
        redis_keys.items(SHOP),
        redis_keys.epochs(SHOP),
        redis_keys.events(SHOP),
        redis_keys.seen_days(SHOP),
        redis_keys.seen(SHOP),
        redis_keys.counts_of(SHOP, 20_000),
    ]

    assert all(name.startswith("{default}:") for name in names)
    assert len(set(names)) == len(names)


def test_a_customers_key_can_be_read_back() -> None:
    """The trainer learns from key names who permits it."""
    assert redis_keys.customer_of(redis_keys.customer(SHOP, KEY).encode()) == KEY


def test_a_customers_id_is_not_in_the_name() -> None:
    """Who can list the keys learns no customer."""
    key = CustomerHasher(Secret("s" * 32), SHOP).key_of(CustomerId("ada@example.org"))

    assert "ada" not in redis_keys.customer(SHOP, key)
