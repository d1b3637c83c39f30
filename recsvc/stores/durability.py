"""Whether the store keeps what it acknowledges. Asked once, before anything is served."""

import redis
import structlog

from recsvc.config import Settings
from recsvc.domain.errors import NotDurable
from recsvc.stores.connection import store_faults

_RIGHT = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}

_log = structlog.get_logger()


def check_durability(store: redis.Redis, settings: Settings) -> None:
    """Raise NotDurable, naming each setting that is wrong and what is right."""
    fault = _fault(store, settings)
    if fault is None:
        return
    if not settings.insecure:
        raise NotDurable(f"{fault}; RECSVC_INSECURE=1 accepts the loss of acknowledged writes")
    _log.warning("store_not_durable", reason=fault)


def _fault(store: redis.Redis, settings: Settings) -> str | None:
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
