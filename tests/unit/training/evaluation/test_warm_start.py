"""Customers who came after training: hidden for good, and each judged by their own list."""

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, quick
from training.dataset.ground_truth import GroundTruths
from training.dataset.history import History
from training.dataset.windows import Window
from training.evaluation.warm_start import measure_warm_start
from training.metrics.results import WarmPath, WarmStart

CUSTOMERS = 40  # a fifth of them is hidden
SETTINGS = quick(horizon_days=60)


def shop(bought: list[Line], later: list[Line]) -> tuple[History, GroundTruths]:
    """Return what is known on day 30, and what was bought from then on."""
    whole = history([*bought, *later])
    window = Window(whole.now - 11, whole.now)
    return window.known(whole), window.ground_truths(whole)


def measured(bought: list[Line], later: list[Line]) -> dict[str, WarmStart]:
    known, ground_truths = shop(bought, later)
    return {found.slate: found for found in measure_warm_start(known, ground_truths, SETTINGS)}


def after(orders: int | None, found: WarmStart) -> WarmPath:
    (path,) = (path for path in found.paths if path.orders == orders)
    return path


def of_their_own() -> tuple[list[Line], list[Line]]:
    """Each buys `one` and then `two` of their own, which nobody else has, and `one` again."""
    each = range(CUSTOMERS)
    bought: list[Line] = [
        (f"c{who:02d}", f"{thing}-{who:02d}", day)
        for who in each
        for thing, day in (("one", 0.0), ("two", 5.0))
    ]
    return bought, [(f"c{who:02d}", f"one-{who:02d}", 35.0) for who in each]


def test_nothing_is_known_of_hidden_customers_but_the_orders_given() -> None:
    """That `one` goes with `two` stands in their own purchases only: with `two` given, `one` is
    not found.
    """
    found = measured(*of_their_own())["for_you"]

    assert found.customers == 8
    assert after(1, found).neighbours.mean == 0


def in_circles() -> tuple[list[Line], list[Line]]:
    """Five circles buy `one`, `two` and `three` of their own kind; half of each lack `three` and
    buy it later, the others buy `one` again.
    """
    bought: list[Line] = []
    later: list[Line] = []
    for who in range(CUSTOMERS):
        customer, circle, curious = f"c{who:02d}", who % 5, who // 5 % 2 == 0
        things = ("one", "two") if curious else ("one", "two", "three")
        bought += [(customer, f"{thing}-{circle}", 0.0) for thing in things]
        later.append((customer, f"{'three' if curious else 'one'}-{circle}", 35.0))
    return bought, later


def test_each_hidden_customer_is_judged_by_their_own_list() -> None:
    """What their circle has and they lack is first for every one of those who then bought it."""
    found = measured(*in_circles())["discover"]
    curious = after(1, found).neighbours.customers

    assert 0 < curious < found.customers
    assert after(1, found).neighbours.mean == 1
    assert after(1, found).popularity.mean < 0.7


def test_the_published_model_is_told_for_the_hidden_customers_only() -> None:
    """Of those who had something to find."""
    known, ground_truths = shop(*in_circles())
    ndcg = {slate: dict.fromkeys(range(CUSTOMERS), 0.25) for slate in CustomerSlate}
    found = measure_warm_start(known, ground_truths, SETTINGS, ndcg)

    assert [each.known and (each.known.mean, each.known.customers) for each in found] == [
        (0.25, 8),
        (0.25, 8),
    ]


def test_too_few_customers_are_not_hidden() -> None:
    """A mean of four would tell nothing."""
    bought, later = in_circles()
    few = {f"c{who:02d}" for who in range(24)}

    assert measured([*bought], [line for line in later if line[0] in few]) == {}
