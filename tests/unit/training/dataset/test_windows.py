"""Rolling windows: training data ends at the cutoff, and nothing later influences it."""

from collections import deque

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, lines, new_tastes, quick, two_tastes
from training.dataset.customer_items import customer_items_of
from training.dataset.history import History
from training.dataset.interactions import from_lines
from training.dataset.windows import Window, rolling_windows, some_customers, window_days
from training.features.category import category_facts
from training.progress import SILENT
from training.ranking.candidate_features import fit_cutoff
from training.ranking.candidates import pool_candidates
from training.selection.backtest import Backtest, WindowResult
from training.selection.inference import rank_pool
from training.selection.model_selection import select_models
from training.sources.returns import net

HORIZON_DAYS = 10.0


def test_windows_are_newest_first_and_do_not_overlap() -> None:
    """The newest window ends now; each window begins where the next older one ends."""
    shop = history(two_tastes())
    windows = rolling_windows(shop, HORIZON_DAYS, 3)

    assert windows[0].end == shop.now
    assert [window.start for window in windows[:-1]] == [window.end for window in windows[1:]]
    assert {window.end - window.start for window in windows} == {HORIZON_DAYS}


def test_there_is_no_window_without_enough_before_it() -> None:
    """A minimum share of all lines precedes the oldest window, however many windows are
    requested.
    """
    shop = history(two_tastes())
    windows = rolling_windows(shop, HORIZON_DAYS, 100)

    assert 0 < len(windows) < 7
    assert len(windows[-1].known(shop).days) >= 0.14 * len(shop.days)
    assert rolling_windows(history([]), HORIZON_DAYS, 3) == []


def test_a_window_that_everything_lies_in_is_none() -> None:
    """A window over all purchases is not planned, because it would leave no training data."""
    shop = history([(f"c{who}", "i", day - 0.5) for who in range(9) for day in (0, 39)])
    windows = rolling_windows(shop, HORIZON_DAYS, 4)

    assert [len(window.known(shop).days) for window in windows] == [9, 9, 9]


def test_a_short_history_has_short_windows() -> None:
    """A window is at most a quarter of the history's time span."""
    assert window_days(history([("c", "i", 0.0), ("c", "i", 19.0)]), 28) == 5
    assert window_days(history([("c", "i", 0.0), ("c", "i", 499.0)]), 28) == 28


