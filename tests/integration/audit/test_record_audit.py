"""The record audit reports changes that bypassed the service, and accepts those of the service."""

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
NUMBERS = st.integers(0, 2)
PURPOSES = st.sampled_from([Purpose.EMAIL, Purpose.TRAINING])
LABELS = st.sampled_from([None, "v1", "v2"])
ACTS = st.one_of(
    st.tuples(st.just("record"), NUMBERS, PURPOSES, st.booleans(), LABELS),
    st.tuples(st.just("import"), NUMBERS, PURPOSES, st.booleans(), LABELS, st.integers(1, 3)),
    st.tuples(st.just("flag"), NUMBERS, st.sampled_from(Flag), st.booleans()),
    st.tuples(st.just("erase"), NUMBERS),
    st.tuples(st.just("merge"), NUMBERS, NUMBERS),
)


class Shop:
    """A shop with three customers, and the acts that change their records."""

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

    def record(self, number: int = 0) -> str:
        return redis_keys.customer(self.name, self.customers[number])

    def do(self, act: Act) -> None:
        kind, number, *rest = act
        key = self.customers[number]
        if kind == "record":
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

    def rows_read(self) -> tuple[Counter[CustomerKey], int]:
        """Return the number of rows per customer, and the last row."""
        _, last = self._history.head_and_last_row(self.name)
        rows_of: Counter[CustomerKey] = Counter()
        for _ in count_rows(
            self._history.chained_rows(self.name, last=last) if last else (), rows_of
        ):
            pass
        return rows_of, last

    def differences(
        self, rows_read: tuple[Counter[CustomerKey], int] | None = None
    ) -> list[Difference]:
        return list(self._audit.differences(self.name, *(rows_read or self.rows_read())))


@pytest.fixture
def shop(connections: Connections) -> Shop:
    """Return a shop whose first customer has statements and flags, whose second is erased, and
    whose third was re-admitted.
    """
    made = Shop(connections)
    for act in (
        ("import", 0, Purpose.TRAINING, True, "v1", 2),
        ("record", 0, Purpose.EMAIL, True, "v1"),
        ("record", 0, Purpose.EMAIL, False, None),
        ("flag", 0, Flag.RESTRICTED, True),
        ("record", 1, Purpose.EMAIL, True, "v1"),
        ("erase", 1),
        ("erase", 2),
        ("record", 2, Purpose.EMAIL, True, None),
    ):
        made.do(act)
    return made


def test_a_key_with_an_invalid_name_is_skipped(shop: Shop) -> None:
    """A key without a customer hash in its name is no record; the others are compared."""
    shop.redis.hset(f"{{{shop.name}}}:customer:xyz", "flag:minor", "1")

    assert shop.differences() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, max_size=14))
@example(
    acts=[("record", 0, Purpose.EMAIL, False, None), ("import", 0, Purpose.EMAIL, True, "v1", 2)]
)
@example(acts=[("erase", 0), ("record", 0, Purpose.EMAIL, True, None), ("merge", 0, 1)])
@example(acts=[("flag", 0, Flag.MINOR, True), ("merge", 0, 1), ("erase", 1), ("merge", 2, 0)])
def test_every_change_of_the_service_matches_the_history(
    connections: Connections, acts: list[Act]
) -> None:
    """Statements, imports, flags, erasures and merges in any order match their rows."""
    shop = Shop(connections)
    for act in acts:
        shop.do(act)

    assert shop.differences() == []


@pytest.mark.parametrize(
    ("number", "spoil", "subject", "what"),
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
def test_a_record_that_another_client_changed_is_reported(
    shop: Shop, number: int, spoil: Callable[[Any, str], object], subject: str, what: int
) -> None:
    """The audit names the keyed hash and the purpose or flag."""
    before = shop.differences()
    spoil(shop.redis, shop.record(number))
    texts = [replay.CHANGED, replay.NO_ROW, replay.NO_FIELD, replay.UNREADABLE]

    assert before == []
    assert shop.differences() == [Difference(shop.customers[number].hex(), subject, texts[what])]


def test_a_changed_time_is_reported(shop: Shop) -> None:
    """A later stamp would delay the expiry of a grant."""
    field = "purpose:training"
    stored: Any = shop.redis.hget(shop.record(), field)
    at, rest = stored.split(b" ", 1)
    shop.redis.hset(shop.record(), field, b"%d %s" % (int(at) + 1, rest))

    assert [each.subject for each in shop.differences()] == ["training"]


def test_a_record_without_rows_is_reported(shop: Shop) -> None:
    """A record of a customer without any row is reported."""
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
def test_an_incomplete_list_of_rows_is_reported(
    shop: Shop, spoil: Callable[[Any, str], object]
) -> None:
    """A list that omits a denial, or names another customer's row, is reported."""
    spoil(shop.redis, redis_keys.history_of(shop.name, shop.customers[0]))

    found = [(each.customer, each.what) for each in shop.differences()]
    assert found == [(shop.customers[0].hex(), INCOMPLETE_LIST)]


def test_statements_during_the_audit_are_no_difference(shop: Shop) -> None:
    """The service may write while the audit runs, and a later statement is not reported."""
    rows_read = shop.rows_read()
    for act in (
        ("record", 0, Purpose.EMAIL, True, "v2"),
        ("record", 1, Purpose.EMAIL, True, "v2"),
        ("erase", 2),
    ):
        shop.do(act)

    assert shop.differences(rows_read) == []
