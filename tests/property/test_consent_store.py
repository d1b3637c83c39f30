"""Whatever happens in whatever order, the consent that remains is the one that should."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from threading import Barrier
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.config import Settings
from recsvc.domain.consent.consent import ConsentRecord, Purpose, PurposeConsent
from recsvc.domain.consent.hash_chain import chain_faults
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.consents import permits

SHOP = ShopName("property")
PURPOSES = st.sampled_from([Purpose.EMAIL, Purpose.TRAINING])
QUICK = settings(deadline=None, max_examples=60)
WRITERS = 8


@dataclass(frozen=True)
class Word:
    """What a customer is said to have said: an import whose customer is still open."""

    purpose: Purpose
    granted: bool
    at_us: int
    policy_version: str | None
    source: str | None

    def by(self, customer: CustomerKey) -> ImportedConsent:
        return ImportedConsent(
            customer, self.purpose, self.granted, self.at_us, self.policy_version, self.source
        )


# Few moments, so that ties are common, some of them near the present and hard to hold exactly.
WORDS = st.builds(
    Word,
    PURPOSES,
    st.booleans(),
    st.sampled_from([1, 2, 3, 1_700_000_000_000_000, 1_700_000_000_000_001]),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=3),
    st.sampled_from([None, "a", "b"]),
)
HISTORIES = st.lists(WORDS, max_size=8)


@pytest.fixture(scope="module")
def store(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


def someone() -> CustomerKey:
    return CustomerKey(os.urandom(16))


def after(store: ConsentStore, history: Sequence[Word]) -> ConsentRecord:
    customer = someone()
    for word in history:
        store.import_many(SHOP, [word.by(customer)])
    return store.read(SHOP, customer)


def expected(history: Sequence[Word], purpose: Purpose) -> tuple[bool, int, int | None] | None:
    """Decide by looking at all words at once: the latest, a denial among equals."""
    words = [word for word in history if word.purpose is purpose]
    if not words:
        return None
    latest = max(word.at_us for word in words)
    granted = all(word.granted for word in words if word.at_us == latest)
    grants = [word.at_us for word in words if word.granted]
    return granted, latest, min(grants, default=None)


def found(consent: PurposeConsent | None) -> tuple[bool, int, int | None] | None:
    if consent is None:
        return None
    return consent.granted, consent.at_us, consent.first_granted_at_us


@QUICK
@given(history=HISTORIES)
def test_the_latest_word_remains_and_denial_wins_ties(
    store: ConsentStore, history: list[Word]
) -> None:
    """As decided by looking at the whole history."""
    record = after(store, history)

    for purpose in Purpose:
        assert expected(history, purpose) == found(record.purposes.get(purpose))


@QUICK
@given(history=HISTORIES, data=st.data())
def test_imports_converge_in_any_order_and_number(
    store: ConsentStore, history: list[Word], data: st.DataObject
) -> None:
    """Shuffled, repeated, one by one or all at once: the same record, to the last field."""
    repeated = history + data.draw(st.lists(st.sampled_from(history))) if history else []
    shuffled = data.draw(st.permutations(repeated))
    customer = someone()
    store.import_many(SHOP, [word.by(customer) for word in shuffled])

    assert after(store, history) == store.read(SHOP, customer)


@QUICK
@given(history=HISTORIES, live=st.dictionaries(PURPOSES, st.booleans(), min_size=1))
def test_a_live_word_beats_every_earlier_import(
    store: ConsentStore, history: list[Word], live: dict[Purpose, bool]
) -> None:
    """Imports before it, and the same imports once more after it."""
    customer = someone()
    rows = [word.by(customer) for word in history]
    store.import_many(SHOP, rows)
    written = store.write(SHOP, customer, live, "live", "live")
    store.import_many(SHOP, rows)
    record = store.read(SHOP, customer)

    for purpose, granted in live.items():
        assert record.purposes[purpose] == written.purposes[purpose]
        assert permits(record, purpose) is granted


@QUICK
@given(words=st.lists(st.dictionaries(PURPOSES, st.booleans(), min_size=1), max_size=6))
def test_stamps_strictly_increase(store: ConsentStore, words: list[dict[Purpose, bool]]) -> None:
    """No two live words about one purpose are of the same moment."""
    customer = someone()
    records = [store.write(SHOP, customer, word) for word in words]
    for purpose in Purpose:
        stamps = [
            record.purposes[purpose].at_us
            for record, word in zip(records, words, strict=True)
            if purpose in word
        ]

        assert stamps == sorted(set(stamps))


@pytest.fixture(scope="module")
def writers(valkey: EmbeddedValkey, settings: Settings) -> Iterator[list[ConsentStore]]:
    """Stores with clients of their own, which stand in no line: as in as many processes."""
    opened = [connect(settings, valkey.url) for _ in range(WRITERS)]
    yield [ConsentStore(each) for each in opened]
    for each in opened:
        each.close()


@settings(deadline=None, max_examples=6)
@given(
    words=st.lists(WORDS, min_size=35, max_size=35),
    random=st.randoms(use_true_random=False),
)
def test_many_writers_at_once_leave_what_one_would(
    connections: Connections, writers: list[ConsentStore], words: list[Word], random: Random
) -> None:
    """Fifty words of two customers, some of them twice: the one state, and a whole history."""
    customers = [someone(), someone()]
    rows = [word.by(random.choice(customers)) for word in words]
    rows += random.choices(rows, k=50 - len(rows))
    at_once, one_by_one = (ShopName(f"shop-{uuid4().hex[:12]}") for _ in range(2))

    write_at_once(writers, at_once, rows)
    random.shuffle(rows)
    for row in rows:
        writers[0].import_many(one_by_one, [row])

    for shop in (at_once, one_by_one):
        for customer in customers:
            own = [row for row in rows if row.customer == customer]
            assert writers[0].read(shop, customer).purposes == remaining(own)
        assert is_whole(connections, shop)


def write_at_once(
    writers: Sequence[ConsentStore], shop: ShopName, rows: Sequence[ImportedConsent]
) -> None:
    """Have each writer import its share, some rows alone and some together."""
    start = Barrier(len(writers))

    def write(place: int) -> None:
        share = rows[place :: len(writers)]
        start.wait()
        for row in share[:3]:
            writers[place].import_many(shop, [row])
        writers[place].import_many(shop, share[3:])

    with ThreadPoolExecutor(len(writers)) as threads:
        list(threads.map(write, range(len(writers))))


def remaining(rows: Sequence[ImportedConsent]) -> Mapping[Purpose, PurposeConsent]:
    """Decide by looking at all rows at once; a tie of ties goes to the greater text."""
    found = {}
    for purpose in {row.purpose for row in rows}:
        said = [row for row in rows if row.purpose is purpose]
        last = max(
            said,
            key=lambda row: (
                row.at_us,
                not row.granted,
                row.policy_version or "",
                row.source or "",
            ),
        )
        grants = [row.at_us for row in said if row.granted]
        found[purpose] = PurposeConsent(
            last.granted,
            last.at_us,
            min(grants, default=None),
            last.policy_version,
            last.source,
        )
    return found


def is_whole(connections: Connections, shop: ShopName) -> bool:
    history = HistoryStore(connections)
    head, last = history.head_and_last_row(shop)
    return not list(chain_faults(shop, history.chained_rows(shop, last=last), head))