def test_a_large_shop_is_compared_on_some_of_its_customers() -> None:
    """Windows of a large shop use a sample of customers with all their lines; small shops
    use all.
    """
    shop = history(two_tastes())
    some = some_customers(shop, len(shop.days) // 4, np.random.default_rng(1))
    kept = np.unique(some.customers)

    assert len(kept) == 5
    assert len(some.days) == np.isin(shop.customers, kept).sum()
    assert (some.now, some.shape) == (shop.now, shop.shape)
    assert some_customers(shop, len(shop.days), np.random.default_rng(1)) is shop


def test_a_large_shop_is_trained_on_whole() -> None:
    """Published models are fitted on all customers, and windows on a sample of them."""
    shop = history(two_tastes(customers=40))
    settings = quick(lines_compared=len(shop.days) // 2)
    with threadpool_limits(1, "blas"):
        selected = select_models(shop, settings, SILENT)

    assert selected.cutoff.base_models.training_data.history is shop
    assert all(window.judged for window in selected.window_results[:2])
    assert {window.customers for window in selected.window_results} == {20}


def test_ground_truth_is_of_known_customers_and_items() -> None:
    """Customers and items that first appear after the cutoff are no ground truth."""
    old = [(f"c{who}", "i", 0.0) for who in range(3)]
    later: list[Line] = [("c0", "i", 20.0), ("new", "i", 20.0), ("c1", "novelty", 20.0)]
    shop = history([*old, *later])
    ground_truths = Window(shop.now - 5, shop.now).ground_truths(shop)

    assert ground_truths[CustomerSlate.FOR_YOU].customers.tolist() == [0]
    assert ground_truths[CustomerSlate.DISCOVER].customers.tolist() == []


def test_without_timestamps_a_window_is_each_customers_last_orders() -> None:
    """A window without timestamps holds an eighth of each customer's orders, at least one."""
    rows = [(f"c{who}", f"i{order}", 0.0) for who in range(3) for order in range(16)]
    shop = from_lines(lines([*rows, ("rare", "i0", 0.0)]), timed=False).history
    (window,) = rolling_windows(shop, window_days(shop, 28.0), 1)
    later = shop.between(window.start, window.end)

    assert np.bincount(later.customers).tolist()[:3] == [2, 2, 2]
    assert len(np.unique(later.items[later.customers < 3])) == 2


@pytest.mark.parametrize("horizon_days", [1.0, 7.0, 90.0])
def test_without_timestamps_a_horizon_means_nothing(horizon_days: float) -> None:
    """Without timestamps, the horizon in days has no effect."""
    rows = [(f"c{who}", f"i{order}", 0.0) for who in range(3) for order in range(16)]

    assert window_days(from_lines(lines(rows), timed=False).history, horizon_days) == 28.0


def futures() -> list[History]:
    """Return two shops that differ in the last ten days only."""
    known = [line for line in two_tastes() if line[2] < 48]
    shops = [
        [("c1", "tea-1", 57.0), ("c2", "tea-2", 51.0)],
        [(f"c{who}", "nut-1", 57.0) for who in range(10)],
    ]
    return [history([*known, *later]) for later in shops]


def test_features_at_a_cutoff_do_not_depend_on_the_future() -> None:
    """Two futures of one past give candidates and features that are equal to the bit."""
    features, pools = [], []
    for shop in futures():
        with threadpool_limits(1, "blas"):
            cutoff = fit_cutoff(shop.before(shop.now - 10), HORIZON_DAYS, 1, quick().size)
            pool = pool_candidates(cutoff.base_models, np.arange(20), cutoff.size)
            features.append(cutoff.rows(pool).features)
            pools.append(pool.items)

    assert pools[0].tolist() == pools[1].tolist()
    assert features[0].tobytes() == features[1].tobytes()


def test_a_category_knows_no_item_that_is_first_sold_later() -> None:
    """Items first sold after the cutoff do not change category features, not even by their
    number.
    """
    tastes = {f"{taste}-{n}": taste for taste in ("tea", "nut") for n in range(9)}
    later: list[list[Line]] = [[], [("c1", "tea-8", 57.0), ("c2", "tea-7", 57.0)]]
    tables = []
    for bought in later:
        rows = [*two_tastes(), ("c3", "nut-1", 58.0), *bought]
        shop = from_lines(lines(rows), timed=True, categories=tastes).history
        known = shop.before(shop.now - 3)
        facts = category_facts(known, customer_items_of(known), HORIZON_DAYS)
        assert facts is not None
        tables.append(facts.of_category.values.tolist())

    assert tables[0] == tables[1]


def test_lists_hold_items_with_purchases_only() -> None:
    """Lists contain no item without a purchase before the cutoff, even if they stay short."""
    rows = [(who, item, day) for who, item, day in two_tastes() if item.startswith("tea")]
    shop = history([*rows, *((f"c{n}", f"later-{n}", 57.0) for n in range(6))])
    known = shop.before(shop.now - 3)
    with threadpool_limits(1, "blas"):
        selected = select_models(known, quick(), SILENT)
        customers = np.arange(shop.customers_total)
        pool = pool_candidates(selected.cutoff.base_models, customers, selected.cutoff.size)
        lists = rank_pool(selected, pool, CustomerSlate.FOR_YOU, customers, 20)

    assert set(lists.items[lists.listed].tolist()) == set(known.items.tolist())


def test_a_later_return_does_not_change_a_window() -> None:
    """A later return does not change a window's metrics or training rows."""
    rows = two_tastes()
    back = [(f"c{who}", f"{taste}-2", 55.0) for who in range(20) for taste in ("tea", "nut")]
    units = [1.0] * len(rows) + [-99.0] * len(back)
    table = net(lines([*rows, *back], quantity=units)).purchases
    shops = [history(rows), from_lines(table, timed=True).history]
    window = Window(shops[0].now - 20, shops[0].now - 10)
    (judged, sample), (judged_too, sample_too) = (backtest_result(shop, window) for shop in shops)

    assert len(shops[1].items) < len(rows)
    assert sample == sample_too
    assert judged.lines == judged_too.lines


def backtest_result(shop: History, window: Window) -> tuple[WindowResult, bytes]:
    samples = {slate: deque(maxlen=3) for slate in CustomerSlate}
    with threadpool_limits(1, "blas"):
        found = Backtest(shop, window, 1, HORIZON_DAYS, quick(), samples, 2).run(evaluate=True)
    (sample,) = samples[CustomerSlate.FOR_YOU]
    return found, sample.features.tobytes() + sample.labels.tobytes()


def test_later_purchases_do_not_change_a_window() -> None:
    """Purchases after a window do not change its metrics or the rows for training."""
    one, other = futures()
    window = Window(one.now - 20, one.now - 10)
    (judged, sample), (judged_too, sample_too) = (
        backtest_result(one, window),
        backtest_result(other, window),
    )

    assert sample == sample_too
    for slate, figures in judged.ndcg.items():
        for name, values in figures.items():
            assert values.tolist() == judged_too.ndcg[slate][name].tolist(), name


def published(shop: History) -> list[bytes]:
    """Return the lists of all customers after training on a shop."""
    with threadpool_limits(1, "blas"):
        selected = select_models(shop, quick(), SILENT)
        customers = np.arange(shop.customers_total)
        pool = pool_candidates(selected.cutoff.base_models, customers, selected.cutoff.size)
        lists = [rank_pool(selected, pool, slate, customers, 20) for slate in CustomerSlate]
    return [part.items.tobytes() + part.scores.tobytes() for part in lists]


def test_training_before_a_cutoff_does_not_depend_on_the_future() -> None:
    """Windows, selection and rankers are equal for two futures of one past."""
    one, other = (published(shop.before(shop.now - 10)) for shop in futures())

    assert one == other


def test_learning_twice_gives_the_same_bytes() -> None:
    """Two trainings on equal data give equal bytes, including rankers and blends."""
    assert published(history(two_tastes())) == published(history(two_tastes()))


def test_a_shop_without_repeats_ranks_new_items() -> None:
    """Without repeat purchases `for_you` uses the model of `discover`, and `buy_again` its
    default.
    """
    with threadpool_limits(1, "blas"):
        selected = select_models(history(new_tastes()), quick(), SILENT)
    again = selected.choices[CustomerSlate.BUY_AGAIN]

    assert selected.repeat_share == 0
    assert selected.rows_of[CustomerSlate.FOR_YOU] is CustomerSlate.DISCOVER
    assert selected.choices[CustomerSlate.FOR_YOU] == selected.choices[CustomerSlate.DISCOVER]
    assert (again.winner, again.judged) == ("decayed_personal", False)
    assert "nothing is bought twice" in again.reason


@pytest.mark.parametrize("slate", CustomerSlate)
def test_too_little_history_is_not_judged(slate: CustomerSlate) -> None:
    """A history too short for a window gives default models instead of a comparison."""
    with threadpool_limits(1, "blas"):
        selected = select_models(history([("c", "i", 0.0), ("c", "i", 50.0)]), quick(), SILENT)

    assert not selected.choices[slate].judged
    assert "too little history" in selected.choices[slate].reason


def test_some_customers_keep_what_they_returned() -> None:
    """The windows of a sample of customers equal those customers' part of the whole."""
    rows: list[Line] = [(f"c{n}", item, 0.0) for n in range(8) for item in ("back", "kept")]
    back = [(f"c{n}", "back", 9.0) for n in range(8)]
    table = net(lines([*rows, *back], quantity=[1.0] * 16 + [-1.0] * 8)).purchases
    shop = from_lines(table, timed=True).history
    some = some_customers(shop, 4, np.random.default_rng(1))
    before = some.before(shop.now - 5)

    assert len(some.items) == len(np.unique(some.customers)) == 4
    assert np.bincount(before.customers)[some.customers].tolist() == [2] * 4
    assert set(before.customers) == set(some.customers)
