"""Every key name in the store, and how long each lives. Nothing here expires yet.

All keys of a shop begin with `{shop}`, braces included: Redis Cluster hashes only what stands
between them, so one shop lives in one slot and its updates can be atomic.
"""

from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName

EPOCH_OF_KEYS = "keys"
EPOCH_OF_CATALOGUE = "catalogue"

ANY_API_KEYS = "{*}:api-keys"  # pattern of what `api_keys` names, over all shops


def customer(shop: ShopName, key: CustomerKey) -> str:
    """Hash: what the gate reads of one customer. Fields `purpose:<purpose>`."""
    return f"{{{shop}}}:customer:{key.hex()}"


def any_customer(shop: ShopName) -> str:
    """Pattern of the keys above. Shop names hold no character that a pattern would read."""
    return f"{{{shop}}}:customer:*"


def customer_of(key_name: bytes) -> CustomerKey:
    return CustomerKey(bytes.fromhex(key_name.rpartition(b":")[2].decode()))


def recent(shop: ShopName, key: CustomerKey) -> str:
    """List: a customer's latest events, the newest first."""
    return f"{{{shop}}}:recent:{key.hex()}"


def api_keys(shop: ShopName) -> str:
    """Hash: SHA-256 of a key's text → its record."""
    return f"{{{shop}}}:api-keys"


def shop_of(key_name: bytes) -> ShopName:
    """Return the shop that the name of any of our keys begins with."""
    return ShopName(key_name.decode().partition("}")[0].removeprefix("{"))


def items(shop: ShopName) -> str:
    """Hash: item id → its record in the live catalogue."""
    return f"{{{shop}}}:items"


def items_log(shop: ShopName) -> str:
    """Stream: one entry `<epoch>-0` per change of the catalogue, with the ids that changed."""
    return f"{{{shop}}}:items-log"


def epochs(shop: ShopName) -> str:
    """Hash: name of what changes → how often it has changed."""
    return f"{{{shop}}}:epochs"
