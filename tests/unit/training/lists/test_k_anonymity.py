"""Anonymous lists show only items and pairs with enough customers."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.artifact import Artifact
from tests.unit.training.builders import HASHER, Line, catalogue_with, lines, quick, training_data
from training.dataset.segments import NOTHING
from training.dataset.training_data import TrainingData
from training.lists.k_anonymity import has_enough_buyers, similar_lists
from training.pipeline import Trained, train
from training.progress import SILENT
from training.recommenders.neighbour_lists import NeighbourLists
from training.sources.ingest import Purchases
from training.sources.ingest_report import IngestReport

CATEGORIES = {"tea-0": "tea", "tea-1": "tea", "nut-0": "nut", "secret": "nut", "secret-2": "nut"}

orders_of = st.lists(  # (customer, items of one order)
    st.tuples(st.integers(0, 7), st.sets(st.integers(0, 6), min_size=1, max_size=4)),
    min_size=1,
    max_size=40,
)


def bought(orders: list[tuple[int, set[int]]]) -> list[Line]:
    """Put each order on its own day."""
    return [
        (f"c{customer}", f"i{item}", float(day))
        for day, (customer, items) in enumerate(orders)
        for item in sorted(items)
    ]


def listed(known: TrainingData, lists: NeighbourLists) -> set[frozenset[int]]:
    """Return the pairs of item rows that are in some list."""
    columns = lists.columns
    return {
        frozenset((int(known.head[row]), int(known.head[column])))
        for row, of_row in enumerate(columns)
        for column in of_row
        if column != NOTHING
    }


@given(orders_of, st.integers(2, 4))
def test_only_pairs_with_enough_customers_are_listed(
    orders: list[tuple[int, set[int]]], least: int
) -> None:
    """The listed pairs are those with enough customers who bought both items."""
    known = training_data(bought(orders))
    settings = quick(k_anonymity=least)
    baskets: dict[int, set[int]] = {}
    names = sorted({f"i{item}" for _, items in orders for item in items})
    for customer, items in orders:
        baskets.setdefault(customer, set()).update(names.index(f"i{item}") for item in items)
    met: dict[frozenset[int], set[int]] = {}
    for customer, rows in baskets.items():
        for pair in combinations(sorted(rows), 2):
            met.setdefault(frozenset(pair), set()).add(customer)

    similar = similar_lists(known, settings)

    enough = {pair for pair, customers in met.items() if len(customers) >= least}
    assert listed(known, similar.lists) == enough


def test_with_k_one_nothing_is_left_out() -> None:
    """With `--k-anonymity 1`, lists of similar items keep every byte of their model's lists."""
    known = training_data(shop_with_secrets())
    settings = quick(k_anonymity=1)

    found = similar_lists(known, settings)
    expected = settings.similar.lists(known.customer_items, known.head)

    assert found.left_out == 0
    assert found.lists.columns.tobytes() == expected.columns.tobytes()
    assert found.lists.scores.tobytes() == expected.scores.tobytes()
    assert has_enough_buyers(known, 1).all()


def shop_with_secrets(customers: int = 12) -> list[Line]:
    """All customers buy tea and nuts; a single one buys `secret` with tea, repeatedly."""
    common = [
        (f"c{who:02d}", item, float(day))
        for who in range(customers)
        for day in range(who % 3, 60, 4)
        for item in ("tea-0", "tea-1", "nut-0")
    ]
    secret = [
        ("c00", item, float(day)) for day in range(40, 60, 2) for item in ("secret", "secret-2")
    ]
    few = [(f"c{who:02d}", "of-four", 50.0) for who in range(4)]
    five = [(f"c{who:02d}", "of-five", 50.0) for who in range(5)]
    return [*common, *secret, *few, *five]


def trained(**changes: int) -> Trained:
    purchases = Purchases(lines(shop_with_secrets()), True, IngestReport())
    settings = quick(**{"k_anonymity": 5, **changes})
    return train(purchases, catalogue_with(CATEGORIES), HASHER, settings, SILENT)


def names_in(artifact: Artifact, rows: object) -> set[str]:
    return {artifact.item_ids[row] for row in np.asarray(rows).tolist()}


def public_items(artifact: Artifact) -> set[str]:
    """Return the items that are in some list by behaviour; `similar` may list by content."""
    tops = [artifact.popular, artifact.trending, *artifact.categories.values()]
    seen = set().union(*(names_in(artifact, top.items) for top in tops))
    together = artifact.neighbours[ItemSlate.BOUGHT_TOGETHER]
    return seen | names_in(artifact, together.items)


def test_items_of_few_customers_are_in_no_anonymous_list() -> None:
    """Items with four customers are in no list by behaviour; items with five are listed."""
    made = trained()
    artifact = made.artifact
    hidden = {"secret", "secret-2", "of-four"}

    assert public_items(artifact) == set(artifact.item_ids) - hidden
    assert made.results.anonymity is not None
    assert made.results.anonymity.k == 5
    assert made.results.anonymity.items_left_out == 3
    assert made.results.anonymity.similar_pairs_by_content > 0
    assert made.results.anonymity.together_pairs_left_out > 0


def test_with_k_one_items_of_few_customers_are_public() -> None:
    """With `--k-anonymity 1`, the same items are in anonymous lists."""
    assert {"secret", "of-four"} <= public_items(trained(k_anonymity=1).artifact)


def test_own_lists_show_own_items() -> None:
    """The customer's own lists show an item that no other customer bought."""
    made = trained()
    row = list(made.artifact.customer_keys).index(HASHER.key_of(CustomerId("c00")))
    own = {
        made.artifact.item_ids[item]
        for lists in made.artifact.slates.values()
        for item in lists.items[lists.offsets[row] : lists.offsets[row + 1]].tolist()
    }

    assert "secret" in own


def test_the_results_count_the_items_left_out() -> None:
    """The results contain the threshold and the number of items that were left out."""
    anonymity = trained(k_anonymity=3).results.as_json()["anonymity"]

    assert anonymity["k"] == 3
    assert anonymity["items_left_out"] == 2


def test_customer_lists_do_not_depend_on_the_threshold() -> None:
    """Customer lists have the same items and scores for every threshold."""
    one, five = (trained(k_anonymity=least).artifact.slates for least in (1, 5))

    for slate, lists in five.items():
        assert lists.items.tobytes() == one[slate].items.tobytes()
        assert lists.scores.tobytes() == one[slate].scores.tobytes()
