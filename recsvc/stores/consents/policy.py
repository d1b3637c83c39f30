"""The minimum policy version of each purpose; a change applies to the next request."""

from collections.abc import Mapping
from typing import Any

import redis
from redis.client import Pipeline

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.hash_chain import RowDraft, RowKind
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.consents.change_writer import (
    COMMAND_LINE,
    ChangeTime,
    ChangeWriter,
    Edit,
    WriteStep,
)
from recsvc.stores.consents.policy_clock import Minimums, read_minimums, write_minimums

MINIMUM = "minimum"
NO_MINIMUM = "no minimum"


class PolicyStore:
    def __init__(self, connections: Connections, change_writer: ChangeWriter) -> None:
        self._redis = connections.writes
        self._change_writer = change_writer

    def get(self, shop: ShopName) -> Minimums:
        """Return the minimum versions; raise StoreUnavailable if they are unreadable."""
        with store_faults():
            stored: Any = self._redis.hget(redis_keys.epochs(shop), redis_keys.POLICY)
        return _readable(stored)

    def change(
        self, shop: ShopName, versions: Mapping[Purpose, str | None], actor: str = COMMAND_LINE
    ) -> Minimums:
        """Set the minimum of each given purpose; None removes it."""

        def ask(pipeline: Pipeline) -> None:
            pipeline.hget(redis_keys.epochs(shop), redis_keys.POLICY)

        def decide(_: ChangeTime, replies: list[Any]) -> tuple[WriteStep, Minimums]:
            stored = replies[0]
            if isinstance(stored, redis.RedisError):
                raise stored
            # An unreadable policy permits nothing, so it must be replaceable.
            known = {**(read_minimums(stored) or {}), **versions}
            after = {purpose: text for purpose, text in known.items() if text is not None}
            new = write_minimums(after) if after else b""
            edit = Edit(redis_keys.epochs(shop), redis_keys.POLICY, stored or b"", new)
            return WriteStep([edit], [_row(*each, actor) for each in versions.items()]), after

        return self._change_writer.commit(shop, ask, decide)


def _row(purpose: Purpose, version: str | None, actor: str) -> RowDraft:
    word = NO_MINIMUM if version is None else MINIMUM
    return RowDraft(RowKind.POLICY, None, purpose, word, actor, policy_version=version)


def _readable(stored: bytes | None) -> Minimums:
    minimums = read_minimums(stored)
    if minimums is None:
        raise StoreUnavailable(
            "the stored policy is unreadable, so nothing is permitted; set it again"
        )
    return minimums
