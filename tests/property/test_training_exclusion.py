"""Training exclusion: rows of customers without consent have no influence."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.values.ids import ItemId
from tests.unit.training.builders import FIRST_DAY, HASHER, NOW, quick
from training.pipeline import train
from training.progress import SILENT
from training.sources.consents import PermittedIds
from training.sources.ingest import Request, read_purchases
from training.sources.item_catalogue import catalogue_of
from training.sources.purchase_files import PurchaseFiles

CUSTOMERS = [f"c{n}" for n in range(8)]
# No customer buys the last one; some are bought by excluded customers only.
CATALOGUE = catalogue_of(
    [
        CatalogueItem(
            ItemId(f"i{n}"), category=f"Food > {'AB'[n % 2]}", title=f"Tea {n % 4}", brand="x"
        )
        for n in range(9)
    ],
    "file",
)

row = st.tuples(
    st.sampled_from(CUSTOMERS),
    st.sampled_from([f"i{n}" for n in range(6)]),
    st.integers(0, 120),
    st.sampled_from([1, 2, 5, -1, 0]),
)


def csv(rows: list[tuple[str, str, int, int]]) -> str:
    lines = [
        f"{customer},{item},{int(FIRST_DAY.timestamp()) + day * 86400},{quantity}"
        for customer, item, day, quantity in rows
    ]
    return "\n".join(["customer_id,item_id,timestamp,quantity", *lines, ""])


def arrays(text: str, permitted: set[str], least: int) -> tuple[dict[str, bytes], object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        path.write_text(text)
        request = Request(PurchaseFiles(str(path)), {}, 0.0, NOW)
        purchases = read_purchases(request, PermittedIds(frozenset(permitted)), (), SILENT)
    trained = train(purchases, CATALOGUE, HASHER, quick(1, 20, k_anonymity=least), SILENT)
    made = trained.artifact.to_arrays()
    return {name: array.tobytes() for name, array in made.items()}, trained.results.as_json()


@given(
    rows=st.lists(row, min_size=20, max_size=80),
    permitted=st.sets(st.sampled_from(CUSTOMERS), min_size=1, max_size=7),
    seed=st.integers(0, 2**32 - 1),
    least=st.sampled_from([1, 2, 5]),
)
@settings(max_examples=10, deadline=None)
def test_arrays_are_those_of_a_training_without_the_excluded_rows(
    rows: list[tuple[str, str, int, int]], permitted: set[str], seed: int, least: int
) -> None:
    """Arrays and metrics are byte-equal to a training without those rows, for any row order."""
    rows.append((min(permitted), "i0", 60, 1000))  # something is always left to learn from
    remaining = [line for line in rows if line[0] in permitted]
    shuffled = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]

    assert arrays(csv(shuffled), permitted, least) == arrays(csv(remaining), permitted, least)


def test_an_item_of_excluded_customers_has_the_list_of_an_item_without_purchases() -> None:
    """Its row has the bytes that it has in a catalogue whose item nobody bought."""
    bought = [(customer, "i0", day, 1) for customer in CUSTOMERS[:4] for day in (1, 40)]
    excluded = [(customer, "i7", day, 1) for customer in CUSTOMERS[4:] for day in (1, 40)]
    permitted = set(CUSTOMERS[:4])

    with_them, without = (
        arrays(csv(rows), permitted, 1)[0] for rows in ([*bought, *excluded], bought)
    )

    assert with_them == without
    offsets = np.frombuffer(with_them["similar_offsets"], np.int64)
    assert (np.diff(offsets) == 8).all()  # each of the nine items lists all others
