"""Does the store hold anything of a shop?"""

from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults


def has_data(connections: Connections, shop: ShopName) -> bool:
    """Scan the key names of the store until one is of the shop."""
    with store_faults():
        found = connections.writes.scan_iter(match=redis_keys.any_key(shop), count=1000)
        return next(iter(found), None) is not None
