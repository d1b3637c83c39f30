"""Quality for customers without training data."""

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, loyal_and_curious, quick
from training.dataset.ground_truth import GroundTruths
from training.dataset.history import History
from training.dataset.windows import Window
from training.errors import NotPublishable
from training.evaluation.warm_start import LeftOut, measure_warm_start, most_popular, ratio_of
from training.lists.history_scores import FactsOfHistories, fit_history_scores
from training.lists.told_purchases import ToldPurchases, text_bytes, told_purchases
from training.metrics.estimates import Mean
from training.metrics.warm_start_results import WarmPath, WarmStart

CUSTOMERS = 40  # a fifth of them is hidden
SETTINGS = quick(horizon_days=60)


def shop(bought: list[Line], later: list[Line]) -> tuple[History, GroundTruths]:
    """Return the history until day 30, and the ground truth after it."""
    whole = history([*bought, *later])
    window = Window(whole.now - 11, whole.now)
    return window.known(whole), window.ground_truths(whole)


def measured(bought: list[Line], later: list[Line]) -> dict[str, WarmStart]:
    known, ground_truths = shop(bought, later)
    return {
        found.slate: found
        for found in measure_warm_start(known, ids_of(known), ground_truths, SETTINGS)
    }


def ids_of(known: History) -> list[str]:
    return [f"item-{row}" for row in range(known.items_total)]


def after(orders: int | None, found: WarmStart) -> WarmPath:
    (path,) = (path for path in found.paths if path.orders == orders)
    return path


def own_items() -> tuple[list[Line], list[Line]]:
    """Each customer buys `one` and `two` of their own, which no other customer has, and `one`
    again.
    """
    each = range(CUSTOMERS)
    bought: list[Line] = [
        (f"c{who:02d}", f"{thing}-{who:02d}", day)
        for who in each
        for thing, day in (("one", 0.0), ("two", 5.0))
    ]
    return bought, [(f"c{who:02d}", f"one-{who:02d}", 35.0) for who in each]


def test_hidden_customers_are_not_learned_from() -> None:
    """Only hidden customers' own purchases connect `one` with `two`, so `one` is not found when
    `two` is given.
    """
    found = measured(*own_items())["for_you"]

    assert found.customers == 8
    assert after(1, found).history.mean == 0


def groups() -> tuple[list[Line], list[Line]]:
    """Five groups buy `one`, `two` and `three` of their kind. Half of each group lacks `three` and
    buys it later; the others buy `one` again.
    """
    bought: list[Line] = []
    later: list[Line] = []
    for who in range(CUSTOMERS):
        customer, group, lacking = f"c{who:02d}", who % 5, who // 5 % 2 == 0
        things = ("one", "two") if lacking else ("one", "two", "three")
        bought += [(customer, f"{thing}-{group}", 0.0) for thing in things]
        later.append((customer, f"{'three' if lacking else 'one'}-{group}", 35.0))
    return bought, later


def test_each_hidden_customer_gets_an_own_list() -> None:
    """The item that a customer's group has and the customer lacks is higher in the customer's
    list than in the popular list.
    """
    found = measured(*groups())["discover"]
    lacking = after(1, found).history.customers

    assert 0 < lacking < found.customers
    assert after(1, found).history.mean > after(1, found).popularity.mean


def test_the_published_model_is_measured_on_hidden_customers_only() -> None:
    """The published model's mean covers only hidden customers with something to find."""
    known, ground_truths = shop(*groups())
    ndcg = {slate: dict.fromkeys(range(CUSTOMERS), 0.25) for slate in CustomerSlate}
    found = measure_warm_start(known, ids_of(known), ground_truths, SETTINGS, ndcg)

    assert [each.known and (each.known.mean, each.known.customers) for each in found] == [
        (0.25, 8),
        (0.25, 6),
        (0.25, 2),
    ]


def test_too_few_customers_are_not_hidden() -> None:
    """With fewer than five customers to hide, nothing is measured."""
    bought, later = groups()
    few = {f"c{who:02d}" for who in range(24)}

    assert measured([*bought], [line for line in later if line[0] in few]) == {}


def test_judging_uses_the_facts_that_learning_fitted() -> None:
    """The newest window is fitted once for both; the older one and the whole history once each."""
    shop, settings = history(loyal_and_curious(customers=200)), quick(horizon_days=10)
    window, facts = Window(shop.now - 10, shop.now), FactsOfHistories(1, 10.0)

    learned = fit_history_scores(shop, 10, facts, settings.seed)
    ground_truths = window.ground_truths(shop)
    judged = measure_warm_start(
        window.known(shop), ids_of(shop), ground_truths, settings, facts=facts
    )

    assert learned is not None
    assert judged
    assert len(facts) == 3


def test_the_ratio_has_a_paired_error() -> None:
    """Customers who are all twice as good have a ratio of 2 without an error, whatever they have.

    Without a hit in the base there is no ratio.
    """
    base = np.array([0.1, 0.4, 0.0, 0.3])

    same = ratio_of(base[::-1], base)

    assert ratio_of(2 * base, base) == Mean(2.0, 0.0, 4)
    assert same is not None
    assert (same.mean, same.error) == pytest.approx((1.0, 0.912871), abs=1e-6)
    assert ratio_of(base, 0 * base) is None


def test_own_items_are_compared_with_the_popular_order_of_told_items() -> None:
    told = ToldPurchases(np.array([7, 3]), np.array([1, 1]), np.array([1.0, 2.0]), np.array([3, 7]))

    assert most_popular(np.array([1, 3, 7]), told, CustomerSlate.BUY_AGAIN)[:3].tolist() == [
        3,
        7,
        -1,
    ]
    assert most_popular(np.array([1, 3, 7]), told, CustomerSlate.DISCOVER)[:2].tolist() == [1, -1]


def test_listed_customers_are_left_out() -> None:
    """All known ids of the list are measured, and none is drawn."""
    known, ground_truths = shop(*groups())
    left_out = LeftOut.among(
        ["c03", "x", "c01", "c03"], [f"c{who:02d}" for who in range(CUSTOMERS)]
    )
    found = measure_warm_start(known, ids_of(known), ground_truths, SETTINGS, left_out=left_out)

    assert left_out.customers.tolist() == [1, 3]
    assert {(each.customers, each.listed) for each in found} == {(2, 3)}


def test_a_list_without_known_customers_is_refused() -> None:
    with pytest.raises(NotPublishable, match=r"none of the 2 customers .* one a line, such as 'x'"):
        LeftOut.among(["x", "y"], ["c01"])


def test_long_ids_fit_in_smaller_numbers() -> None:
    """The told purchases end where the stored history is full."""
    bought: list[Line] = [("c1", f"{place:03d}", float(place)) for place in range(150)]
    whole = history(bought)
    (short,), (long,) = (
        list(
            told_purchases(
                whole, np.array([0]), None, text_bytes([f"{row:0{size}d}" for row in range(150)])
            )
        )
        for size in (3, 36)
    )

    assert len(short.rows) == 150
    assert 50 < len(long.rows) < 100
    assert long.rows[0] == 149
