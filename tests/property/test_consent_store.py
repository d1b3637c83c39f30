"""Whatever happens in whatever order, the consent that remains is the one that should."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.domain.consent import ConsentRecord, Purpose, PurposeConsent
from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.stores.connection import Connections
from recsvc.stores.consents import ConsentStore, ImportedConsent
from tests.consents import permits

SHOP = ShopName("property")
PURPOSES = st.sampled_from([Purpose.EMAIL, Purpose.TRAINING])
QUICK = settings(deadline=None, max_examples=60)


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
