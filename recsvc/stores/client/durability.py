"""Whether the store keeps what it acknowledges. Asked before anything is written, and then on."""

import threading

import redis
import structlog

from recsvc.config import Settings
from recsvc.domain.errors import NotDurable, StoreUnavailable
from recsvc.stores.client.connection import store_faults

_RIGHT = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}

WATCH_SECONDS = 60.0

_log = structlog.get_logger()


def check_durability(store: redis.Redis, settings: Settings) -> None:
    """Raise NotDurable, naming each setting that is wrong and what is right."""
    fault = durability_fault(store, settings)
    if fault is None:
        return
    if not settings.insecure:
        raise NotDurable(f"{fault}; RECSVC_INSECURE=1 accepts the loss of acknowledged writes")
    _log.warning("store_not_durable", reason=fault)


def watch_durability(store: redis.Redis, settings: Settings, leaving: threading.Event) -> None:
    """Log an error each minute for as long as the store is one that would have been refused.

    It goes on serving: somebody changed the store knowingly, or can change it back.
    """
    while not leaving.wait(WATCH_SECONDS):
        try:
            fault = durability_fault(store, settings)
        except StoreUnavailable:
            continue  # that is told by all who ask it for something
        if fault is not None:
            _log.error("store_not_durable", reason=fault)


def durability_fault(store: redis.Redis, settings: Settings) -> str | None:
    """Return what is wrong and what would be right; None when nothing is."""
    found = _found(store)
    if found is None:
        if settings.durability == "provider":
            return None
        return (
            "this Redis forbids CONFIG, so that its durability cannot be verified; "
            "RECSVC_DURABILITY=provider states it in your name"
        )
    wrong = [
        f"{name} is {found.get(name, 'unknown')!r} and must be {right!r}"
        for name, right in _RIGHT.items()
        if found.get(name) != right
    ]
    return "this Redis may lose acknowledged writes: " + ", ".join(wrong) if wrong else None


def _found(store: redis.Redis) -> dict[str, str] | None:
    """Return the settings that matter; None when the server does not let us ask."""
    with store_faults():
        try:
            answers = [store.config_get(name) for name in _RIGHT]
        except redis.ResponseError:
            return None
    return {_text(name): _text(value) for answer in answers for name, value in answer.items()}


def _text(word: bytes | str | None) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)
