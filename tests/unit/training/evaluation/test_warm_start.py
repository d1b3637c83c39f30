"""Quality for customers without training data."""

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, loyal_and_curious, quick
from training.dataset.ground_truth import GroundTruths
from training.dataset.history import History
from training.dataset.windows import Window
from training.evaluation.warm_start import measure_warm_start
from training.lists.history_scores import FactsOfHistories, fit_history_scores
from training.metrics.results import WarmPath, WarmStart

CUSTOMERS = 40  # a fifth of them is hidden
SETTINGS = quick(horizon_days=60)


def shop(bought: list[Line], later: list[Line]) -> tuple[History, GroundTruths]:
    """Return the history until day 30, and the ground truth after it."""
    whole = history([*bought, *later])
    window = Window(whole.now - 11, whole.now)
    return window.known(whole), window.ground_truths(whole)


def measured(bought: list[Line], later: list[Line]) -> dict[str, WarmStart]:
    known, ground_truths = shop(bought, later)
    return {found.slate: found for found in measure_warm_start(known, ground_truths, SETTINGS)}


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
    assert after(1, found).neighbours.mean == 0


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
    """The item that a customer's group has and the customer lacks is first in the customer's
    list.
    """
    found = measured(*groups())["discover"]
    lacking = after(1, found).neighbours.customers

    assert 0 < lacking < found.customers
    assert after(1, found).neighbours.mean == 1
    assert after(1, found).popularity.mean < 0.7


def test_the_published_model_is_measured_on_hidden_customers_only() -> None:
    """The published model's mean covers only hidden customers with something to find."""
    known, ground_truths = shop(*groups())
    ndcg = {slate: dict.fromkeys(range(CUSTOMERS), 0.25) for slate in CustomerSlate}
    found = measure_warm_start(known, ground_truths, SETTINGS, ndcg)

    assert [each.known and (each.known.mean, each.known.customers) for each in found] == [
        (0.25, 8),
        (0.25, 8),
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
    judged = measure_warm_start(window.known(shop), ground_truths, settings, facts=facts)

    assert learned is not None
    assert judged
    assert len(facts) == 3
