"""Statements in any order and number lead to the consent that an independent rule expects."""

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
class ImportedStatement:
    """An imported statement without its customer."""

    purpose: Purpose
    granted: bool
    at_us: int
    policy_version: str | None
    source: str | None

    def of(self, customer: CustomerKey) -> ImportedConsent:
        return ImportedConsent(
            customer, self.purpose, self.granted, self.at_us, self.policy_version, self.source
        )


# Few times, so that ties are common; some of them are too large for exact floating-point seconds.
STATEMENTS = st.builds(
    ImportedStatement,
    PURPOSES,
    st.booleans(),
    st.sampled_from([1, 2, 3, 1_700_000_000_000_000, 1_700_000_000_000_001]),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=3),
    st.sampled_from([None, "a", "b"]),
)
HISTORIES = st.lists(STATEMENTS, max_size=8)


@pytest.fixture(scope="module")
def store(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


def new_customer() -> CustomerKey:
    return CustomerKey(os.urandom(16))


def after(store: ConsentStore, history: Sequence[ImportedStatement]) -> ConsentRecord:
    customer = new_customer()
    for statement in history:
        store.import_many(SHOP, [statement.of(customer)])
    return store.read(SHOP, customer)


def expected(
    history: Sequence[ImportedStatement], purpose: Purpose
) -> tuple[bool, int, int | None] | None:
    """Return the expected consent: the latest statement, denial on a tie."""
    statements = [statement for statement in history if statement.purpose is purpose]
    if not statements:
        return None
    latest = max(statement.at_us for statement in statements)
    granted = all(statement.granted for statement in statements if statement.at_us == latest)
    grants = [statement.at_us for statement in statements if statement.granted]
    return granted, latest, min(grants, default=None)


def found(consent: PurposeConsent | None) -> tuple[bool, int, int | None] | None:
    if consent is None:
        return None
    return consent.granted, consent.at_us, consent.first_granted_at_us


@QUICK
@given(history=HISTORIES)
def test_the_latest_import_wins_and_denial_wins_ties(
    store: ConsentStore, history: list[ImportedStatement]
) -> None:
    """The stored consent equals the one computed from all imported statements."""
    record = after(store, history)

    for purpose in Purpose:
        assert expected(history, purpose) == found(record.purposes.get(purpose))


@QUICK
@given(history=HISTORIES, data=st.data())
def test_imports_converge_in_any_order_and_number(
    store: ConsentStore, history: list[ImportedStatement], data: st.DataObject
) -> None:
    """Shuffled, repeated, single and bulk imports lead to an equal record."""
    repeated = history + data.draw(st.lists(st.sampled_from(history))) if history else []
    shuffled = data.draw(st.permutations(repeated))
    customer = new_customer()
    store.import_many(SHOP, [statement.of(customer) for statement in shuffled])

    assert after(store, history) == store.read(SHOP, customer)


@QUICK
@given(history=HISTORIES, live=st.dictionaries(PURPOSES, st.booleans(), min_size=1))
def test_a_live_statement_supersedes_every_earlier_import(
    store: ConsentStore, history: list[ImportedStatement], live: dict[Purpose, bool]
) -> None:
    """A live statement counts against imports before it, and the same imports after it."""
    customer = new_customer()
    rows = [statement.of(customer) for statement in history]
    store.import_many(SHOP, rows)
    written = store.write(SHOP, customer, live, "live", "live")
    store.import_many(SHOP, rows)
    record = store.read(SHOP, customer)

    for purpose, granted in live.items():
        assert record.purposes[purpose] == written.purposes[purpose]
        assert permits(record, purpose) is granted


@QUICK
@given(statements=st.lists(st.dictionaries(PURPOSES, st.booleans(), min_size=1), max_size=6))
def test_stamps_strictly_increase(
    store: ConsentStore, statements: list[dict[Purpose, bool]]
) -> None:
    """Two live statements on one purpose have different stamps."""
    customer = new_customer()
    records = [store.write(SHOP, customer, statement) for statement in statements]
    for purpose in Purpose:
        stamps = [
            record.purposes[purpose].at_us
            for record, statement in zip(records, statements, strict=True)
            if purpose in statement
        ]

        assert stamps == sorted(set(stamps))


@pytest.fixture(scope="module")
def writers(valkey: EmbeddedValkey, settings: Settings) -> Iterator[list[ConsentStore]]:
    """Yield stores with their own clients and locks, like those of several processes."""
    opened = [connect(settings, valkey.url) for _ in range(WRITERS)]
    yield [ConsentStore(each) for each in opened]
    for each in opened:
        each.close()


@settings(deadline=None, max_examples=6)
@given(
    statements=st.lists(STATEMENTS, min_size=35, max_size=35),
    random=st.randoms(use_true_random=False),
)
def test_concurrent_writers_lead_to_the_result_of_one(
    connections: Connections,
    writers: list[ConsentStore],
    statements: list[ImportedStatement],
    random: Random,
) -> None:
    """Concurrent imports with repetitions lead to the expected records and a valid history."""
    customers = [new_customer(), new_customer()]
    rows = [statement.of(random.choice(customers)) for statement in statements]
    rows += random.choices(rows, k=50 - len(rows))
    at_once, one_by_one = (ShopName(f"shop-{uuid4().hex[:12]}") for _ in range(2))

    write_concurrently(writers, at_once, rows)
    random.shuffle(rows)
    for row in rows:
        writers[0].import_many(one_by_one, [row])

    for shop in (at_once, one_by_one):
        for customer in customers:
            own = [row for row in rows if row.customer == customer]
            assert writers[0].read(shop, customer).purposes == expected_purposes(own)
        assert is_valid(connections, shop)


def write_concurrently(
    writers: Sequence[ConsentStore], shop: ShopName, rows: Sequence[ImportedConsent]
) -> None:
    """Let each writer import its share, some rows alone and some in bulk."""
    start = Barrier(len(writers))

    def write(number: int) -> None:
        share = rows[number :: len(writers)]
        start.wait()
        for row in share[:3]:
            writers[number].import_many(shop, [row])
        writers[number].import_many(shop, share[3:])

    with ThreadPoolExecutor(len(writers)) as threads:
        list(threads.map(write, range(len(writers))))


def expected_purposes(rows: Sequence[ImportedConsent]) -> Mapping[Purpose, PurposeConsent]:
    """Return the expected consents from all rows; the greater text decides a full tie."""
    found = {}
    for purpose in {row.purpose for row in rows}:
        statements = [row for row in rows if row.purpose is purpose]
        last = max(
            statements,
            key=lambda row: (
                row.at_us,
                not row.granted,
                row.policy_version or "",
                row.source or "",
            ),
        )
        grants = [row.at_us for row in statements if row.granted]
        found[purpose] = PurposeConsent(
            last.granted,
            last.at_us,
            min(grants, default=None),
            last.policy_version,
            last.source,
        )
    return found


def is_valid(connections: Connections, shop: ShopName) -> bool:
    history = HistoryStore(connections)
    head, last = history.head_and_last_row(shop)
    return not list(chain_faults(shop, history.chained_rows(shop, last=last), head))
