"""Rewrites of the append-only file: deleted values stay in the file until one is done.

A rewrite costs the server a copy of all data, so at most one starts per hour. An erasure during
that hour sets a due mark. The serving process checks the mark each minute.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import redis
import structlog

from recsvc.domain.customers.privacy import Rewrite, RewriteState
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.lua import load_script

WATCH_SECONDS = 60.0
_POLL_SECONDS = 0.05

_log = structlog.get_logger()

_DELETE_IF_EQUAL = load_script("client/delete_if_equal.lua")


class AofRewrite:
    def __init__(self, connections: Connections) -> None:
        self._redis = connections.writes
        self._delete_if_equal = connections.writes.register_script(_DELETE_IF_EQUAL)

    def request(self, shop: ShopName) -> Rewrite:
        """Set the due mark, and start a rewrite if the hourly limit allows it."""
        with store_faults():
            self._redis.set(redis_keys.rewrite_due(shop), self._now_us())
        return self.begin_if_due(shop)

    def begin_if_due(self, shop: ShopName) -> Rewrite:
        """Start a rewrite that is due, if the hourly limit allows it.

        The due mark is removed only after a rewrite is done.
        """
        begun_name = redis_keys.rewrite_begun(shop)
        with store_faults():
            due = cast("bytes | None", self._redis.get(redis_keys.rewrite_due(shop)))
            if due is None:
                return Rewrite(RewriteState.NOT_DUE)
            begun_us = self._now_us()
            if self._redis.set(begun_name, begun_us, nx=True, ex=redis_keys.REWRITE_SECONDS):
                return self._begin(begun_name)
            begun = cast("bytes | None", self._redis.get(begun_name)) or b"0"
            if int(begun) < int(due) or not self._is_done():
                return Rewrite(RewriteState.DUE)
            self._delete_if_equal(keys=[redis_keys.rewrite_due(shop)], args=[due])
        return Rewrite(RewriteState.NOT_DUE)

    def wait(self, shop: ShopName, most_seconds: float) -> bool:
        """Wait for the running rewrite; return False on timeout."""
        give_up_at = time.monotonic() + most_seconds
        while self._facts().get("aof_rewrite_in_progress") == 1:
            if time.monotonic() > give_up_at:
                return False
            time.sleep(_POLL_SECONDS)
        self.begin_if_due(shop)
        return True

    def _begin(self, begun_name: str) -> Rewrite:
        try:
            self._redis.bgrewriteaof()
        except redis.ResponseError as refusal:
            self._redis.delete(begun_name)
            return Rewrite(RewriteState.REFUSED, str(refusal))
        return Rewrite(RewriteState.STARTED)

    def _is_done(self) -> bool:
        """Return True if a rewrite ended well since the server started."""
        facts = self._facts()
        return (
            facts.get("aof_rewrite_in_progress") == 0
            and facts.get("aof_rewrite_scheduled") == 0
            and facts.get("aof_last_bgrewrite_status") == "ok"
            and facts.get("aof_last_rewrite_time_sec", -1) >= 0
        )

    def _facts(self) -> dict[str, Any]:
        with store_faults():
            return self._redis.info("persistence")

    def _now_us(self) -> int:
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1_000_000 + int(microseconds)

    def watch(self, shops: Callable[[], Iterable[ShopName]], leaving: threading.Event) -> None:
        """Start due rewrites, each minute, until `leaving` is set."""
        while not leaving.wait(WATCH_SECONDS):
            try:
                found = [self.begin_if_due(shop) for shop in shops()]
            except StoreUnavailable:
                continue  # requests and readiness report an unavailable store
            for each in found:
                if each.state is RewriteState.REFUSED:
                    _log.warning("append_only_file_not_rewritten", reason=each.reason)
