"""Scores for customers whom the model does not know: worths of items, and what a history adds.

The coefficients are log-odds of a purchase within the horizon. They are learned on the newest past
window: some customers are hidden before it, and their latest 1, 3, 10 and all orders are told.
"""

from dataclasses import dataclass, field

import numpy as np

from recsvc.model.artifact.artifact import HistoryScores
from recsvc.model.kernels.kernels import (
    AGE_DAYS,
    HISTORY_WEIGHTS_TOTAL,
    NEW_AGAINST,
    NEW_VOTES,
    NEW_VOTES_WORTH,
    NOT_JUDGED,
    ORDERS_NEW_AGAINST,
    ORDERS_NEW_BASE,
    ORDERS_NEW_VOTES,
    ORDERS_NEW_VOTES_WORTH,
    ORDERS_OWN,
    ORDERS_WORTH,
    OUTSIDE_WORTH,
    PURCHASES_SHARE,
    VOTE_UNIT,
)
from training.dataset.customer_items import customer_items_of
from training.dataset.ground_truth import GroundTruth, customers_to_predict
from training.dataset.history import Flags, Floats, History, Rows
from training.dataset.training_data import training_data_of
from training.dataset.windows import Window
from training.lists.item_facts import ItemFacts, item_facts
from training.lists.logistic import Numbers, fit_logistic
from training.lists.told_purchases import ToldPurchases, told_purchases

