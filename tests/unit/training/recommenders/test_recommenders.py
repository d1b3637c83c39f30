"""One behaviour suite for every base model, and tests of what each one learns."""

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import (
    Line,
    checkerboard,
    history,
    interactions,
    training_data,
    two_tastes,
)
from training.dataset.history import Floats
from training.dataset.training_data import TrainingData, training_data_of
from training.metrics.model import Family
from training.recommenders.adoption import Adoption
from training.recommenders.co_purchase import CoPurchase
from training.recommenders.ease import Ease
from training.recommenders.ease_dual import fit_dual
from training.recommenders.item_neighbours import ItemNeighbours
from training.recommenders.personal_frequency import PersonalFrequency
from training.recommenders.popularity import Popularity
from training.recommenders.protocol import Fitted, Recommender
from training.recommenders.registry import BASE_MODELS, competing, personal, proposers
from training.recommenders.rhythm import Rhythm
from training.recommenders.tifu_knn import TifuKnn
from training.recommenders.trending import Trending

HORIZON_DAYS = 10.0
EVERY: dict[str, Recommender] = {**proposers(HORIZON_DAYS, seed=1), **personal(HORIZON_DAYS)}
OF_TASTE = sorted(
    {"tifu_knn", "als", "recent_als", "ease", "recent_ease", "item_neighbours", "co_purchase"}
    | set(personal(HORIZON_DAYS))
)
OF_OTHERS = ["tifu_knn", "als", "recent_als", "ease", "recent_ease", "item_neighbours"]

SHOPS: dict[str, TrainingData] = {
    "two tastes": training_data(two_tastes()),
    "checkerboard": training_data(checkerboard()),
    "one line": training_data([("c", "i", 0.0)]),
    "nothing bought yet": training_data_of(history(two_tastes()).before(0.0)),
}


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Use one BLAS thread, as training does."""
    with threadpool_limits(1, "blas"):
        yield


def everybody(shop: TrainingData) -> np.ndarray:
    return np.arange(shop.history.customers_total)


def dense(fitted: Fitted, shop: TrainingData) -> Floats:
    """Return scores of all customers and all items."""
    scores = np.zeros(shop.history.shape, np.float32)
    scores[:, fitted.items] = fitted.score(everybody(shop))
    return scores


def test_every_base_model_is_in_the_suite() -> None:
    """Every model of the registry is tested by the suite."""
    assert set(EVERY) == set(BASE_MODELS)


def test_the_family_of_a_base_model_decides_where_it_is_built() -> None:
    """`personal` builds the models of the personal family, and `proposers` all others.

    Ranking, measurement and candidates find a fitted model by its family.
    """
    own = {name for name, model in BASE_MODELS.items() if model.family is Family.PERSONAL}

    assert set(personal(HORIZON_DAYS)) == own
    assert set(proposers(HORIZON_DAYS, seed=1)) == set(BASE_MODELS) - own


def test_every_base_model_competes_for_a_slate() -> None:
    """The family of each base model is named by the rule of at least one slate."""
    named = {name for slate in CustomerSlate for name in competing(slate)}

    assert named == set(BASE_MODELS)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shop", SHOPS.values(), ids=SHOPS)
class TestEveryRecommender:
    def test_scores_are_finite_float32_blocks(self, name: str, shop: TrainingData) -> None:
        """Scores have one row per requested customer and one column per scored item."""
        fitted = EVERY[name].fit(shop)
        scores = fitted.score(everybody(shop))

        assert scores.shape == (shop.history.customers_total, len(fitted.items))
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_columns_are_item_rows_in_order(self, name: str, shop: TrainingData) -> None:
        """The columns are distinct item rows of the shop in ascending order."""
        items = EVERY[name].fit(shop).items

        assert (np.diff(items) > 0).all()
        assert np.isin(items, np.arange(shop.history.items_total)).all()

    def test_fitting_twice_gives_the_same_bytes(self, name: str, shop: TrainingData) -> None:
        """Equal input and seed give equal models."""
        first, second = (EVERY[name].fit(shop).score(everybody(shop)) for _ in range(2))

        assert first.tobytes() == second.tobytes()

    def test_a_customer_is_scored_alike_alone_and_among_others(
        self, name: str, shop: TrainingData
    ) -> None:
        """The split into blocks has no effect on scores."""
        fitted = EVERY[name].fit(shop)
        alone = fitted.score(everybody(shop)[-1:])[0]

        np.testing.assert_allclose(alone, fitted.score(everybody(shop))[-1], rtol=1e-4, atol=1e-6)

    def test_no_customers_give_an_empty_block(self, name: str, shop: TrainingData) -> None:
        """Scoring no customers returns an array of no rows."""
        fitted = EVERY[name].fit(shop)

        assert fitted.score(everybody(shop)[:0]).shape == (0, len(fitted.items))

    def test_scoring_changes_nothing(self, name: str, shop: TrainingData) -> None:
        """A fitted model stays equal when a caller changes the returned scores."""
        fitted = EVERY[name].fit(shop)
        before = fitted.score(everybody(shop)).copy()
        fitted.score(everybody(shop))[:] = -7

        assert (fitted.score(everybody(shop)) == before).all()


@pytest.mark.parametrize("name", EVERY)
def test_purchases_after_the_cutoff_have_no_effect(name: str) -> None:
    """Two futures of one past give equal bytes."""
    known = [line for line in two_tastes() if line[2] < 40]
    futures = [[("c1", "tea-1", 45.0), ("c11", "nut-1", 50.0)], [("c2", "nut-2", 50.0)] * 9]
    shops = [history([*known, *future]) for future in futures]
    cut = shops[0].now - 11
    scores = [
        dense(EVERY[name].fit(training_data_of(shop.before(cut))), training_data_of(shop))
        for shop in shops
    ]

    assert scores[0].tobytes() == scores[1].tobytes()


@pytest.mark.parametrize("name", OF_TASTE)
def test_each_taste_group_prefers_its_own(name: str) -> None:
    """A tea customer's best three items are teas, a nut customer's are nuts."""
    bought = interactions(two_tastes())
    shop = training_data_of(bought.history)
    is_tea_item = np.array([item.startswith("tea") for item in bought.item_ids])
    is_tea_customer = np.array([int(customer[1:]) < 10 for customer in bought.customer_ids])
    best = np.argsort(-dense(EVERY[name].fit(shop), shop), axis=1)[:, :3]

    assert (is_tea_item[best].mean(axis=1) > 0.5).tolist() == is_tea_customer.tolist()


@pytest.mark.parametrize("name", OF_OTHERS)
def test_the_missing_square_of_the_checkerboard_is_found(name: str) -> None:
    """The best unseen item of a customer is the missing one of their own colour."""
    shop = SHOPS["checkerboard"]
    scores = dense(EVERY[name].fit(shop), shop)
    scores[shop.customer_items.owned(everybody(shop))] = -np.inf

    assert scores.argmax(axis=1).tolist() == [(row + 2) % 12 for row in range(12)]


def test_a_repeated_purchase_counts_half_after_its_half_life() -> None:
    """An order today weighs twice one of a half-life ago; other customers' orders weigh nothing."""
    shop = training_data([("c", "new", 90.0), ("c", "old", 0.0), ("d", "other", 90.0)])
    new, old, other = dense(PersonalFrequency(half_life_days=90).fit(shop), shop)[0]

    assert new == pytest.approx(2 * old)
    assert old > 0
    assert other == 0


