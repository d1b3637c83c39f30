"""A clock that was ahead once harms nobody who said nothing then; what is later stays later."""

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
YES, NO = {Purpose.EMAIL: True}, {Purpose.EMAIL: False}

Act = tuple[Any, ...]
TIMES = st.sampled_from([NOON - MONTH, NOON, NOON + HOUR, NOON + MONTH])
WHO = st.integers(0, 1)
ACTS = st.one_of(
    st.tuples(st.just("say"), TIMES, WHO, st.booleans()),
    st.tuples(st.just("hear"), TIMES, WHO, st.booleans(), TIMES),
    st.tuples(st.just("erase"), TIMES, WHO),
)


class Clocked:
    """A shop whose store has the clock that the test sets, and three customers."""

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

    def say(self, who: int, word: dict[Purpose, bool]) -> int:
        """Return the stamp."""
        record = self.consents.write(self.name, self.customers[who], word)
        return max(record.purposes[purpose].at_us for purpose in word)

    def hear(self, who: int, granted: bool, at_us: int) -> ImportOutcome:
        row = ImportedConsent(self.customers[who], Purpose.EMAIL, granted, at_us)
        (outcome,) = self.consents.import_many(self.name, [row])
        return outcome

    def erase(self, who: int) -> int:
        return self._erasures.erase(self.name, self.customers[who]).at_us

    def merge(self, away: int, into: int) -> int:
        """Return when it was recorded."""
        both = self.customers[away], self.customers[into]
        return self._merges.merge(self.name, *both).recorded_at_us

    def word(self, who: int) -> PurposeConsent | None:
        record = self.consents.read(self.name, self.customers[who])
        return record.purposes.get(Purpose.EMAIL)

    def imported(self, who: int) -> list[tuple[bool, int]]:
        rows = self.history.all_rows_of(self.name, self.customers[who])
        taken = (row for row in rows if row.kind is RowKind.IMPORT)
        return [(row.word == GRANTED, row.said_at or 0) for row in taken]

    def was_erased_after(self, who: int, recorded_at_us: int) -> bool:
        return self._erasures.was_erased_after(self.name, self.customers[who], recorded_at_us)

    def watermark(self) -> int:
        return (
            consented_customers(self.connections)
            .permitted(self.name, Purpose.TRAINING)
            .watermark_us
        )

    def faults(self) -> list[object]:
        """Return what `audit verify` finds."""
        head, last = self.history.head_and_last_row(self.name)
        rows_of: Counter[CustomerKey] = Counter()
        links = count_rows(self.history.chained_rows(self.name, last=last) if last else (), rows_of)
        wrong = list(chain_faults(self.name, links, head))
        audit = RecordAudit(self.connections)
        return [*wrong, *audit.differences(self.name, rows_of, last)]


@pytest.fixture
def shop(connections: Connections) -> Clocked:
    """One customer spoke while the clock was a month ahead."""
    made = Clocked(connections)
    made.now += MONTH
    made.say(0, YES)
    made.now -= MONTH
    return made


def test_who_speaks_after_a_jump_is_stamped_by_the_clock(shop: Clocked) -> None:
    """Only who spoke during it stays ahead of it."""
    assert shop.say(1, YES) == NOON
    assert shop.say(0, NO) == NOON + MONTH + 1
    assert shop.faults() == []


def test_a_withdrawal_from_elsewhere_after_a_jump_counts(shop: Clocked) -> None:
    """It is later than the grant, and no row of another customer makes it an old one."""
    shop.say(1, YES)
    shop.now += HOUR

    assert shop.hear(1, granted=False, at_us=NOON + HOUR) is ImportOutcome.APPLIED
    assert shop.word(1) == PurposeConsent(False, NOON + HOUR, NOON)


def test_an_import_is_in_the_future_by_the_clock_alone(shop: Clocked) -> None:
    """Not by a row that a clock that was ahead has left."""
    assert shop.hear(1, granted=True, at_us=NOON + 1) is ImportOutcome.IN_FUTURE
    assert shop.hear(1, granted=True, at_us=NOON) is ImportOutcome.APPLIED


