"""Redis key names contain the shop in braces and never a customer's id."""

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


def test_all_keys_of_a_shop_share_a_cluster_slot() -> None:
    """Each key name has the shop in braces, which is the part that a cluster hashes."""
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
    """A customer key can be parsed from its Redis key name, as the trainer does."""
    assert redis_keys.customer_of(redis_keys.customer(SHOP, KEY).encode()) == KEY


def test_a_customers_id_is_not_in_the_name() -> None:
    """A Redis key name does not reveal the customer's id."""
    key = CustomerHasher(Secret("s" * 32), SHOP).key_of(CustomerId("ada@example.org"))

    assert "ada" not in redis_keys.customer(SHOP, key)
