"""Changes of consents, each in one atomic step with its rows in the history.

What a change is, Python decides from what it has read; the script compares and sets, no more. It
refuses when something that was read has changed since, or when the history has grown: then the
history is gone on with from its new end, or everything is read and decided anew. Writers of one
process stand in line, so that they do not refuse one another.
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

from recsvc.domain.consent import hash_chain as audit
from recsvc.domain.consent.hash_chain import ChainHead, RowDraft, parse_head
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import WRITE_TIMEOUT_SECONDS, Connections, store_faults
from recsvc.stores.client.lua import load_script
from recsvc.stores.consents.history import latest_head

WHOLE_LIST = "[]"  # in place of an edit's field

COMMAND_LINE = "cli"  # the actor of what no key has asked for

_ATTEMPTS = 200
_DONE, _HISTORY_GREW = 0, 2  # results of the script; 1: a compared value differs
_US = 1_000_000

T = TypeVar("T")

_APPEND_CHANGES = load_script(
    "consents/append_changes.lua", RECENT_SECONDS=redis_keys.RECENT_SECONDS
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One field of a hash, or a whole string (no field) or recent list (`WHOLE_LIST`): what it must
    be now and what next.

    Empty: nothing is there. `old` None: whatever it is, of whatever kind where all of it goes.
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
    """What changes together, and what the history says of it. Without edits nothing is written.

    `requires_head`: it holds when it is recorded, so that no other row may come before it.
    """

    edits: Sequence[Edit] = ()
    notes: Sequence[RowDraft] = ()
    requires_head: bool = False


class ChangeWriter:
    """`clock`: microseconds since 1970; None: the store's own, the same for every worker."""

    def __init__(self, connections: Connections, clock: Callable[[], int] | None = None) -> None:
        self._clock = clock
        self._redis = connections.writes
        self._append = connections.writes.register_script(_APPEND_CHANGES)
        self._lines: defaultdict[ShopName, Lock] = defaultdict(Lock)

    def commit(
        self,
        shop: ShopName,
        ask: Callable[[Pipeline], None],
        decide: Callable[[ChangeTime, list[Any]], tuple[WriteStep, T]],
    ) -> T:
        """Read what `ask` asks for, write what `decide` makes of it; return what it says.

        `decide` is given the moment and the replies, of which each may be the error of its
        command. It is called once more when it was overtaken. When this returns, every read that
        starts later sees the change, and it is on disk.
        """
        with self._in_line(shop), store_faults():
            for _ in range(_ATTEMPTS):
                now_us, stored, head, replies = self._read(shop, ask)
                step, result = decide(ChangeTime(now_us, head.next_at_us(now_us)), replies)
                if not step.edits or self._write(shop, step, stored, head, now_us):
                    return result
        raise StoreUnavailable("the consents are being changed by others all the time; try again")

    @contextmanager
    def _in_line(self, shop: ShopName) -> Iterator[None]:
        """Wait for the others of this process; not for longer than for the store itself."""
        line = self._lines[shop]
        if not line.acquire(timeout=WRITE_TIMEOUT_SECONDS):
            raise StoreUnavailable("consents are being written too slowly; try again")
        try:
            yield
        finally:
            line.release()

    def _read(
        self, shop: ShopName, ask: Callable[[Pipeline], None]
    ) -> tuple[int, bytes, ChainHead, list[Any]]:
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
        """Append and change; False when everything must be read anew."""
        for _ in range(_ATTEMPTS):
            keys, words = _words(shop, step, stored, head, now_us)
            outcome, found = self._append(keys=keys, args=words)
            if outcome != _HISTORY_GREW:
                return bool(outcome == _DONE)
            grown = parse_head(found.decode(errors="replace"))
            if grown is None or step.requires_head:
                return False
            stored, head = found, grown
        return False


def _checked(replies: list[Any]) -> list[Any]:
    """Raise what became of our own three questions; those of others are theirs."""
    for reply in replies[:3]:
        if isinstance(reply, redis.RedisError):
            raise reply
    return replies


def _words(
    shop: ShopName, step: WriteStep, stored: bytes, head: ChainHead, now_us: int
) -> tuple[list[str], list[Encoded]]:
    keys = {redis_keys.audit_head(shop): 1, redis_keys.history(shop): 2}

    def number(key: str) -> int:
        return keys.setdefault(key, len(keys) + 1)

    links, after = audit.append(head, step.notes, now_us)
    words: list[Encoded] = [stored, str(after), len(step.edits)]
    for edit in step.edits:
        compared = 0 if edit.old is None else 1
        words += (number(edit.key), edit.field, compared, edit.old or b"", edit.new)
    for link, note in zip(links, step.notes, strict=True):
        customer = note.customer
        place = 0 if customer is None else number(redis_keys.history_of(shop, customer))
        words += (link.n, link.row, link.digest, place)
    return list(keys), words
