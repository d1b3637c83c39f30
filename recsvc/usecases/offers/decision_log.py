"""Asynchronous writes of decision records: no request waits for them.

One thread per worker writes the records in batches, the last at shutdown. A killed worker loses at
most one second of records. Records are dropped, and counted, when too many are waiting or the
store is unavailable.
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
STOP_SECONDS = 1.0  # maximum wait for a slow store at shutdown
_DECISIONS_PER_CALL = 200

Count = Callable[[str, int], None]


class DecisionLog:
    """Writes records in a thread. `count(result, n)`: `stored`, `not_permitted` or `dropped`."""

    def __init__(self, store: DecisionStore, count: Count) -> None:
        self._store = store
        self._count = count
        self._waiting: deque[tuple[ShopName, Callable[[], DecisionRecord]]] = deque()
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, shop: ShopName, make_record: Callable[[], DecisionRecord]) -> None:
        """Queue a record; never blocks and never raises. `make_record` runs in the thread."""
        if len(self._waiting) >= MAX_WAITING:
            self._count("dropped", 1)
            return
        self._waiting.append((shop, make_record))

    def get(self, context: RequestContext, decision_id: str) -> DecisionRecord | None:
        if not context.store_answered:
            raise StoreUnavailable("decisions are unavailable; try again")
        return self._store.get(context.shop, decision_id)

    def flush(self) -> None:
        """Write all waiting records."""
        with self._writing:
            while self._waiting:
                self._write()

    def start(self) -> None:
        """Start the thread that writes records."""
        self._thread = threading.Thread(target=self._run, name="write-decisions", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after it wrote the waiting records; wait at most `STOP_SECONDS`."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_SECONDS):
            self.flush()
        self.flush()

    def _write(self) -> None:
        by_shop: defaultdict[ShopName, list[DecisionRecord]] = defaultdict(list)
        for _ in range(min(len(self._waiting), _DECISIONS_PER_CALL)):
            shop, make_record = self._waiting.popleft()
            by_shop[shop].append(make_record())
        for shop, decisions in by_shop.items():
            try:
                stored = self._store.save(shop, decisions)
            except StoreUnavailable:
                self._count("dropped", len(decisions))
                continue
            self._count("kept", stored)
            self._count("not_permitted", len(decisions) - stored)
