"""Decisions on their way to the store, behind the answers: no request waits for them.

One thread of each worker writes them in batches, the last when the worker leaves. One that is
killed loses what it has not written yet, at most what a second brings; one that is flooded, or
cannot reach the store, drops decisions and counts them.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.ids import ShopName
from recsvc.stores.offers.decisions import DecisionStore
from recsvc.usecases.access.request_access import RequestContext

MAX_WAITING = 10_000
FLUSH_SECONDS = 0.5
STOP_SECONDS = 1.0  # that a worker's end waits for a slow store
_DECISIONS_PER_CALL = 200

Count = Callable[[str, int], None]


class DecisionLog:
    """`count` is told what became of how many: `kept`, `not_permitted` or `dropped`."""

    def __init__(self, store: DecisionStore, count: Count) -> None:
        self._store = store
        self._count = count
        self._waiting: deque[tuple[ShopName, Callable[[], DecisionRecord]]] = deque()
        self._writing = threading.Lock()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, shop: ShopName, made: Callable[[], DecisionRecord]) -> None:
        """Have a decision written soon; never waits, and never raises.

        `made` writes it down, once nobody waits for it.
        """
        if len(self._waiting) >= MAX_WAITING:
            self._count("dropped", 1)
            return
        self._waiting.append((shop, made))

    def get(self, context: RequestContext, decision_id: str) -> DecisionRecord | None:
        if not context.store_answered:
            raise StoreUnavailable("decisions cannot be read at the moment; try again")
        return self._store.get(context.shop, decision_id)

    def flush(self) -> None:
        """Write what is waiting now."""
        with self._writing:
            while self._waiting:
                self._write()

    def watch(self) -> None:
        """Write from now on what comes, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="write-decisions", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Have the thread write what is waiting and end; give up on a store that is slow."""
        self._leaving.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._leaving.wait(FLUSH_SECONDS):
            self.flush()
        self.flush()

    def _write(self) -> None:
        by_shop: defaultdict[ShopName, list[DecisionRecord]] = defaultdict(list)
        for _ in range(min(len(self._waiting), _DECISIONS_PER_CALL)):
            shop, made = self._waiting.popleft()
            by_shop[shop].append(made())
        for shop, decisions in by_shop.items():
            try:
                kept = self._store.save(shop, decisions)
            except StoreUnavailable:
                self._count("dropped", len(decisions))
                continue
            self._count("kept", kept)
            self._count("not_permitted", len(decisions) - kept)
