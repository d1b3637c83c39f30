"""Why the store did not do what it was asked, in words for whoever runs the service.

Never for callers over HTTP. Of what a server says only its words about the network are passed
on: the others may repeat a user's name, a key or a value.
"""

import redis

from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.client.connection import NO_ANSWER

# The first that fits counts: redis-py's AuthenticationError is a ConnectionError.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (
        redis.AuthenticationError,
        "the Redis wants a user name and password, or refuses those in RECSVC_REDIS_URL",
    ),
    (
        redis.exceptions.NoPermissionError,
        "the Redis refuses: the user in RECSVC_REDIS_URL may not run a command that is needed",
    ),
    (redis.ReadOnlyError, "the Redis refuses: it is a replica, which takes no writes"),
    (redis.OutOfMemoryError, "the Redis refuses: its memory is full"),
    (redis.ResponseError, "the Redis refuses a command that is needed; its log may say why"),
    (redis.BusyLoadingError, "the Redis is still loading its data; try again"),
    (redis.TimeoutError, "the Redis did not answer in time"),
)


def reason(fault: StoreUnavailable) -> str:
    """Tell authentication, refusal, silence and absence apart."""
    cause = fault.__cause__
    if cause is None or fault.detail != NO_ANSWER:
        return fault.detail
    for kind, words in _REASONS:
        if isinstance(cause, kind):
            return words
    return f"the Redis cannot be reached: {cause}"
