"""Scores for customers whom the model does not know: worths of items, and what a history adds.

The coefficients are log-odds of a purchase within the horizon. They are learned on the newest past
window: some customers are hidden before it, and their latest 1, 3, 10 and all orders are told.
"""

from dataclasses import dataclass, field

import numpy as np

from recsvc.model.artifact.artifact import HistoryScores
from recsvc.model.kernels.kernels import HISTORY_WEIGHTS_TOTAL, USUAL_INTERVAL_DAYS
from training.dataset.customer_items import customer_items_of
from training.dataset.ground_truth import GroundTruth, customers_to_predict
from training.dataset.history import Flags, Floats, History, Rows
from training.dataset.segments import distinct
from training.dataset.training_data import TrainingData, training_data_of
from training.dataset.windows import Window
from training.lists.item_weights import ItemWeights, fit_item_weights
from training.lists.k_anonymity import has_enough_buyers
from training.lists.logistic import Numbers, fit_logistic
from training.lists.repurchase_intervals import median_intervals
from training.lists.told_purchases import ToldPurchases, told_purchases

ORDERS_TOLD = (1, 3, 10, None)
_MOST_HIDDEN, _HIDDEN_SHARE = 400, 0.2
_LEAST_HIDDEN = 30
_VOTE_UNIT = 0.05
_LEAST_SHARE = 3e-4
_REPEAT_PRIOR = 20.0  # customers, at the mean repeat rate
_VOTED, _POPULAR = 80, 60  # candidates that are not bought before
_SHARE, _VOTES_SHARE = 4, 5  # columns of other items
_LEAST_SLOPE = 0.1  # of the share; with a smaller one no worth can stand for the share
_WINDOWS = (1, 3)  # horizons of popularity
_NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """Facts of items with enough customers; all others have the least share and the mean rate."""

    shares: Numbers  # (items, 2) log share of active customers, for each of _WINDOWS
    repeats: Numbers  # (items,) log of the repeat rate relative to the mean
    intervals: Numbers  # (items,) days
    popular: Rows  # the most popular items
    weights: ItemWeights


