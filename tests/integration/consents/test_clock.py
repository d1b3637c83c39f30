"""After a clock jump only the customers with statements during it keep late stamps, and order is
kept.
"""

import os
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recsvc.domain.consent.consent import DAY_US, Purpose, PurposeConsent
from recsvc.domain.consent.hash_chain import RowDraft, RowKind, append, chain_faults
from recsvc.domain.consent.statements import ImportOutcome
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.audit.record_audit import RecordAudit, count_rows
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.record_codec import GRANTED
from recsvc.stores.customers.erasure import CUSTOMER_SUBJECT, ERASED_WORD, ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.events.event_log import EventLog
from tests.consents import consented_customers, policy_clock

HOUR, MONTH = 3_600_000_000, 30 * DAY_US
NOON = 1_700_000_000_000_000
GRANT, DENIAL = {Purpose.EMAIL: True}, {Purpose.EMAIL: False}

Act = tuple[Any, ...]
TIMES = st.sampled_from([NOON - MONTH, NOON, NOON + HOUR, NOON + MONTH])
NUMBERS = st.integers(0, 1)
ACTS = st.one_of(
    st.tuples(st.just("record"), TIMES, NUMBERS, st.booleans()),
    st.tuples(st.just("import"), TIMES, NUMBERS, st.booleans(), TIMES),
    st.tuples(st.just("erase"), TIMES, NUMBERS),
)


class ClockedShop:
    """A shop with three customers, whose store uses the clock that the test sets."""

    def __init__(self, connections: Connections) -> None:
        self.now = NOON
        self.name = ShopName(f"clocked-{uuid4().hex[:12]}")
        self.connections = connections
        self.customers = [CustomerKey(os.urandom(16)) for _ in range(3)]
        change_writer = ChangeWriter(connections, lambda: self.now)
        self.consents = ConsentStore(connections, change_writer)
        self.history = HistoryStore(connections)
        self._erasures = ErasureStore(change_writer, self.consents, EventLog(connections), [])
        self._merges = MergeStore(change_writer, policy_clock())

    def record(self, number: int, statements: dict[Purpose, bool]) -> int:
        """Record live statements and return their stamp."""
        record = self.consents.write(self.name, self.customers[number], statements)
        return max(record.purposes[purpose].at_us for purpose in statements)

    def import_row(self, number: int, granted: bool, at_us: int) -> ImportOutcome:
        row = ImportedConsent(self.customers[number], Purpose.EMAIL, granted, at_us)
        (outcome,) = self.consents.import_many(self.name, [row])
        return outcome

    def erase(self, number: int) -> int:
        return self._erasures.erase(self.name, self.customers[number]).at_us

    def merge(self, away: int, into: int) -> int:
        """Return the history time of the merge."""
        both = self.customers[away], self.customers[into]
        return self._merges.merge(self.name, *both).recorded_at_us

    def email(self, number: int) -> PurposeConsent | None:
        record = self.consents.read(self.name, self.customers[number])
        return record.purposes.get(Purpose.EMAIL)

    def imported(self, number: int) -> list[tuple[bool, int]]:
        rows = self.history.all_rows_of(self.name, self.customers[number])
        imports = (row for row in rows if row.kind is RowKind.IMPORT)
        return [(row.word == GRANTED, row.said_at or 0) for row in imports]

    def was_erased_after(self, number: int, recorded_at_us: int) -> bool:
        return self._erasures.was_erased_after(self.name, self.customers[number], recorded_at_us)

    def watermark(self) -> int:
        return (
            consented_customers(self.connections)
            .permitted(self.name, Purpose.TRAINING)
            .watermark_us
        )

    def faults(self) -> list[object]:
        """Return the faults that `audit verify` reports."""
        head, last = self.history.head_and_last_row(self.name)
        rows_of: Counter[CustomerKey] = Counter()
        links = count_rows(self.history.chained_rows(self.name, last=last) if last else (), rows_of)
        wrong = list(chain_faults(self.name, links, head))
        audit = RecordAudit(self.connections)
        return [*wrong, *audit.differences(self.name, rows_of, last)]


@pytest.fixture
def shop(connections: Connections) -> ClockedShop:
    """Return a shop where one customer made a statement while the clock was a month ahead."""
    made = ClockedShop(connections)
    made.now += MONTH
    made.record(0, GRANT)
    made.now -= MONTH
    return made


def test_a_statement_after_a_jump_is_stamped_by_the_clock(shop: ClockedShop) -> None:
    """Only customers with a statement during the jump keep stamps ahead of the clock."""
    assert shop.record(1, GRANT) == NOON
    assert shop.record(0, DENIAL) == NOON + MONTH + 1
    assert shop.faults() == []


def test_an_imported_withdrawal_after_a_jump_counts(shop: ClockedShop) -> None:
    """The withdrawal is later than the grant; rows of other customers do not matter."""
    shop.record(1, GRANT)
    shop.now += HOUR

    assert shop.import_row(1, granted=False, at_us=NOON + HOUR) is ImportOutcome.APPLIED
    assert shop.email(1) == PurposeConsent(False, NOON + HOUR, NOON)


