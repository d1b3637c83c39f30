"""The service reads back every valid model that a trainer publishes."""

import tempfile
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.ids import id_fault
from recsvc.model.artifact.artifact import Artifact, CustomersPurchases, TopList
from recsvc.model.artifact.format import ALL_ARRAYS
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import publish
from recsvc.model.registry.candidates import Candidates, assemble
from recsvc.model.registry.loaded import CustomerPurchases as PurchasedByOne
from recsvc.model.registry.loader import load
from tests.model_builders import (
    FACTS,
    FINGERPRINT,
    NOW,
    SHOP,
    Entry,
    admitted,
    neighbours,
    published,
    reasoned,
)

SCORES = st.floats(width=32, allow_nan=False, allow_infinity=False)
IDS = st.one_of(
    st.text(min_size=1, max_size=32).filter(lambda text: id_fault(text) is None),
    st.sampled_from(["x" * 128, "é" * 64, "日" * 42, "😀" * 32, "a b", "%2e", " "]),
)
KEYS = st.one_of(
    st.binary(min_size=16, max_size=16),
    st.integers(0, 3).map(lambda number: number.to_bytes(16, "little")),
)
DAYS = st.just(np.nan) | st.floats(2**-20, 2**20, width=32)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


COUNTS = st.integers(0, 2**31 - 1)
MOMENTS = st.just(np.nan) | st.floats(-(2**20), 2**20, width=32)
AMOUNTS = st.just(np.nan) | st.floats(0, 2**20, width=32)


