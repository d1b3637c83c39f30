"""Whether the store has room for more than consent."""

import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.client.connection import store_faults

MOST_MEMORY = 0.85  # of what the store may take: the rest is kept for consent


def check_room(store: redis.Redis, what: str) -> None:
    """Raise StoreUnavailable when the store is so full that more would crowd out consent."""
    with store_faults():
        try:
            memory = store.info("memory")
        except redis.ResponseError:  # not ours to ask: the store will refuse by itself
            return
    most = memory.get("maxmemory", 0)
    if most and memory.get("used_memory", 0) > MOST_MEMORY * most:
        raise StoreUnavailable(
            f"the store is almost full, and takes no {what} until there is room",
            code="store_full",
        )
