"""Facts of items for customers outside the model, from the purchases of enough customers."""

from dataclasses import dataclass

import numpy as np

from recsvc.model.kernels.kernels import USUAL_INTERVAL_DAYS
from training.dataset.history import Flags, History, Rows
from training.dataset.segments import distinct
from training.dataset.training_data import TrainingData
from training.lists.item_weights import ItemWeights, fit_item_weights
from training.lists.k_anonymity import has_enough_buyers
from training.lists.logistic import Numbers
from training.lists.repurchase_intervals import median_intervals
from training.lists.repurchase_rates import repurchase_odds

_POPULAR = 60  # candidates of every customer
_LEAST_SHARE = 3e-4
_REPEAT_PRIOR = 20.0  # customers, at the mean repeat rate
_WINDOWS = (1, 3)  # horizons of popularity


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """Facts of items with enough customers; all others have the least share and the mean rate."""

    own: Numbers  # (items, 4) log share of active customers for each of _WINDOWS, log of the
    # repeat rate relative to the mean, log-odds of another purchase within the horizon
    new: Numbers  # (items, 2) the first log share, and the log-odds
    intervals: Numbers  # (items,) days
    popular: Rows  # the most popular items
    weights: ItemWeights


def item_facts(training_data: TrainingData, horizon_days: float, k: int, ridge: float) -> ItemFacts:
    history, pairs = training_data.history, training_data.customer_items
    shown = has_enough_buyers(training_data, k)
    shares = np.column_stack(
        [_share(history, horizon_days * horizons, shown) for horizons in _WINDOWS]
    )
    repeated = np.bincount(pairs.items, pairs.counts > 1, pairs.items_total)
    mean = max(float(repeated.sum()) / max(len(pairs), 1), 1e-6)
    rate = (repeated + _REPEAT_PRIOR * mean) / (pairs.buyers + _REPEAT_PRIOR) / mean
    days = median_intervals(history, pairs)
    known = np.full(pairs.items_total, np.nan) if days is None else days
    log_shares = np.log(shares + _LEAST_SHARE)
    again = repurchase_odds(history, horizon_days, shown)
    return ItemFacts(
        np.column_stack([log_shares, np.where(shown, np.log(rate), 0.0), again]),
        np.column_stack([log_shares[:, 0], again]),
        np.where(np.isnan(known), USUAL_INTERVAL_DAYS, known),
        np.argsort(-shares[:, 0], kind="stable")[:_POPULAR],
        fit_item_weights(training_data, ridge, k),
    )


def _share(history: History, days: float, shown: Flags) -> Numbers:
    """Return the share of the active customers who bought each item."""  # (items,)
    recent = history.ages() <= days
    keys = distinct(history.customers[recent] * history.items_total + history.items[recent])
    active = max(len(distinct(keys // max(history.items_total, 1))), 1)
    counts = np.bincount(keys % max(history.items_total, 1), minlength=history.items_total)
    return np.asarray(np.where(shown, counts / active, 0.0))
