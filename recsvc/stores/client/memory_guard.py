"""Memory guard: refuses writes other than consent when the store is almost full."""

import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.client.connection import store_faults

MOST_MEMORY = 0.85  # share of maxmemory; the rest is reserved for consent


def check_room(store: redis.Redis, what: str) -> None:
    """Raise StoreUnavailable above 85 % of maxmemory; the rest is reserved for consent."""
    with store_faults():
        try:
            memory = store.info("memory")
        except redis.ResponseError:  # INFO is forbidden; the store enforces maxmemory
            return
    most = memory.get("maxmemory", 0)
    if most and memory.get("used_memory", 0) > MOST_MEMORY * most:
        raise StoreUnavailable(
            f"the store is almost full and accepts no {what} until memory is freed",
            code="store_full",
        )
