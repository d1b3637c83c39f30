"""Messages for the operator about a failed store command; never sent to HTTP callers.

Of the server's own messages only network errors are passed on: the others may contain a user name,
a key or a value.
"""

import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.client.connection import NO_ANSWER

# The first match applies: redis-py's AuthenticationError is a ConnectionError.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (
        redis.AuthenticationError,
        "the Redis wants a user name and password, or refuses those in RECSVC_REDIS_URL",
    ),
    (
        redis.exceptions.NoPermissionError,
        "the Redis refuses: the user in RECSVC_REDIS_URL may not run a command that is needed",
    ),
    (redis.ReadOnlyError, "the Redis refuses: it is a replica and accepts no writes"),
    (redis.OutOfMemoryError, "the Redis refuses: its memory is full"),
    (redis.ResponseError, "the Redis refuses a command that is needed; its log may say why"),
    (redis.BusyLoadingError, "the Redis is still loading its data; try again"),
    (redis.TimeoutError, "the Redis did not answer in time"),
)


def reason(fault: StoreUnavailable) -> str:
    """Return the operator's message: authentication, refusal, timeout or no connection."""
    cause = fault.__cause__
    if cause is None or fault.detail != NO_ANSWER:
        return fault.detail
    for kind, message in _REASONS:
        if isinstance(cause, kind):
            return message
    return f"the Redis cannot be reached: {cause}"
