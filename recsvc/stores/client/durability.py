"""Durability of the store: checked before the first write, and then each minute.

`erasure_fault` checks the settings that decide whether an erased id leaves the store's files.
"""

import threading
from collections.abc import Iterable, Mapping

import redis
import structlog

from recsvc.config import Settings
from recsvc.domain.errors import NotDurable, StoreUnavailable
from recsvc.stores.client.connection import store_faults

REQUIRED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}

# An RDB preamble and RDB snapshots copy a stream's pages unchanged, with the deleted entries.
REQUIRED_FOR_ERASURE = {"aof-use-rdb-preamble": "no", "save": ""}

WATCH_SECONDS = 60.0

_log = structlog.get_logger()


def check_durability(store: redis.Redis, settings: Settings) -> None:
    """Raise NotDurable, naming each wrong setting and its required value."""
    fault = durability_fault(store, settings)
    if fault is None:
        return
    if not settings.insecure:
        raise NotDurable(f"{fault}; RECSVC_INSECURE=1 accepts the loss of acknowledged writes")
    _log.warning("store_not_durable", reason=fault)


def watch_durability(store: redis.Redis, settings: Settings, leaving: threading.Event) -> None:
    """Log an error each minute while the store's settings fail the durability check.

    The service goes on: the operator may have changed the store on purpose, or can change it back.
    """
    while not leaving.wait(WATCH_SECONDS):
        try:
            fault = durability_fault(store, settings)
        except StoreUnavailable:
            continue  # requests and readiness report an unavailable store
        if fault is not None:
            _log.error("store_not_durable", reason=fault)


def durability_fault(store: redis.Redis, settings: Settings) -> str | None:
    """Return the wrong settings and their required values; None if all are right."""
    found = _found(store, REQUIRED)
    if found is None:
        if settings.durability == "provider":
            return None
        return (
            "this Redis forbids CONFIG, so its durability cannot be verified; "
            "RECSVC_DURABILITY=provider declares it durable on your responsibility"
        )
    wrong = _wrong(found, REQUIRED)
    return f"this Redis may lose acknowledged writes: {wrong}" if wrong else None


def erasure_fault(store: redis.Redis) -> str | None:
    """Return the settings that keep erased ids in files; None if all are right or unreadable."""
    found = _found(store, REQUIRED_FOR_ERASURE)
    wrong = _wrong(found, REQUIRED_FOR_ERASURE) if found is not None else ""
    return f"files of this Redis may keep the ids of erased customers: {wrong}" if wrong else None


def _wrong(found: Mapping[str, str], required: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} is {found.get(name, 'unknown')!r} and must be {value!r}"
        for name, value in required.items()
        if found.get(name) != value
    )


def _found(store: redis.Redis, names: Iterable[str]) -> dict[str, str] | None:
    """Return the checked settings; None if the server forbids CONFIG."""
    with store_faults():
        try:
            answers = [store.config_get(name) for name in names]
        except redis.ResponseError:
            return None
    return {_text(name): _text(value) for answer in answers for name, value in answer.items()}


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
