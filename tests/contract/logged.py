"""The store's events of a shop, read directly from Redis."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from recsvc.domain.values.ids import CustomerId
from recsvc.stores.client import keys as redis_keys
from tests.contract.grocery import Service


@dataclass(frozen=True)
class Logged:
    """One row of the event log."""

    event: dict[str, Any]
    customer: str | None


def logged(service: Service) -> list[Logged]:
    rows = service.stores.connections.writes.xrange(redis_keys.events(service.shop))
    return [
        Logged(json.loads(fields[b"event"]), _text(fields.get(b"customer"))) for _, fields in rows
    ]


def recent(service: Service, customer: CustomerId) -> list[bytes]:
    key = service.stores.hasher(service.shop).key_of(customer)
    found: list[bytes] = service.stores.connections.writes.lrange(
        redis_keys.recent(service.shop, key), 0, -1
    )
    return found


def counts(service: Service) -> dict[str, float]:
    """Return the item weights summed over all days."""
    store = service.stores.connections.writes
    total: Counter[str] = Counter()
    for name in store.scan_iter(f"{redis_keys.counts(service.shop)}:*"):
        weights: Any = store.zrange(name, 0, -1, withscores=True)
        total.update({item.decode(): weight for item, weight in weights})
    return dict(total)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
