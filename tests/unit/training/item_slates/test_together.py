"""`bought_together`: pairs of enough customers, category complements, no variants."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from recsvc.domain.catalogue.slates import ItemSlate
from tests.unit.training.builders import Line, interactions, quick
from training.item_slates.association import COSINE, Association, Mixture, OrderEase
from training.item_slates.item_properties import properties_of
from training.item_slates.judging import ItemSlates, fit_item_slates
from training.item_slates.maker import ItemData, ItemLists, Source
from training.item_slates.order_pairs import orders_of, pairs_of
from training.item_slates.together import BoughtTogether
from training.sources.item_catalogue import SCHEMA, ItemCatalogue

CATEGORIES = {"pasta": "pasta", "penne": "pasta", "rare-pasta": "pasta", "sauce": "sauce"}


def catalogue(**columns: dict[str, str]) -> ItemCatalogue:
    """Make a catalogue of some columns, by item."""
    items = sorted(set().union(*columns.values()))
    rows = [
        {"item_id": item, "sensitive": False}
        | {name: values.get(item) for name, values in columns.items()}
        for item in items
    ]
    return ItemCatalogue(pl.DataFrame(rows, schema=SCHEMA))


def kitchens(customers: int = 6) -> list[Line]:
    """Each customer buys pasta or penne with sauce; one buys a rare pasta, alone."""
    usual = [
        (f"c{customer}", item, float(day))
        for customer in range(customers)
        for day in range(10)
        for item in (("pasta", "sauce") if day % 2 else ("penne", "sauce"))
    ]
    return [*usual, ("c0", "rare-pasta", 11.0)]


def published(items: ItemCatalogue, k_anonymity: int = 5) -> tuple[ItemLists, list[str]]:
    data = ItemData(interactions(kitchens()), items)
    made = BoughtTogether(properties_of(data.interactions.item_ids, items)).publish(
        "conditional", data, quick(k_anonymity=k_anonymity)
    )
    return made, list(data.interactions.item_ids)


def names_of(made: ItemLists, names: list[str], item: str) -> list[str]:
    row = names.index(item)
    return [names[each] for each in made.lists.columns[row][made.lists.listed[row]].tolist()]


def test_items_beyond_the_limit_of_ease_have_pairs() -> None:
    """EASE weighs the most ordered items only; the pairs of all others keep their cosine."""
    orders = orders_of(interactions(kitchens()).history)
    pairs = pairs_of(orders, 1)
    limited = OrderEase(ridge=5, most_items=1).scores(pairs, orders)

    assert (limited > 0).all()
    assert np.argsort(limited).tolist() == np.argsort(COSINE.scores(pairs, orders)).tolist()


def test_items_of_the_same_orders_are_listed() -> None:
    made, names = published(ItemCatalogue())

    assert names_of(made, names, "pasta") == ["sauce"]
    assert names_of(made, names, "sauce") == ["pasta", "penne"]


def test_an_item_without_pairs_lists_what_goes_with_its_category() -> None:
    """The rare pasta gets the sauce, with its source, and is listed nowhere itself."""
    made, names = published(catalogue(category=CATEGORIES))
    row = names.index("rare-pasta")

    assert names_of(made, names, "rare-pasta") == ["sauce"]
    assert made.sources[row, 0] == Source.CATEGORY
    assert all("rare-pasta" not in names_of(made, names, item) for item in names)


def test_complements_follow_all_pairs() -> None:
    """The score of a complement is below that of every pair, so sums rank pairs first."""
    made, _ = published(catalogue(category=CATEGORIES))
    listed = made.lists.listed
    pairs = made.lists.scores[listed & (made.sources == Source.BEHAVIOUR)]
    complements = made.lists.scores[listed & (made.sources == Source.CATEGORY)]

    assert 0 < complements.max() < pairs.min()


def test_category_pairs_need_enough_customers() -> None:
    """With more customers required than there are, nothing is related by behaviour."""
    made, _ = published(catalogue(category=CATEGORIES), k_anonymity=7)

    assert not made.lists.listed.any()


def test_variants_of_a_product_do_not_go_together() -> None:
    """Items of one group are in no list of each other, by behaviour or category."""
    groups = {"pasta": "p", "sauce": "p", "rare-pasta": "p"}
    made, names = published(catalogue(category=CATEGORIES, item_group_id=groups))

    assert names_of(made, names, "sauce") == ["penne"]
    assert names_of(made, names, "pasta") == []
    assert names_of(made, names, "rare-pasta") == []


def families(customers: int = 12, days: int = 60) -> list[Line]:
    """Each order has three items of one of four families, and milk."""
    rng = np.random.default_rng(5)
    return [
        (f"c{customer:02d}", item, float(day))
        for customer in range(customers)
        for day in range(customer % 3, days, 3)
        for family in [int(rng.integers(4))]
        for item in ["milk", *(f"f{family}-{each}" for each in rng.choice(5, 3, replace=False))]
    ]


def judged() -> ItemSlates:
    data = ItemData(interactions(families()), ItemCatalogue())
    properties = properties_of(data.interactions.item_ids, data.catalogue)
    return fit_item_slates([BoughtTogether(properties)], data, quick(horizon_days=10))


def test_older_windows_choose_and_the_newest_judges() -> None:
    """Baselines are measured where nothing is chosen; the winner beats them on families."""
    found = judged().results[str(ItemSlate.BOUGHT_TOGETHER)]
    popular, cosine = found.candidate("popular"), found.candidate("cosine")

    assert len(found.chosen_on) == 2
    assert found.judged_on not in found.chosen_on
    assert found.choice.best_baseline == "popular"
    assert popular is not None
    assert popular.versus_winner is not None
    assert popular.versus_winner.mean < -3 * popular.versus_winner.error
    assert cosine is not None
    assert cosine.mrr is not None
    assert cosine.windows == ()


def test_equal_purchases_give_equal_lists() -> None:
    one, two = (judged().lists[ItemSlate.BOUGHT_TOGETHER].lists for _ in range(2))

    assert one.columns.tobytes() == two.columns.tobytes()
    assert one.scores.tobytes() == two.scores.tobytes()


@pytest.mark.parametrize(
    "scorer", [COSINE, OrderEase(20), Mixture(OrderEase(20), Association(1, 0.5), 0.3)]
)
def test_partners_of_the_own_family_score_higher(scorer: Any) -> None:
    """In every candidate a family's item ranks its family before all others."""
    orders = orders_of(interactions(families()).history)
    pairs = pairs_of(orders, 2)
    dense = np.zeros((21, 21))
    dense[pairs.rows, pairs.partners] = scorer.scores(pairs, orders)
    best = np.argsort(-dense[0])  # f0-0 is the first item, milk the last

    assert set(best[:5].tolist()) == {1, 2, 3, 4, 20}


