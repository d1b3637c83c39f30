"""Atomic changes of customer records, each with its rows in the consent history.

Python decides the change from the data it has read. A script compares that data with the store and
writes, nothing else. If the compared data has changed, everything is read and decided again. If
only the history has grown, the rows are chained to its new end. Writers of one process take turns,
so they do not invalidate each other's reads.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import redis
from redis.client import Pipeline
from redis.typing import EncodableT as Encoded

from recsvc.domain.consent import hash_chain
from recsvc.domain.consent.hash_chain import ChainHead, RowDraft, parse_head
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import WRITE_TIMEOUT_SECONDS, Connections, store_faults
from recsvc.stores.client.lua import load_script
from recsvc.stores.consents.history import latest_head

# In place of the field of an edit: the key is a list, or a string that lives for RECENT_SECONDS.
WHOLE_LIST, EXPIRING_TEXT = "[]", "<>"

COMMAND_LINE = "cli"  # the actor of changes without an API key

_ATTEMPTS = 200
_DONE, _HISTORY_GREW = 0, 2  # results of the script; 1: a compared value differs
_US = 1_000_000

T = TypeVar("T")

_APPEND_CHANGES = load_script(
    "consents/append_changes.lua", RECENT_SECONDS=redis_keys.RECENT_SECONDS
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A compare-and-set of a hash field, a string (empty `field`, or `EXPIRING_TEXT`) or a list
    (`WHOLE_LIST`).

    Empty bytes stand for a missing value. `old` None: write without comparing, whatever the type.
    """

    key: str
    field: str
    old: bytes | None
    new: bytes


@dataclass(frozen=True, slots=True)
class ChangeTime:
    """The two times of a change, in microseconds since 1970.

    `now_us`: the store's clock, which stamps statements. `recorded_at_us`: later than every row in
    the history, even after a clock that was ahead; compare it with the times of other rows.
    """

    now_us: int
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class WriteStep:
    """Edits that are written together with their history rows. No edits: nothing is written.

    `requires_head`: decide again if the history has grown, since the edits hold the row's time.
    """

    edits: Sequence[Edit] = ()
    rows: Sequence[RowDraft] = ()
    requires_head: bool = False


class ChangeWriter:
    """Commits changes of one shop at a time."""

    def __init__(self, connections: Connections, clock: Callable[[], int] | None = None) -> None:
        """`clock`: microseconds since 1970. None: the store's clock, shared by all workers."""
        self._clock = clock
        self._redis = connections.writes
        self._append = connections.writes.register_script(_APPEND_CHANGES)
        self._locks: defaultdict[ShopName, Lock] = defaultdict(Lock)

    def commit(
        self,
        shop: ShopName,
        ask: Callable[[Pipeline], None],
        decide: Callable[[ChangeTime, list[Any]], tuple[WriteStep, T]],
    ) -> T:
        """Read with `ask`, write the step that `decide` returns, and return its result.

        `decide` gets the time and one reply per command of `ask`; a reply may be a RedisError. It
        runs again after a concurrent change. On return the change is on disk and visible to every
        read that starts later.
        """
        with self._locked(shop), store_faults():
            for _ in range(_ATTEMPTS):
                now_us, stored, head, replies = self._read(shop, ask)
                step, result = decide(ChangeTime(now_us, head.next_at_us(now_us)), replies)
                if not step.edits or self._write(shop, step, stored, head, now_us):
                    return result
        raise StoreUnavailable("too many concurrent changes of consents; try again")

    @contextmanager
    def _locked(self, shop: ShopName) -> Iterator[None]:
        """Wait for other writers of this process, at most as long as for the store."""
        lock = self._locks[shop]
        if not lock.acquire(timeout=WRITE_TIMEOUT_SECONDS):
            raise StoreUnavailable("consents are being written too slowly; try again")
        try:
            yield
        finally:
            lock.release()

    def _read(
        self, shop: ShopName, ask: Callable[[Pipeline], None]
    ) -> tuple[int, bytes, ChainHead, list[Any]]:
        """Return the store's time, the stored head, the effective head, and the replies."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.time()
        pipeline.get(redis_keys.audit_head(shop))
        pipeline.xrevrange(redis_keys.history(shop), count=1)
        ask(pipeline)
        (seconds, microseconds), stored, last, *replies = _checked(
            pipeline.execute(raise_on_error=False)
        )
        now_us = seconds * _US + microseconds if self._clock is None else self._clock()
        return now_us, stored or b"", latest_head(shop, stored, last), replies

    def _write(
        self, shop: ShopName, step: WriteStep, stored: bytes, head: ChainHead, now_us: int
    ) -> bool:
        """Write the step; return False if everything must be read again."""
        for _ in range(_ATTEMPTS):
            keys, arguments = _script_input(shop, step, stored, head, now_us)
            outcome, found = self._append(keys=keys, args=arguments)
            if outcome != _HISTORY_GREW:
                return bool(outcome == _DONE)
            grown = parse_head(found.decode(errors="replace"))
            if grown is None or step.requires_head:
                return False
            stored, head = found, grown
        return False


def _checked(replies: list[Any]) -> list[Any]:
    """Raise an error of the writer's own three reads; `decide` handles the others."""
    for reply in replies[:3]:
        if isinstance(reply, redis.RedisError):
            raise reply
    return replies


def _script_input(
    shop: ShopName, step: WriteStep, stored: bytes, head: ChainHead, now_us: int
) -> tuple[list[str], list[Encoded]]:
    """Return KEYS and ARGV; edits and rows name a key by its number in KEYS."""
    keys = {redis_keys.audit_head(shop): 1, redis_keys.history(shop): 2}

    def number(key: str) -> int:
        return keys.setdefault(key, len(keys) + 1)

    chained, after = hash_chain.append(head, step.rows, now_us)
    arguments: list[Encoded] = [stored, str(after), len(step.edits)]
    for edit in step.edits:
        compared = 0 if edit.old is None else 1
        arguments += (number(edit.key), edit.field, compared, edit.old or b"", edit.new)
    for link, row in zip(chained, step.rows, strict=True):
        customer = row.customer
        list_number = 0 if customer is None else number(redis_keys.history_of(shop, customer))
        arguments += (link.n, link.row, link.digest, list_number)
    return list(keys), arguments
