"""One behaviour suite for every recommender, and what each alone must know."""

import numpy as np
import pytest

from tests.unit.training.builders import Line, checkerboard, interactions, two_tastes
from training.interactions import Interactions
from training.recommenders.als import Als
from training.recommenders.blend import blend, new_first
from training.recommenders.co_purchase import CoPurchase
from training.recommenders.item_neighbours import ItemNeighbours
from training.recommenders.popularity import Popularity
from training.recommenders.protocol import Recommender, blocks
from training.recommenders.repeat_purchase import RepeatPurchase
from training.recommenders.trending import Trending

EVERY = [
    Als(seed=1),
    ItemNeighbours(),
    Popularity(half_life_days=30),
    RepeatPurchase(),
    Trending(),
]
PERSONAL = [Als(seed=1), ItemNeighbours(), RepeatPurchase()]


def name_of(recommender: Recommender) -> str:
    return type(recommender).__name__


def everybody(bought: Interactions) -> np.ndarray:
    return np.arange(bought.shape[0], dtype=np.int32)


@pytest.mark.parametrize("recommender", EVERY, ids=name_of)
@pytest.mark.parametrize("lines", [two_tastes(), checkerboard(), [("c", "i", 0.0)]], ids=len)
class TestEveryRecommender:
    def test_scores_are_finite_float32_blocks(
        self, recommender: Recommender, lines: list[Line]
    ) -> None:
        """One row per customer asked for, one column per item."""
        bought = interactions(lines)
        scores = recommender.fit(bought).score(everybody(bought))

        assert (scores.shape, scores.dtype) == (bought.shape, np.float32)
        assert np.isfinite(scores).all()

    def test_fitting_twice_gives_the_same_bits(
        self, recommender: Recommender, lines: list[Line]
    ) -> None:
        """The same input and seed: the same model."""
        bought = interactions(lines)
        first, second = (recommender.fit(bought).score(everybody(bought)) for _ in range(2))

        assert first.tobytes() == second.tobytes()

    def test_a_customer_is_scored_alike_alone_and_among_others(
        self, recommender: Recommender, lines: list[Line]
    ) -> None:
        """Blocks are a matter of memory only."""
        bought = interactions(lines)
        fitted = recommender.fit(bought)
        last = everybody(bought)[-1:]

        np.testing.assert_allclose(
            fitted.score(last)[0], fitted.score(everybody(bought))[-1], rtol=1e-5, atol=1e-7
        )

    def test_scoring_changes_nothing(self, recommender: Recommender, lines: list[Line]) -> None:
        """A fitted model is immutable: what a caller does with a block stays with the caller."""
        bought = interactions(lines)
        fitted = recommender.fit(bought)
        before = fitted.score(everybody(bought)).copy()
        fitted.score(everybody(bought))[:] = -7

        assert (fitted.score(everybody(bought)) == before).all()


@pytest.mark.parametrize("recommender", PERSONAL, ids=name_of)
def test_each_taste_group_prefers_its_own(recommender: Recommender) -> None:
    """A tea customer's best six are teas, a nut customer's nuts."""
    bought = interactions(two_tastes())
    scores = recommender.fit(bought).score(everybody(bought))
    is_tea_item = np.array([item.startswith("tea") for item in bought.item_ids])
    is_tea_customer = np.array([int(customer[1:]) < 10 for customer in bought.customer_ids])
    best = np.argsort(-scores, axis=1)[:, :6]

    assert (is_tea_item[best].mean(axis=1) > 0.5).tolist() == is_tea_customer.tolist()


@pytest.mark.parametrize("recommender", [Als(seed=1), ItemNeighbours()], ids=name_of)
def test_the_missing_square_of_the_checkerboard_is_found(recommender: Recommender) -> None:
    """Of what a customer has not bought, the item of their own colour is best."""
    bought = interactions(checkerboard())
    scores = recommender.fit(bought).score(everybody(bought))
    scores[bought.matrix().toarray() > 0] = -np.inf

    assert scores.argmax(axis=1).tolist() == [(row + 2) % 12 for row in range(12)]


def test_a_repeated_purchase_counts_half_after_its_half_life() -> None:
    """One order today outweighs one of 90 days ago, twice over."""
    bought = interactions([("c", "new", 90.0), ("c", "old", 0.0), ("d", "other", 90.0)])
    scores = RepeatPurchase(half_life_days=90).fit(bought).score(np.array([0], dtype=np.int32))

    assert scores.tolist() == [[1.0, 0.5, 0.0]]


def test_popularity_counts_orders_and_forgets() -> None:
    """Three sales of long ago lose against one of today."""
    bought = interactions([("a", "old", 0), ("b", "old", 0), ("c", "old", 0), ("c", "new", 60)])
    scores = Popularity(half_life_days=7).fit(bought).item_scores

    assert bought.item_ids[int(scores.argmax())] == "new"


def test_trending_is_a_surplus_over_the_past() -> None:
    """What has always sold much does not trend; what sells suddenly does."""
    steady = [(f"c{day}", "bread", float(day)) for day in range(100)]
    sudden = [(f"c{day}", "ice", float(day)) for day in range(90, 100)]
    bought = interactions([*steady, *sudden])
    scores = Trending().fit(bought).item_scores

    assert dict(zip(bought.item_ids, scores > 0, strict=True)) == {"bread": False, "ice": True}


def test_what_is_bought_in_one_order_is_bought_together() -> None:
    """Tea goes with milk and not with nuts that the same customers buy on other days."""
    lines = [
        (f"c{customer}", item, float(visit * 10 + (item == "nuts")))
        for customer in range(10)
        for visit in range(5)
        for item in ("tea", "milk", "nuts")
    ]
    bought = interactions([*lines, *((f"d{i}", f"other{i}", 3.0) for i in range(30))])
    lists = CoPurchase().fit(bought)
    tea = bought.item_ids.index("tea")
    neighbours = [bought.item_ids[row] for row in lists.items[tea][lists.listed[tea]]]

    assert neighbours == ["milk"]


def test_neighbours_are_closest_first_and_never_the_item_itself() -> None:
    """The lists that `similar` is made of."""
    lists = ItemNeighbours(k=3).fit(interactions(two_tastes())).lists
    listed = lists.listed

    assert (np.diff(lists.scores, axis=1) <= 0).all()
    assert not (lists.items == np.arange(len(lists.items))[:, None])[listed].any()
    assert (lists.scores[listed] > 0).all()


def test_a_blend_weighs_parts_of_one_scale() -> None:
    """Each part's greatest score is its weight, whatever its own scale."""
    parts = {
        "a": np.array([[10.0, 0.0]], dtype=np.float32),
        "b": np.array([[0.0, 0.001]], dtype=np.float32),
    }

    np.testing.assert_allclose(blend(parts, {"a": 1.0, "b": 0.5}), [[1.0, 0.5]])


def test_new_first_keeps_the_order_within_old_and_new() -> None:
    """What was bought comes after everything else."""
    scores = np.array([[4.0, 3.0, 2.0, 1.0]], dtype=np.float32)
    own = np.array([[True, False, True, False]])

    assert np.argsort(-new_first(scores, own)[0]).tolist() == [1, 3, 0, 2]


def test_blocks_cover_every_customer_once() -> None:
    """However large the catalogue, at least one customer is scored at a time."""
    customers = np.arange(10, dtype=np.int32)

    for items in (0, 1, 10**6, 10**9):
        assert np.concatenate(blocks(customers, items)).tolist() == customers.tolist()