def wholesale(customers: int = 30, orders: int = 20) -> list[Line]:
    """Each order of a shopkeeper has half of the items of four of 30 product lines, best sellers
    more often, and some items of any line.
    """
    rng = np.random.default_rng(11)
    best = 1 / np.arange(1, 11)
    lines = 1 / np.sqrt(np.arange(1, 31))
    return [
        (f"c{customer:02d}", item, float(7 * order + customer % 7))
        for customer in range(customers)
        for order in range(orders)
        for item in sorted(
            {
                *(
                    f"l{line:02d}-{item}"
                    for line in rng.choice(30, 4, replace=False, p=lines / lines.sum()).tolist()
                    for item in rng.choice(10, 5, replace=False, p=best / best.sum()).tolist()
                ),
                *(f"l{rng.integers(30):02d}-{rng.integers(10)}" for _ in range(6)),
            }
        )
    ]


def gifts(customers: int = 900) -> list[Line]:
    """Each customer orders once: three or four of the five items of a style."""
    rng = np.random.default_rng(12)
    return [
        (f"c{customer:03d}", f"s{style:02d}-{item}", float(customer % 90))
        for customer in range(customers)
        for style in [int(rng.integers(12))]
        for item in rng.choice(5, int(rng.integers(3, 5)), replace=False).tolist()
    ]


def behind(shop: list[Line]) -> dict[str, float]:
    """Return how far each baseline is from the published lists, in standard errors."""
    data = ItemData(interactions(shop), ItemCatalogue())
    maker = BoughtTogether(properties_of(data.interactions.item_ids, data.catalogue))
    found = fit_item_slates([maker], data, quick(horizon_days=28)).results["bought_together"]
    return {
        each.name: each.versus_winner.mean / each.versus_winner.error
        for each in found.candidates
        if each.baseline and each.versus_winner
    }


def test_orders_of_a_wholesale_shop_are_completed_better_than_by_all_baselines() -> None:
    """Each baseline is worse by more than one standard error; cosine by more than three."""
    found = behind(wholesale())

    assert max(found.values()) < -1
    assert found["cosine"] < -3


def test_single_orders_of_a_gift_shop_are_completed_as_well_as_by_cosine() -> None:
    """Customers without a second order are no obstacle: pairs need customers, not repeats."""
    found = behind(gifts())

    assert found["popular"] < -3
    assert max(found["cosine"], found["ease"]) < 1