ORDERS_TOLD = (1, 3, 10, None)
_MOST_HIDDEN, _HIDDEN_SHARE = 400, 0.2
_LEAST_HIDDEN = 30
_VOTE_UNIT = 0.05
_VOTED = 80  # candidates with votes that are not bought before
_WORTH = 2  # place among the coefficients of other items
_LEAST_SLOPE = 0.1  # of the worth; with a smaller one no worth can stand for popularity
_NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """`own`: of the columns of `_own_columns`; `worth`: of `ItemFacts.new`; `new`: of
    `_new_columns`, which contain the worth.
    """

    own: Numbers
    own_base: float
    worth: Numbers
    worth_base: float
    new: Numbers
    new_base: float
    horizon_days: float

    @property
    def has_products(self) -> bool:
        """Return whether a coefficient belongs to a product with the worth."""
        return bool(np.any(self.new[[3, 6, 7]]))

    def __post_init__(self) -> None:
        if self.has_products and self.new[_WORTH] < _LEAST_SLOPE:
            raise ValueError(
                "a coefficient of a product with the worth needs a slope of the worth of at least "
                f"{_LEAST_SLOPE}, not {self.new[_WORTH]:.3g}"
            )

    def scores(self, facts: ItemFacts) -> HistoryScores:
        own = facts.own @ self.own[5:9] + self.own_base
        scale = float(self.new[_WORTH])
        # The kernel multiplies the worth by 1 and a share per order: fold the coefficient into it.
        new = scale * (facts.new @ self.worth + self.worth_base) + self.new_base
        votes, against, _, both, votes_h, against_h, worth_h, both_h, base_h = self.new
        scale = scale if self.has_products else 1.0  # without products it divides zeros only
        shift = self.new_base / scale  # a worth of the kernel is scale * (worth + shift)
        numbers = np.zeros(HISTORY_WEIGHTS_TOTAL)
        numbers[:5] = self.own[:5]
        numbers[[NEW_VOTES, NEW_AGAINST, NEW_VOTES_WORTH]] = [
            votes - both * shift,
            against,
            both / scale,
        ]
        numbers[[AGE_DAYS, OUTSIDE_WORTH, VOTE_UNIT]] = [
            self.horizon_days,
            float(own.min(initial=0.0)),
            _VOTE_UNIT,
        ]
        numbers[ORDERS_OWN : ORDERS_OWN + 6] = self.own[9:15]
        numbers[[ORDERS_NEW_VOTES, ORDERS_NEW_AGAINST, ORDERS_NEW_VOTES_WORTH]] = [
            votes_h - both_h * shift,
            against_h,
            both_h / scale,
        ]
        numbers[PURCHASES_SHARE] = NOT_JUDGED
        numbers[[ORDERS_WORTH, ORDERS_NEW_BASE]] = [worth_h / scale, base_h - worth_h * shift]
        return HistoryScores(
            facts.weights.lists,
            own.astype(np.float32),
            new.astype(np.float32),
            numbers.astype(np.float32),
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
            votes = _votes(facts, purchases)
            others = _candidates(votes, facts.popular, purchases.rows)
            own.add(
                _own_columns(facts, purchases, votes, horizon_days),
                truth.holds(np.full(len(purchases.rows), customer), purchases.rows),
            )
            new.add(
                _new_columns(facts, purchases, votes, others),
                truth.holds(np.full(len(others), customer), others),
            )
    if not own.has_both or not new.has_both:
        return None
    return Coefficients(*fit_logistic(*own.all()), *fit_new_items(*new.all()), horizon_days)


class _Rows:
    """Columns and labels of candidates, part by part."""

    def __init__(self) -> None:
        self.columns: list[Numbers] = []
        self.labels: list[Flags] = []

    def add(self, columns: Numbers, labels: Flags) -> None:
        self.columns.append(columns)
        self.labels.append(labels)

    @property
    def has_both(self) -> bool:
        labels = np.concatenate([np.zeros(0, bool), *self.labels])
        return bool(labels.any() and not labels.all())

    def all(self) -> tuple[Numbers, Numbers]:
        return np.vstack(self.columns), np.concatenate(self.labels).astype(np.float64)


def fit_new_items(columns: Numbers, labels: Numbers) -> tuple[Numbers, float, Numbers, float]:
    """Fit the worth of items with the votes, then the worth as one column with all orders.

    `columns`: as `_new_columns` returns them. Where items of a high worth do not sell better, the
    votes are learned without regard to it.
    """
    raised, against, log_orders, of_items = np.split(columns, [1, 2, 3], axis=1)
    share = of_items[:, :1]
    first, base = fit_logistic(
        np.hstack([of_items, raised, against, raised * share, log_orders, raised * log_orders]),
        labels,
    )
    worth = of_items @ first[: of_items.shape[1], None] + base
    each = np.hstack([raised, against, worth, raised * worth])
    second, new_base = fit_logistic(np.hstack([each, each * log_orders, log_orders]), labels)
    if second[_WORTH] < _LEAST_SLOPE:
        # The service cannot tell popularity from such a worth: learn the votes without it.
        some = np.hstack([each[:, :3], each[:, :2] * log_orders, log_orders])
        found, new_base = fit_logistic(some, labels)
        second = np.insert(found, [3, 5, 5], 0.0)
    return first[: of_items.shape[1]], base, second, new_base


def _own_columns(
    facts: ItemFacts, told: ToldPurchases, votes: Floats, horizon_days: float
) -> Numbers:
    """Return five columns of the purchases, those of the items, and the five times log orders."""
    ages, times = np.log1p(told.ages / horizon_days), np.log(np.maximum(told.times, 1))
    rows = told.rows
    of_purchases = np.column_stack(
        [
            times,
            ages,
            times * ages,
            np.log1p(told.ages / facts.intervals[rows]),
            _raised(votes[rows]),
        ]
    )
    orders = np.full((len(rows), 1), told.log_orders)
    return np.hstack([of_purchases, facts.own[rows], of_purchases * orders, orders])


def _new_columns(facts: ItemFacts, told: ToldPurchases, votes: Floats, others: Rows) -> Numbers:
    """Return votes, weights against the item, log orders, and the facts of the item."""
    return np.column_stack(
        [
            _raised(votes[others]),
            np.minimum(votes[others], 0) / _VOTE_UNIT,
            np.full(len(others), told.log_orders),
            facts.new[others],
        ]
    )


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
