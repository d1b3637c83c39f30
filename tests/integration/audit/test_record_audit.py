"""What the service wrote into a record stands in the history; what somebody else wrote does not."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recsvc.domain.consent.consent import Flag, Purpose
from recsvc.domain.customers.profile import NO_PROFILE
from recsvc.domain.errors import Conflict
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.audit import replay
from recsvc.stores.audit.record_audit import INCOMPLETE_LIST, Difference, RecordAudit, count_rows
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.customers.profiles import NewProfile, ProfileStore
from recsvc.stores.events.event_log import EventLog
from tests.consents import now_us, policy_clock

Act = tuple[Any, ...]
WHO = st.integers(0, 2)
PURPOSES = st.sampled_from([Purpose.EMAIL, Purpose.TRAINING])
LABELS = st.sampled_from([None, "v1", "v2"])
ACTS = st.one_of(
    st.tuples(st.just("say"), WHO, PURPOSES, st.booleans(), LABELS),
    st.tuples(st.just("import"), WHO, PURPOSES, st.booleans(), LABELS, st.integers(1, 3)),
    st.tuples(st.just("flag"), WHO, st.sampled_from(Flag), st.booleans()),
    st.tuples(st.just("erase"), WHO),
    st.tuples(st.just("merge"), WHO, WHO),
)


class Shop:
    """A shop with three customers, to whom things happen."""

    def __init__(self, connections: Connections) -> None:
        self.name = ShopName(f"audited-{uuid4().hex[:12]}")
        self.redis = connections.writes
        self.customers = [CustomerKey(os.urandom(16)) for _ in range(3)]
        change_writer = ChangeWriter(connections)
        self.consents = ConsentStore(connections, change_writer)
        self.profiles = ProfileStore(connections, change_writer)
        self._erasures = ErasureStore(change_writer, self.consents, EventLog(connections), [])
        self._merges = MergeStore(change_writer, policy_clock())
        self._history = HistoryStore(connections)
        self._audit = RecordAudit(connections)

    def record(self, who: int = 0) -> str:
        return redis_keys.customer(self.name, self.customers[who])

    def do(self, act: Act) -> None:
        kind, who, *rest = act
        key = self.customers[who]
        if kind == "say":
            purpose, granted, label = rest
            self.consents.write(self.name, key, {purpose: granted}, label, label)
        elif kind == "import":
            purpose, granted, label, hours = rest
            at_us = now_us() - hours * 3_600_000_000
            row = ImportedConsent(key, purpose, granted, at_us, label, label)
            self.consents.import_many(self.name, [row, row])
        elif kind == "flag":
            flag, is_set = rest
            self.profiles.put_many(self.name, [NewProfile(key, NO_PROFILE, {flag: is_set})])
        elif kind == "erase":
            self._erasures.erase(self.name, key)
        elif key != self.customers[rest[0]]:
            with suppress(Conflict):
                self._merges.merge(self.name, key, self.customers[rest[0]])

    def walked(self) -> tuple[Counter[CustomerKey], int]:
        """Count the rows of each customer, and say which was the last."""
        _, last = self._history.head_and_last_row(self.name)
        rows_of: Counter[CustomerKey] = Counter()
        for _ in count_rows(
            self._history.chained_rows(self.name, last=last) if last else (), rows_of
        ):
            pass
        return rows_of, last

    def differences(
        self, walked: tuple[Counter[CustomerKey], int] | None = None
    ) -> list[Difference]:
        return list(self._audit.differences(self.name, *(walked or self.walked())))


@pytest.fixture
def shop(connections: Connections) -> Shop:
    """The first customer has said and been told of much, the second was erased, the third came
    back after it.
    """
    made = Shop(connections)
    for act in (
        ("import", 0, Purpose.TRAINING, True, "v1", 2),
        ("say", 0, Purpose.EMAIL, True, "v1"),
        ("say", 0, Purpose.EMAIL, False, None),
        ("flag", 0, Flag.RESTRICTED, True),
        ("say", 1, Purpose.EMAIL, True, "v1"),
        ("erase", 1),
        ("erase", 2),
        ("say", 2, Purpose.EMAIL, True, None),
    ):
        made.do(act)
    return made


def test_a_key_that_names_nobody_is_nobodys_record(shop: Shop) -> None:
    """Whoever wrote it by hand; the others are compared as ever."""
    shop.redis.hset(f"{{{shop.name}}}:customer:xyz", "flag:minor", "1")

    assert shop.differences() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, max_size=14))
@example(acts=[("say", 0, Purpose.EMAIL, False, None), ("import", 0, Purpose.EMAIL, True, "v1", 2)])
@example(acts=[("erase", 0), ("say", 0, Purpose.EMAIL, True, None), ("merge", 0, 1)])
@example(acts=[("flag", 0, Flag.MINOR, True), ("merge", 0, 1), ("erase", 1), ("merge", 2, 0)])
def test_whatever_the_service_writes_is_what_the_history_says(
    connections: Connections, acts: list[Act]
) -> None:
    """Words, imports in any order, flags, erasures, grants after them, merges."""
    shop = Shop(connections)
    for act in acts:
        shop.do(act)

    assert shop.differences() == []


@pytest.mark.parametrize(
    ("who", "spoil", "subject", "what"),
    [
        (0, lambda r, k: r.hset(k, "purpose:email", f"{10**15} granted - - -"), "email", 0),
        (0, lambda r, k: r.hset(k, "purpose:offers", f"{10**15} granted - - -"), "offers", 1),
        (0, lambda r, k: r.hdel(k, "purpose:email"), "email", 2),
        (0, lambda r, k: r.hset(k, "purpose:email", "true"), "email", 3),
        (0, lambda r, k: r.hdel(k, "flag:restricted"), "restricted", 2),
        (0, lambda r, k: r.hset(k, "flag:minor", "1"), "minor", 1),
        (0, lambda r, k: (r.delete(k), r.set(k, "granted")), "customer", 3),
        (1, lambda r, k: r.hdel(k, "erased"), "customer", 2),
        (1, lambda r, k: r.hset(k, "erased", b"1 -"), "customer", 0),
        (1, lambda r, k: r.hset(k, "erased", r.hget(k, "erased")[:-1] + b"1"), "customer", 0),
        (2, lambda r, k: r.hset(k, "erased", b"1 2"), "customer", 0),
        (2, lambda r, k: r.hset(k, "erased", b"?"), "erased", 3),
    ],
)
def test_a_record_that_somebody_else_changed_is_named(
    shop: Shop, who: int, spoil: Callable[[Any, str], object], subject: str, what: int
) -> None:
    """The customer by keyed hash, the purpose or flag, and nothing else."""
    before = shop.differences()
    spoil(shop.redis, shop.record(who))
    words = [replay.CHANGED, replay.NO_ROW, replay.NO_FIELD, replay.UNREADABLE]

    assert before == []
    assert shop.differences() == [Difference(shop.customers[who].hex(), subject, words[what])]


def test_a_time_that_was_moved_is_seen(shop: Shop) -> None:
    """A younger grant would expire later."""
    field = "purpose:training"
    at, rest = shop.redis.hget(shop.record(), field).split(b" ", 1)
    shop.redis.hset(shop.record(), field, b"%d %s" % (int(at) + 1, rest))

    assert [each.subject for each in shop.differences()] == ["training"]


def test_a_record_of_nobody_is_named(shop: Shop) -> None:
    """No row was ever written of them."""
    nobody = CustomerKey(os.urandom(16))
    shop.redis.hset(redis_keys.customer(shop.name, nobody), "purpose:email", "1 granted 1 - -")

    assert shop.differences() == [Difference(nobody.hex(), "email", replay.NO_ROW)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis, name: redis.rpop(name),
        lambda redis, name: redis.rpush(name, "5"),
        lambda redis, name: redis.rpush(name, "?"),
        lambda redis, name: redis.rpush(name, "1"),
        lambda redis, name: redis.delete(name),
    ],
)
def test_a_list_of_rows_hides_none(shop: Shop, spoil: Callable[[Any, str], object]) -> None:
    """Nor does it bring others' in: a no that it left out would let an older yes pass."""
    spoil(shop.redis, redis_keys.history_of(shop.name, shop.customers[0]))

    found = [(each.customer, each.what) for each in shop.differences()]
    assert found == [(shop.customers[0].hex(), INCOMPLETE_LIST)]


def test_what_was_said_after_the_walk_is_compared_as_well(shop: Shop) -> None:
    """The service goes on while the audit runs, and nothing is taken for a forgery."""
    walked = shop.walked()
    for act in (
        ("say", 0, Purpose.EMAIL, True, "v2"),
        ("say", 1, Purpose.EMAIL, True, "v2"),
        ("erase", 2),
    ):
        shop.do(act)

    assert shop.differences(walked) == []
