"""Clients of the store: timeouts, the single retry, and the translation of failures.

Nothing connects before the first command. redis-py's own defaults (ten retries of five seconds) are
never used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recsvc.config import Settings
from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.client.circuit_breaker import CircuitBreaker
from recsvc.stores.client.raw_connection import RawConnections

WRITE_TIMEOUT_SECONDS = 2.0  # an fsync on a busy disk takes longer than a read

STORE_FAULTS = (redis.RedisError, OSError)

NO_ANSWER = "the store did not answer in time, or refused the command"

_SPARE_CONNECTIONS = 16  # for background threads


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections to one store.

    `raw_connections` carry the request's Redis read, guarded by `breaker`. `reads` has the same
    timeout. `writes` waits for the disk, and serves writes and commands.
    """

    raw_connections: RawConnections
    reads: redis.Redis
    writes: redis.Redis
    breaker: CircuitBreaker

    def close(self) -> None:
        self.raw_connections.close()
        self.reads.close()
        self.writes.close()


def connect(settings: Settings, url: str) -> Connections:
    most = settings.threads + _SPARE_CONNECTIONS
    read_seconds = settings.read_timeout_ms / 1000
    reads = client(url, read_seconds, most)
    pool = reads.connection_pool
    return Connections(
        raw_connections=RawConnections(
            lambda: pool.connection_class(**pool.connection_kwargs),
            read_seconds,
            settings.deadline_ms / 1000,
        ),
        reads=reads,
        writes=client(url, WRITE_TIMEOUT_SECONDS, most),
        breaker=CircuitBreaker(),
    )


def client(url: str, timeout_seconds: float, max_connections: int = 8) -> redis.Redis:
    """Return a client that is not connected yet.

    RESP2 and no driver name: a new connection then costs no round trip of its own (except AUTH and
    SELECT, if the URL requires them).
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        max_connections=max_connections,
        retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),
        health_check_interval=0,
        driver_info=None,
        protocol=2,
    )


@contextmanager
def store_faults() -> Iterator[None]:
    """Translate client errors to `StoreUnavailable`, without the server's message."""
    try:
        yield
    except STORE_FAULTS as fault:
        raise StoreUnavailable(NO_ANSWER) from fault