def test_an_erasure_after_a_jump_is_stamped_by_the_clock(shop: Clocked) -> None:
    """But for one who spoke during it: what they said then is of before the erasure."""
    shop.say(1, YES)

    assert shop.erase(1) == NOON
    assert shop.erase(0) == NOON + MONTH
    assert shop.faults() == []


def test_an_older_model_stays_older_than_an_erasure_after_a_jump(shop: Clocked) -> None:
    """Its consents were read before the erasure, and the next one's after it."""
    shop.say(1, YES)
    before = shop.watermark()
    shop.now -= MONTH
    shop.erase(1)
    shop.say(1, YES)
    stone = shop.consents.read(shop.name, shop.customers[1]).tombstone

    assert stone is not None
    assert before < stone.recorded_at_us < shop.watermark()


def test_an_erasure_after_a_merge_is_after_it(shop: Clocked) -> None:
    """Whatever the clock says; so nothing that was handed on is kept of who was erased since."""
    shop.say(1, YES)
    shop.say(2, YES)
    merged_us = shop.merge(1, 2)
    shop.now -= HOUR
    before = shop.was_erased_after(2, merged_us)
    shop.erase(2)

    assert (before, shop.was_erased_after(2, merged_us)) == (False, True)
    assert shop.faults() == []


def test_who_was_erased_during_a_jump_can_withdraw_elsewhere(shop: Clocked) -> None:
    """Once they have granted anew: a no does not wait for a clock that was ahead, a yes does."""
    shop.now += MONTH
    shop.erase(1)
    shop.now -= MONTH
    shop.say(1, YES)
    shop.now += HOUR

    assert shop.hear(1, granted=True, at_us=NOON + HOUR) is ImportOutcome.SUPERSEDED
    assert shop.hear(1, granted=False, at_us=NOON + HOUR) is ImportOutcome.APPLIED
    assert shop.faults() == []


def test_a_history_of_an_earlier_release_stays_whole(shop: Clocked) -> None:
    """Its erasures have no stamp but their row's, and a jump is in all rows after it."""
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
    assert shop.say(1, YES) == NOON
    assert shop.faults() == []


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(ACTS, max_size=10))
@example(acts=[("hear", NOON + MONTH, 0, True, NOON + MONTH)])
@example(acts=[("say", NOON + MONTH, 0, True), ("say", NOON, 1, True), ("say", NOON, 0, False)])
def test_whatever_the_clock_does_a_live_word_is_the_latest_and_an_erasure_forgets(
    connections: Connections, acts: list[Act]
) -> None:
    """Stamps depend on the clock and the purpose's own last one, and rows only grow later; what
    was imported before an erasure, and is once more after it, permits nothing.
    """
    shop = Clocked(connections)
    for act in acts:
        do(shop, act)
    for who in (0, 1):
        shop.now = NOON
        shop.erase(who)
        shop.say(who, {Purpose.TRAINING: True})
        shop.now = NOON + 2 * MONTH
        for row in shop.imported(who):
            shop.hear(who, *row)
        word = shop.word(who)

        assert word is None or not word.granted
    assert shop.faults() == []


def do(shop: Clocked, act: Act) -> None:
    kind, shop.now, who, *rest = act
    before, end = shop.word(who), shop.history.head_and_last_row(shop.name)[0]
    if kind == "say":
        said_at = shop.say(who, {Purpose.EMAIL: rest[0]})
        word = shop.word(who)
        assert said_at == max(shop.now, before.at_us + 1 if before else 0)
        assert word is not None
        assert (word.granted, word.at_us) == (rest[0], said_at)
    elif kind == "hear":
        shop.hear(who, *rest)
    else:
        shop.erase(who)
        assert shop.word(who) is None
    after = shop.history.head_and_last_row(shop.name)[0]
    assert after == end or end is None or (after is not None and after.at_us > end.at_us)
