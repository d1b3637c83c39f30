"""The judged `popular` list beside the served one, which limits the repetition of categories."""

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, interactions
from training.dataset.windows import Window
from training.evaluation.popular_list import leaf_codes, measure_popular
from training.metrics.results import PopularList
from training.report.words import popular_sentence


def milk_shop(customers: int = 8) -> list[Line]:
    """Each customer buys four milks and a bread every day; the fourth milk is the least popular."""
    items = ["milk-1", "milk-2", "milk-3", "milk-4", "bread"]
    return [
        (f"c{customer}", item, float(day))
        for customer in range(customers)
        for day in range(20)
        for place, item in enumerate(items)
        if day % (place + 1) == 0
    ]


def measured(categories: dict[str, str], bought: list[Line] | None = None) -> PopularList:
    """Measure the last ten of twenty days."""
    shop = interactions(milk_shop() if bought is None else bought)
    window = Window(shop.history.now - 10, shop.history.now)
    found = measure_popular(
        window.known(shop.history),
        window.ground_truths(shop.history)[CustomerSlate.FOR_YOU],
        leaf_codes(shop.item_ids, categories),
        1,
        "the window",
    )
    assert found is not None
    return found


MILK = {f"milk-{place}": "milk" for place in range(1, 5)} | {"bread": "bread"}


def test_the_served_list_moves_the_third_item_of_a_category_back() -> None:
    """Five items, all bought later: the order does not change NDCG, the list is the same set."""
    found = measured(MILK)

    assert (found.ranked.mean, found.served.mean) == pytest.approx((1.0, 1.0))
    assert (found.ranked.customers, found.judged_on) == (8, "the window")


def test_the_difference_is_paired_by_customer() -> None:
    """Customers who buy milk only lose by the bread that moves forward."""
    bought = [line for line in milk_shop() if line[1] != "bread" or line[2] < 10]
    found = measured(MILK, bought)
    gains = 1 / np.log2(np.arange(2, 7))

    assert found.ranked.mean == pytest.approx(1.0)
    assert found.served.mean == pytest.approx((gains[:2].sum() + gains[3:].sum()) / gains[:4].sum())
    assert found.difference.mean == pytest.approx(found.served.mean - 1.0)
    assert found.difference.error == pytest.approx(0.0)


def test_without_categories_both_lists_are_equal() -> None:
    found = measured({})

    assert found.difference.mean == 0.0


def test_without_later_purchases_nothing_is_measured() -> None:
    shop = interactions(milk_shop())
    now = shop.history.now
    later = Window(now, now + 10).ground_truths(shop.history)[CustomerSlate.FOR_YOU]

    assert measure_popular(shop.history, later, leaf_codes(shop.item_ids, MILK), 1, "x") is None


def test_the_sentence_has_both_lists_and_the_difference() -> None:
    assert popular_sentence(measured(MILK)) == (
        "Popular items on the window: NDCG@10 1.0000 as ranked, 1.0000 as served with at most two "
        "items of a category among the first five (+0.0000 ± 0.0000)."
    )