def days(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@st.composite
def entries(draw: st.DrawFn, items: int) -> Entry:
    reason = draw(st.sampled_from(ReasonCode))
    reason_item = draw(st.integers(0, items - 1)) if reason.names_an_item else -1
    return draw(st.integers(0, items - 1)), draw(SCORES), reason, reason_item


@st.composite
def tops(draw: st.DrawFn, items: int) -> TopList:
    rows = draw(st.lists(st.integers(0, items - 1), max_size=6, unique=True)) if items else []
    scores = draw(st.lists(SCORES, min_size=len(rows), max_size=len(rows)))
    return TopList(np.array(rows, np.int64), np.array(scores))


@st.composite
def purchases(draw: st.DrawFn, customers: int, items: int) -> CustomersPurchases:
    some_rows = st.lists(st.integers(0, items - 1), max_size=4) if items else st.just([])

    def column(values: st.SearchStrategy[Any], dtype: type) -> np.ndarray:
        return np.array([draw(values) for _ in range(customers)], dtype)

    return CustomersPurchases(
        bought=neighbours([draw(some_rows) for _ in range(customers)]),
        orders=column(COUNTS, np.int64),
        spent=column(AMOUNTS, np.float32),
        first=column(MOMENTS, np.float32),
        last=column(MOMENTS, np.float32),
    )


@st.composite
def artifacts(draw: st.DrawFn) -> Artifact:
    ids = sorted(draw(st.sets(IDS, max_size=6)))
    keys = sorted(draw(st.sets(KEYS, max_size=5)))
    some_entries = st.lists(entries(len(ids)), max_size=4) if ids else st.just([])
    some_rows = st.lists(st.integers(0, len(ids) - 1), max_size=4) if ids else st.just([])
    popular = np.array(draw(st.permutations(range(len(ids)))), np.int64)
    names = draw(st.sets(NAMES, max_size=3))
    return Artifact(
        item_ids=ids,
        customer_keys=keys,
        slates={s: reasoned([draw(some_entries) for _ in keys]) for s in CustomerSlate},
        neighbours={s: neighbours([draw(some_rows) for _ in ids]) for s in ItemSlate},
        popular=TopList(popular, np.ones(len(ids))),
        trending=draw(tops(len(ids))),
        categories={name: draw(tops(len(ids))) for name in names},
        intervals=draw(st.none() | st.lists(DAYS, min_size=len(ids), max_size=len(ids)).map(days)),
        purchased=draw(st.none() | purchases(len(keys), len(ids))),
    )


def plain(candidates: Candidates | None) -> tuple[list[int], list[float]]:
    assert candidates is not None
    return candidates.items.tolist(), candidates.scores.tolist()


def part(ranked: object, row: int) -> tuple[list[int], list[float]]:
    start, stop = ranked.offsets[row], ranked.offsets[row + 1]  # type: ignore[attr-defined]
    scores = np.asarray(ranked.scores[start:stop], np.float32)  # type: ignore[attr-defined]
    return ranked.items[start:stop].tolist(), scores.tolist()  # type: ignore[attr-defined]


def purchased_in(artifact: Artifact, row: int) -> str | None:
    known = artifact.purchased
    if known is None:
        return None
    columns = (known.orders, known.spent, known.first, known.last)
    return repr((*part(known.bought, row), *(column[row].item() for column in columns)))


def text_of(purchases: PurchasedByOne | None) -> str | None:
    if purchases is None:
        return None
    numbers = (purchases.orders, purchases.spent, purchases.first_day, purchases.last_day)
    return repr((purchases.items.tolist(), purchases.weights.tolist(), *numbers))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(artifacts())
def test_a_published_model_is_read_back(artifact: Artifact) -> None:
    """Models vary in ids, and may have no customers, one item, no items or empty lists."""
    with tempfile.TemporaryDirectory() as root:
        versions = Versions(Path(root), SHOP)
        folder = versions.folder(publish(versions, artifact, FACTS, now=NOW))
        model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

        for row, item_id in enumerate(artifact.item_ids):
            assert (row, item_id) == (model.items.row(item_id), model.items.id(row))
        for row, key in enumerate(artifact.customer_keys):
            assert row == model.customers.row(key)
            for slate, ranked in artifact.slates.items():
                assert part(ranked, row) == plain(model.customer_slate(admitted(key), slate))
        for row, key in enumerate(artifact.customer_keys):
            assert purchased_in(artifact, row) == text_of(model.purchased(admitted(key)))
        for slate, ranked in artifact.neighbours.items():
            for row in range(len(artifact.item_ids)):
                assert part(ranked, row) == plain(model.neighbours(slate, row))
        for name, top in artifact.categories.items():
            assert top.items.tolist() == plain(model.category_popular(name))[0]
        for row in range(len(artifact.item_ids)):
            purchases = None if artifact.intervals is None else artifact.intervals[row].item()
            assert repr(purchases) == repr(
                model.intervals[row].item() if len(model.intervals) else None
            )
        assert artifact.popular.items.tolist() == plain(model.popular())[0]
        assert artifact.trending.items.tolist() == plain(model.trending())[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("models"))


@given(st.data())
def test_one_flipped_bit_is_refused_or_harmless(folder: Path, data: st.DataObject) -> None:
    """A flipped bit causes a rejection or no change; the full check detects it in any array."""
    name = data.draw(st.sampled_from([*ALL_ARRAYS, "manifest"]))
    file = folder / ("manifest.json" if name == "manifest" else f"{name}.npy")
    original = file.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    damaged = bytearray(original)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))

    file.write_bytes(damaged)
    try:
        with suppress(ModelRejected):
            load(folder, shop=SHOP, fingerprint=FINGERPRINT)
        with suppress(ModelRejected):
            load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)
            assert name == "manifest"
    finally:
        file.write_bytes(original)


LISTS = st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=3)


@given(st.integers(0, 12), LISTS, st.sets(st.integers(0, 9)))
def test_an_answer_is_the_first_n_of_the_remaining_items(
    n: int, lists: list[list[int]], excluded: set[int]
) -> None:
    """Excluded and repeated items are skipped, in the order of the lists."""
    scores = [np.arange(len(rows), dtype=np.float32) for rows in lists]
    candidates = [
        Candidates(np.array(rows, np.int32), score, np.zeros(len(rows), np.uint8))
        for rows, score in zip(lists, scores, strict=True)
    ]
    expected = [row for row in dict.fromkeys(chain(*lists)) if row not in excluded][:n]

    ranked = assemble(n, *candidates, excluded_rows=excluded)

    assert expected == ranked.items
    assert len(expected) == len(ranked.reasons) == len(ranked.reason_items)