def item_facts(training_data: TrainingData, horizon_days: float, k: int, ridge: float) -> ItemFacts:
    history, pairs = training_data.history, training_data.customer_items
    shown = has_enough_buyers(training_data, k)
    shares = np.column_stack(
        [_share(history, horizon_days * horizons, shown) for horizons in _WINDOWS]
    )
    again = np.bincount(pairs.items, pairs.counts > 1, pairs.items_total)
    mean = max(float(again.sum()) / max(len(pairs), 1), 1e-6)
    rate = (again + _REPEAT_PRIOR * mean) / (pairs.buyers + _REPEAT_PRIOR) / mean
    days = median_intervals(history, pairs)
    known = np.full(pairs.items_total, np.nan) if days is None else days
    return ItemFacts(
        np.log(shares + _LEAST_SHARE),
        np.where(shown, np.log(rate), 0.0),
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


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Log-odds per column of own items and of other items.

    Other items have a coefficient of votes by share only with a slope of at least _LEAST_SLOPE.
    """

    own: Numbers
    own_base: float
    new: Numbers
    new_base: float
    horizon_days: float

    def __post_init__(self) -> None:
        if self.new[_VOTES_SHARE] and self.new[_SHARE] < _LEAST_SLOPE:
            raise ValueError(
                "a coefficient of votes by share needs a slope of the share of at least "
                f"{_LEAST_SLOPE}, not {self.new[_SHARE]:.3g}"
            )

    def scores(self, facts: ItemFacts) -> HistoryScores:
        own = facts.shares @ self.own[5:7] + self.own[7] * facts.repeats + self.own_base
        share = float(self.new[_SHARE])
        new = facts.shares[:, 0] * share + self.new_base
        outside = float(own.min(initial=0.0))
        # The kernel has the worth instead of the share: share = (worth - base) / its coefficient.
        per_worth = float(self.new[_VOTES_SHARE]) / share if self.new[_VOTES_SHARE] else 0.0
        votes = float(self.new[0]) - per_worth * self.new_base
        new_numbers = [votes, *self.new[1:4], per_worth]
        numbers = [*self.own[:5], *new_numbers, self.horizon_days, outside, _VOTE_UNIT]
        if len(numbers) != HISTORY_WEIGHTS_TOTAL:
            raise AssertionError("the kernel has another number of coefficients")
        return HistoryScores(
            facts.weights.lists,
            own.astype(np.float32),
            new.astype(np.float32),
            np.array(numbers, np.float32),
        )


@dataclass(frozen=True, slots=True)
class FactsOfHistories:
    """Facts of items, fitted once for a history without some hidden customers.

    One instance serves one shop's purchases: its histories differ in their end and in the hidden
    customers only. Learning and judging hide the same customers and share the facts.
    """

    k_anonymity: int
    ridge: float
    _found: dict[tuple[float, float, bytes], ItemFacts] = field(default_factory=dict)

    def of(self, history: History, hidden: Rows, horizon_days: float) -> ItemFacts:
        """Return the facts of a history without the rows of `hidden`."""
        key = (history.now, horizon_days, hidden.tobytes())
        if key not in self._found:
            training_data = training_data_of(history.without(hidden))
            self._found[key] = item_facts(training_data, horizon_days, self.k_anonymity, self.ridge)
        return self._found[key]

    def __len__(self) -> int:
        return len(self._found)


def hidden_customers(candidates: Rows, seed: int) -> Rows:
    """Draw the customers that a window hides, ascending."""
    count = min(int(len(candidates) * _HIDDEN_SHARE), _MOST_HIDDEN)
    return np.sort(np.random.default_rng([seed, count]).choice(candidates, count, replace=False))


def fit_history_scores(
    history: History,
    horizon_days: float,
    facts: FactsOfHistories,
    seed: int,
    hidden: Rows = _NOBODY,
) -> HistoryScores | None:
    """Learn on the newest window, apply to the whole history; None with too little to learn.

    `hidden`: customers from whom nothing is learned.
    """
    found = fit_coefficients(history.without(hidden), horizon_days, facts, seed, hidden)
    if found is None:
        return None
    return found.scores(facts.of(history, hidden, horizon_days))


def fit_coefficients(
    history: History,
    horizon_days: float,
    facts_of: FactsOfHistories,
    seed: int,
    left_out: Rows = _NOBODY,
) -> Coefficients | None:
    """Hide some customers before the newest window and learn from their purchases in it.

    `left_out`: customers that the history lacks.
    """
    if not history.timed:
        return None
    window = Window(history.now - horizon_days, history.now)
    known, later = window.known(history), history.between(window.start, window.end)
    hidden = hidden_customers(customers_to_predict(window.ground_truths(history)), seed)
    if len(hidden) < _LEAST_HIDDEN:
        return None
    facts = facts_of.of(known, np.union1d(hidden, left_out), horizon_days)
    pairs = customer_items_of(later)
    truth = GroundTruth(pairs.keys, np.zeros(0, np.int64), history.items_total)
    own, new = _Rows(), _Rows()
    for orders in ORDERS_TOLD:
        told = told_purchases(known, hidden, orders)
        for customer, purchases in zip(hidden.tolist(), told, strict=True):
            _add_rows(own, new, facts, purchases, truth, customer, horizon_days)
    if not own.has_both or not new.has_both:
        return None
    return Coefficients(*fit_logistic(*own.all()), *fit_new_items(*new.all()), horizon_days)


def fit_new_items(columns: Numbers, labels: Numbers) -> tuple[Numbers, float]:
    """Return the weight of each column of other items and the intercept.

    Where popular items do not sell better, the votes are learned without regard to popularity:
    the service has an item's worth in place of its share, and cannot tell the share from it.
    """
    weights, base = fit_logistic(columns, labels)
    if weights[_SHARE] >= _LEAST_SLOPE:
        return weights, base
    weights, base = fit_logistic(np.delete(columns, _VOTES_SHARE, axis=1), labels)
    return np.insert(weights, _VOTES_SHARE, 0.0), base


class _Rows:
    """Columns and labels of candidates, part by part."""

    def __init__(self) -> None:
        self.columns: list[Numbers] = []
        self.labels: list[Flags] = []

    @property
    def has_both(self) -> bool:
        labels = np.concatenate([np.zeros(0, bool), *self.labels])
        return bool(labels.any() and not labels.all())

    def all(self) -> tuple[Numbers, Numbers]:
        return np.vstack(self.columns), np.concatenate(self.labels).astype(np.float64)


def _add_rows(
    own: _Rows,
    new: _Rows,
    facts: ItemFacts,
    told: ToldPurchases,
    truth: GroundTruth,
    customer: int,
    horizon_days: float,
) -> None:
    votes = _votes(facts, told)
    ages, times = np.log1p(told.ages / horizon_days), np.log(np.maximum(told.times, 1))
    rows = told.rows
    own.columns.append(
        np.column_stack(
            [
                times,
                ages,
                times * ages,
                np.log1p(told.ages / facts.intervals[rows]),
                _raised(votes[rows]),
                facts.shares[rows],
                facts.repeats[rows],
            ]
        )
    )
    own.labels.append(truth.holds(np.full(len(rows), customer), rows))
    others = _candidates(votes, facts.popular, rows)
    history = float(np.log1p(told.times.sum()))
    raised = _raised(votes[others])
    new.columns.append(
        np.column_stack(
            [
                raised,
                raised * history,
                np.full(len(others), history),
                np.minimum(votes[others], 0) / _VOTE_UNIT,
                facts.shares[others, 0],
                raised * facts.shares[others, 0],
            ]
        )
    )
    new.labels.append(truth.holds(np.full(len(others), customer), others))


def _candidates(votes: Floats, popular: Rows, bought: Rows) -> Rows:
    """Return the items of the most votes and the popular ones without the bought ones."""
    voted = np.flatnonzero(votes > 0)
    best = voted[np.argsort(-votes[voted], kind="stable")[:_VOTED]]
    chosen = np.zeros(len(votes), dtype=bool)
    chosen[best], chosen[popular], chosen[bought] = True, True, False
    return np.flatnonzero(chosen)


def _raised(votes: Floats) -> Numbers:
    return np.log1p(np.maximum(votes, 0) / _VOTE_UNIT)


def _votes(facts: ItemFacts, told: ToldPurchases) -> Floats:
    """Sum the weights of all bought items, as the service does."""  # (items,)
    lists = facts.weights.lists
    lengths = np.diff(lists.offsets)[told.rows]
    entries = np.repeat(lists.offsets[told.rows], lengths) + (
        np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    )
    strengths = np.repeat(np.log1p(told.times), lengths)
    return np.bincount(
        lists.items[entries], strengths * lists.scores[entries], len(lists.offsets) - 1
    ).astype(np.float32)