def test_an_old_purchase_stays_above_zero() -> None:
    """An own item scores above unseen ones even with a very short half-life."""
    shop = training_data([("c", "old", 0.0), ("c", "new", 3000.0), ("d", "other", 1.0)])
    scores = dense(PersonalFrequency(half_life_days=1).fit(shop), shop)[0]

    assert (scores > 0).tolist() == [True, True, False]


def test_popularity_looks_at_its_window() -> None:
    """One recent buyer outweighs three old ones in a window of 7 days, and not over all time."""
    bought = interactions([("a", "old", 0), ("b", "old", 0), ("c", "old", 0), ("c", "new", 60)])
    shop = training_data_of(bought.history)
    lately, ever = (
        bought.item_ids[int(dense(model.fit(shop), shop)[0].argmax())]
        for model in (Popularity(7), Popularity())
    )

    assert (lately, ever) == ("new", "old")


def test_popularity_is_the_share_of_active_customers() -> None:
    """A customer who buys an item twice counts once."""
    shop = training_data([("a", "i", 0.0), ("a", "i", 1.0), ("b", "j", 1.0)])

    assert dense(Popularity().fit(shop), shop)[0].tolist() == [0.5, 0.5]


def test_adoption_counts_first_purchases_only() -> None:
    """Bread has repeat buyers only and scores below ice, which has new buyers."""
    loyal = [(f"c{who}", "bread", float(day)) for who in range(9) for day in range(0, 60, 3)]
    fresh = [(f"c{who}", "ice", 58.0) for who in range(3)]
    shop = training_data([*loyal, *fresh])
    bread, ice = dense(Adoption(10).fit(shop), shop)[0]

    assert (bread, ice > 0) == (0.0, True)


