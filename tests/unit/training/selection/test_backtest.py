"""Samples of a window: features as in the whole pool, labels by the slate's ground truth."""

from collections import deque

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import history, loyal_and_curious, quick
from training.dataset.windows import Window
from training.ranking.candidate_features import fit_cutoff
from training.ranking.candidates import pool_candidates
from training.ranking.samples import Sample
from training.selection.backtest import Backtest

HORIZON_DAYS = 10.0
SETTINGS = quick(horizon_days=HORIZON_DAYS)
SHOP = history(loyal_and_curious(customers=12, visits=8))
WINDOW = Window(SHOP.now - HORIZON_DAYS, SHOP.now)


def sampled(*, evaluate: bool) -> dict[CustomerSlate, Sample]:
    samples = {slate: deque(maxlen=1) for slate in CustomerSlate}
    with threadpool_limits(1, "blas"):
        Backtest(SHOP, WINDOW, 0, HORIZON_DAYS, SETTINGS, samples, 2).run(evaluate=evaluate)
    return {slate: found[0] for slate, found in samples.items()}


@pytest.mark.parametrize("evaluate", [True, False], ids=["judged", "only learned from"])
def test_labels_are_each_customers_purchases_of_the_slate(evaluate: bool) -> None:
    """Each customer's labels count the slate's purchases; customers without any are left out."""
    samples, ground_truths = sampled(evaluate=evaluate), WINDOW.ground_truths(SHOP)
    hits = {
        slate: np.add.reduceat(sample.labels, np.cumsum(sample.groups) - sample.groups).tolist()
        for slate, sample in samples.items()
    }

    assert hits == {
        slate: ground_truth.relevant[ground_truth.customers].tolist()
        for slate, ground_truth in ground_truths.items()
    }
    assert {slate: len(found) for slate, found in hits.items()} == {
        CustomerSlate.FOR_YOU: 12,
        CustomerSlate.DISCOVER: 6,
        CustomerSlate.BUY_AGAIN: 6,
    }


def test_a_hit_has_the_features_of_the_purchased_item() -> None:
    """Repeat purchases have the highest own count, new items have none."""
    samples = sampled(evaluate=True)
    columns = fit_cutoff(WINDOW.known(SHOP), HORIZON_DAYS, 1, SETTINGS.size).columns()
    orders = columns.index(("pair", "personal_frequency"))
    again, new = (
        samples[slate].features[samples[slate].labels == 1, orders]
        for slate in (CustomerSlate.BUY_AGAIN, CustomerSlate.DISCOVER)
    )

    assert (again == again.max()).all()
    assert np.isnan(new).all()


@pytest.mark.parametrize("slate", CustomerSlate)
def test_a_sample_does_not_depend_on_evaluation(slate: CustomerSlate) -> None:
    """A window's sample is the same with and without evaluation."""
    one, other = sampled(evaluate=True)[slate], sampled(evaluate=False)[slate]

    assert one.features.tobytes() == other.features.tobytes()
    assert one.labels.tolist() == other.labels.tolist()
    assert one.groups.tolist() == other.groups.tolist()


def test_sampled_rows_keep_their_ranks_in_the_pool() -> None:
    """Sampled rows keep the ranks that they have in the whole pool."""
    with threadpool_limits(1, "blas"):
        cutoff = fit_cutoff(WINDOW.known(SHOP), HORIZON_DAYS, 1, SETTINGS.size)
        pool = pool_candidates(cutoff.base_models, np.arange(12), SETTINGS.size)
    kept = np.arange(len(pool.items)) % 3 == 0
    whole, some = cutoff.rows(pool), cutoff.rows(pool, kept=kept)

    assert some.items.tolist() == whole.items[kept].tolist()
    assert some.features.tobytes() == whole.features[kept].tobytes()
