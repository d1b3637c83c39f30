"""Memory guard: refuses writes other than consent when the store is almost full."""

import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.client.connection import store_faults

_MEMORY_SHARE = 0.85  # share of maxmemory; the rest is reserved for consent


def check_memory(store: redis.Redis, kind: str) -> None:
    """Raise StoreUnavailable above 85 % of maxmemory; the rest is reserved for consent."""
    with store_faults():
        try:
            memory = store.info("memory")
        except redis.ResponseError:  # INFO is forbidden; the store enforces maxmemory
            return
    limit = memory.get("maxmemory", 0)
    if limit and memory.get("used_memory", 0) > _MEMORY_SHARE * limit:
        raise StoreUnavailable(
            f"the store is almost full and accepts no {kind} until memory is freed",
            code="store_full",
        )