def test_an_import_is_in_the_future_by_the_clock_alone(shop: ClockedShop) -> None:
    """An imported time is compared with the clock; a later row of the history does not matter."""
    assert shop.import_row(1, granted=True, at_us=NOON + 1) is ImportOutcome.IN_FUTURE
    assert shop.import_row(1, granted=True, at_us=NOON) is ImportOutcome.APPLIED


def test_an_erasure_after_a_jump_is_stamped_by_the_clock(shop: ClockedShop) -> None:
    """Only a customer with a statement during the jump gets an erasure later than the clock."""
    shop.record(1, GRANT)

    assert shop.erase(1) == NOON
    assert shop.erase(0) == NOON + MONTH
    assert shop.faults() == []


def test_an_older_model_stays_older_than_an_erasure_after_a_jump(shop: ClockedShop) -> None:
    """A model whose consents were read before the erasure is older than it, and the next one is
    newer.
    """
    shop.record(1, GRANT)
    before = shop.watermark()
    shop.now -= MONTH
    shop.erase(1)
    shop.record(1, GRANT)
    tombstone = shop.consents.read(shop.name, shop.customers[1]).tombstone

    assert tombstone is not None
    assert before < tombstone.recorded_at_us < shop.watermark()


def test_an_erasure_after_a_merge_has_a_later_row(shop: ClockedShop) -> None:
    """The history orders a merge and a later erasure even if the clock went back, so no merged data
    remains.
    """
    shop.record(1, GRANT)
    shop.record(2, GRANT)
    merged_us = shop.merge(1, 2)
    shop.now -= HOUR
    before = shop.was_erased_after(2, merged_us)
    shop.erase(2)

    assert (before, shop.was_erased_after(2, merged_us)) == (False, True)
    assert shop.faults() == []


def test_a_customer_erased_during_a_jump_can_withdraw_by_import(shop: ClockedShop) -> None:
    """After a re-admission an imported denial applies at once, and a grant after the erasure's
    stamp.
    """
    shop.now += MONTH
    shop.erase(1)
    shop.now -= MONTH
    shop.record(1, GRANT)
    shop.now += HOUR

    assert shop.import_row(1, granted=True, at_us=NOON + HOUR) is ImportOutcome.SUPERSEDED
    assert shop.import_row(1, granted=False, at_us=NOON + HOUR) is ImportOutcome.APPLIED
    assert shop.faults() == []


def test_a_history_of_an_earlier_release_is_verified(shop: ClockedShop) -> None:
    """Rows of an earlier release have no erasure time, and the time of their rows counts."""
    key, redis = shop.customers[1], shop.connections.writes
    head = shop.history.head(shop.name)
    assert head is not None
    (link,), after = append(
        head, [RowDraft(RowKind.ERASE, key, CUSTOMER_SUBJECT, ERASED_WORD, "cli")], NOON
    )
    entry: Any = {"row": link.row, "hash": link.digest}
    redis.xadd(redis_keys.history(shop.name), entry, id=f"{link.n}-0")
    redis.rpush(redis_keys.history_of(shop.name, key), link.n)
    redis.set(redis_keys.audit_head(shop.name), str(after))
    redis.hset(redis_keys.customer(shop.name, key), "erased", f"{after.at_us} -")

    assert shop.faults() == []
    assert shop.record(1, GRANT) == NOON
    assert shop.faults() == []


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, max_size=10))
@example(acts=[("import", NOON + MONTH, 0, True, NOON + MONTH)])
@example(
    acts=[("record", NOON + MONTH, 0, True), ("record", NOON, 1, True), ("record", NOON, 0, False)]
)
def test_live_statements_are_the_latest_under_any_clock(
    connections: Connections, acts: list[Act]
) -> None:
    """A stamp depends on the clock and the purpose's last stamp, and row times increase.

    Statements that were imported before an erasure and again after it permit nothing.
    """
    shop = ClockedShop(connections)
    for act in acts:
        do(shop, act)
    for number in (0, 1):
        shop.now = NOON
        shop.erase(number)
        shop.record(number, {Purpose.TRAINING: True})
        shop.now = NOON + 2 * MONTH
        for row in shop.imported(number):
            shop.import_row(number, *row)
        consent = shop.email(number)

        assert consent is None or not consent.granted
    assert shop.faults() == []


def do(shop: ClockedShop, act: Act) -> None:
    kind, shop.now, number, *rest = act
    before, end = shop.email(number), shop.history.head_and_last_row(shop.name)[0]
    if kind == "record":
        stamp = shop.record(number, {Purpose.EMAIL: rest[0]})
        consent = shop.email(number)
        assert stamp == max(shop.now, before.at_us + 1 if before else 0)
        assert consent is not None
        assert (consent.granted, consent.at_us) == (rest[0], stamp)
    elif kind == "import":
        shop.import_row(number, *rest)
    else:
        shop.erase(number)
        assert shop.email(number) is None
    after = shop.history.head_and_last_row(shop.name)[0]
    assert after == end or end is None or (after is not None and after.at_us > end.at_us)
