"""Model selection: the gain of a ranker, and the data it was trained on."""

from collections import deque
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, interactions, loyal_and_curious, quick
from training.dataset.customer_items import customer_items_of
from training.dataset.history import History, Rows
from training.dataset.windows import rolling_windows
from training.metrics.model import Family
from training.metrics.results import ModelChoice
from training.progress import SILENT
from training.ranking.blend import BLEND, fit_blend
from training.ranking.candidate_features import fit_cutoff
from training.ranking.candidates import pool_candidates
from training.ranking.lambdarank import Boosting
from training.selection.backtest import Backtest
from training.selection.inference import rank_pool
from training.selection.model_selection import (
    LEARNED_MODELS,
    SelectedModels,
    fit_winners,
    select_models,
)

HORIZON_DAYS = 10.0
SETTINGS = quick(horizon_days=HORIZON_DAYS, boosting=Boosting(rounds=15))
SHOP = interactions(loyal_and_curious())
WINDOWS = rolling_windows(SHOP.history, HORIZON_DAYS, 3)


def learned_from(shop: History) -> SelectedModels:
    with threadpool_limits(1, "blas"):
        return select_models(shop, SETTINGS, SILENT)


@pytest.fixture(scope="module")
def selected() -> SelectedModels:
    return learned_from(SHOP.history)


def first_three(selected: SelectedModels, slate: CustomerSlate) -> Rows:
    """Return each customer's first three published items."""  # (customers, 3)
    customers = np.arange(SHOP.history.customers_total)
    pool = pool_candidates(selected.cutoff.base_models, customers, SETTINGS.size)
    return rank_pool(selected, pool, slate, customers, 3).items


def test_a_ranker_wins_where_no_base_model_distinguishes_customers(
    selected: SelectedModels,
) -> None:
    """A ranker wins clearly where half of the customers buy own items and half new ones, which no
    base model distinguishes.
    """
    choice = selected.choices[CustomerSlate.FOR_YOU]

    assert LEARNED_MODELS[choice.winner].family is Family.RANKER
    assert choice.gain is not None
    assert choice.gain.mean > 0.2
    assert choice.gain.mean > 5 * choice.gain.error
    assert choice.gain.customers == 160


def test_the_published_model_distinguishes_customers(selected: SelectedModels) -> None:
    """Published lists show own items to loyal customers and new items of their taste to curious
    ones.
    """
    shown = first_three(selected, CustomerSlate.FOR_YOU)
    owned = customer_items_of(SHOP.history).owned(np.arange(len(shown)))
    own = np.take_along_axis(owned, shown, axis=1)
    taste_of_items = np.array([item[0] for item in SHOP.item_ids])[shown]
    taste_of_customers = np.array(["a", "b"])[np.arange(len(shown)) // 2 % 2]

    assert own[::2].all()
    assert not own[1::2].any()
    assert (taste_of_items == taste_of_customers[:, None]).mean() > 0.95


def test_windows_are_returned_newest_first(selected: SelectedModels) -> None:
    """Windows are returned newest first; two are evaluated, the oldest is used for training
    only.
    """
    assert [window.window for window in selected.window_results] == WINDOWS
    assert [window.judged for window in selected.window_results] == [
        True,
        True,
        False,
    ]


def test_a_slate_is_measured_on_customers_with_something_to_find(selected: SelectedModels) -> None:
    """A slate is measured on the customers who bought an item that it shows."""
    counts = {
        slate: {len(values) for values in figures.values()}
        for slate, figures in selected.window_results[0].ndcg.items()
    }

    assert counts == {
        CustomerSlate.FOR_YOU: {80},
        CustomerSlate.DISCOVER: {40},
        CustomerSlate.BUY_AGAIN: {40},
    }


def test_a_window_is_evaluated_with_models_of_older_windows(selected: SelectedModels) -> None:
    """Rankers trained on older windows compete in both windows, and other purchases in a newer
    window change no value of an older one.
    """
    known = [line for line in loyal_and_curious() if line[2] < 50]
    later: list[Line] = [(f"c{customer:02d}", "a00", 56.0) for customer in range(80)]
    other = learned_from(interactions([*known, *later]).history)
    here, there = (each.window_results[1].ndcg[CustomerSlate.FOR_YOU] for each in (selected, other))

    assert other.window_results[1].window == WINDOWS[1]
    assert {"blend", "ranker", "ranker_without_items"} < set(here)
    assert set(here) <= set(selected.window_results[0].ndcg[CustomerSlate.FOR_YOU])
    assert {name: values.tolist() for name, values in here.items()} == {
        name: values.tolist() for name, values in there.items()
    }


def test_the_winner_of_a_slate_is_fitted_on_samples_of_that_slate() -> None:
    """Three slates with three samples give three different blends."""
    samples = {slate: deque(maxlen=3) for slate in CustomerSlate}
    choices = {slate: ModelChoice(BLEND.name, judged=True, reason="") for slate in CustomerSlate}
    with threadpool_limits(1, "blas"):
        Backtest(SHOP.history, WINDOWS[0], 0, HORIZON_DAYS, SETTINGS, samples, 2).run(
            evaluate=False
        )
        cutoff = fit_cutoff(SHOP.history, HORIZON_DAYS, SETTINGS.seed, SETTINGS.size)
        models: Any = fit_winners(choices, cutoff, samples, SETTINGS)
        blends = {slate: fit_blend(cutoff.columns(), list(samples[slate])) for slate in samples}
        weights = {slate: blend.weights.tolist() for slate, blend in blends.items()}

    assert {slate: model.weights.tolist() for slate, model in models.items()} == weights
    assert len({tuple(each) for each in weights.values()}) == len(CustomerSlate)