def test_rhythm_prefers_due_items_to_abandoned_ones() -> None:
    """Of two items bought every ten days, the one not bought for half of the time scores lower."""
    kept = [(f"c{who}", "kept", float(day)) for who in range(40) for day in range(0, 200, 10)]
    left = [(f"c{who}", "left", float(day)) for who in range(40) for day in range(0, 100, 10)]
    shop = training_data([*kept, *left])
    due, given_up = dense(Rhythm(10).fit(shop), shop)[0]

    assert due > given_up


def test_rhythm_scores_counts_above_all_earlier_ones() -> None:
    """A count that no pair had one horizon ago takes the probability of the next lower count."""
    often = [("c", "often", float(day)) for day in range(0, 60, 5)]
    once = [(f"d{who}", "once", float(day)) for who in range(5) for day in (1, 25, 55)]
    shop = training_data([*often, *once])

    assert dense(Rhythm(HORIZON_DAYS).fit(shop), shop)[0].tolist()[0] > 0


def test_rhythm_learns_from_the_last_horizon() -> None:
    """Forty customers had bought the item one horizon ago, and ten did again: probability ¼.

    Purchases since then are the outcome only, and never part of the pair's cell.
    """
    once = [(f"c{who:02d}", "it", 0.0) for who in range(40)]
    again = [(f"c{who:02d}", "it", 25.0) for who in range(10)]
    shop = training_data([*once, *again])

    np.testing.assert_allclose(dense(Rhythm(HORIZON_DAYS).fit(shop), shop), 0.25, rtol=1e-6)


def test_a_customer_is_not_their_own_neighbour() -> None:
    """The nearest neighbour of `a` is `b`, who also bought `y`: `a` is excluded from its
    neighbours.
    """
    shop = training_data([("a", "x", 0.0), ("b", "x", 0.0), ("b", "y", 0.0)])
    scores = dense(TifuKnn(neighbours=1, own_share=0.7).fit(shop), shop)

    np.testing.assert_allclose(scores[0], [0.7 + 0.3, 0.3], rtol=1e-6)


def test_trending_is_a_surplus_over_the_past() -> None:
    """A constant best seller does not trend; a sudden rise does."""
    steady = [(f"c{day}", "bread", float(day)) for day in range(100)]
    sudden = [(f"c{day}", "ice", float(day)) for day in range(90, 100)]
    bought = interactions([*steady, *sudden])
    scores = Trending().fit(training_data_of(bought.history)).values

    assert dict(zip(bought.item_ids, scores > 0, strict=True)) == {"bread": False, "ice": True}


def test_items_of_one_order_are_bought_together() -> None:
    """Tea is bought with milk, and not with nuts of the same customers on other days."""
    lines: list[Line] = [
        (f"c{customer}", item, float(visit * 10 + (item == "nuts")))
        for customer in range(10)
        for visit in range(5)
        for item in ("tea", "milk", "nuts")
    ]
    bought = interactions([*lines, *((f"d{i}", f"other{i}", 3.0) for i in range(30))])
    lists = CoPurchase().lists(bought.history, np.arange(len(bought.item_ids)))
    tea = bought.item_ids.index("tea")
    neighbours = [bought.item_ids[row] for row in lists.columns[tea][lists.listed[tea]]]

    assert neighbours == ["milk"]


def test_neighbours_are_closest_first_and_never_the_item_itself() -> None:
    """Neighbour lists, of which `similar` is made, are sorted and exclude the item."""
    shop = training_data(two_tastes())
    lists = ItemNeighbours(HORIZON_DAYS, neighbours=3).lists(shop.customer_items, shop.head)
    listed = lists.listed

    assert listed.any()
    assert (np.diff(lists.scores, axis=1) <= 0).all()
    assert not (lists.columns == np.arange(len(lists.columns))[:, None])[listed].any()
    assert (lists.scores[listed] > 0).all()


def test_both_ways_to_ease_give_the_same_scores() -> None:
    """The primal and the dual solution of EASE agree."""
    shop = training_data(two_tastes())
    matrix = shop.customer_items.matrix(np.log1p(shop.customer_items.counts))[:, shop.head]
    primal = Ease(5.0).fit_primal(matrix, shop.head)
    dual = fit_dual(matrix, everybody(shop), shop.head, 5.0)

    np.testing.assert_allclose(
        primal.score(everybody(shop)), dual.score(everybody(shop)), rtol=1e-3, atol=1e-4
    )
