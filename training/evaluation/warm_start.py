"""Quality for customers outside the model: some are left out of the training of the scores for
them, and their purchases are told as events.

The lists are those of the service: its kernel ranks, from the purchases that its store would hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.model.kernels.kernels import HistoryArrays, fold_in
from recsvc.model.registry.history_arrays import default_arrays, in_columns
from training.dataset.ground_truth import GroundTruth, GroundTruths, customers_to_predict
from training.dataset.history import Floats, History, Rows
from training.dataset.segments import NOTHING
from training.dataset.slate_rules import RULES, Shows
from training.dataset.training_data import TrainingData, training_data_of
from training.dataset.windows import window_days
from training.errors import NotPublishable
from training.lists.history_scores import FactsOfHistories, fit_history_scores, hidden_customers
from training.lists.item_lists import neighbour_list, popular, recent_orders
from training.lists.k_anonymity import has_enough_buyers, similar_lists
from training.lists.repurchase_intervals import median_intervals
from training.lists.told_purchases import ToldPurchases, text_bytes, told_purchases
from training.metrics import ranking_quality as metrics
from training.metrics.estimates import Mean
from training.metrics.ranking_quality import Values
from training.metrics.results import MAIN_K
from training.metrics.warm_start_results import WarmPath, WarmStart
from training.settings import TrainingSettings

Known = Mapping[CustomerSlate, Mapping[int, float]]  # NDCG of trained customers

_LEAST_HIDDEN = 5
_ORDERS_GIVEN = (1, 3, 10, None)  # latest orders told to the service
_SHOWN_FIRST = (Shows.ALL, Shows.UNSEEN, Shows.OWNED)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Customers that `--leave-out` names: the number of ids, and the rows of known customers."""

    listed: int
    customers: Rows

    @classmethod
    def among(cls, ids: Sequence[str], customer_ids: Sequence[str]) -> "LeftOut":
        """Find the ids in the training data; raise if it contains none of them."""
        rows = {customer: row for row, customer in enumerate(customer_ids)}
        found = sorted({rows[customer] for customer in ids if customer in rows})
        if not found:
            raise NotPublishable(
                f"--leave-out: none of the {len(ids)} customers has purchases to learn from; list "
                f"customer ids of the purchases, one a line, such as {ids[0]!r}",
                code="leave_out_unknown",
            )
        return cls(len(set(ids)), np.array(found, np.int64))


@dataclass(frozen=True, slots=True)
class LiveScores:
    """The arrays that the service ranks a purchase history with, for its own kernel."""

    arrays: HistoryArrays
    intervals: Floats  # (items,)
    popular: Rows
    learned: bool = True  # False: the defaults of the service

    def best(self, told: ToldPurchases, slate: CustomerSlate) -> Rows:
        """Return the first MAIN_K items; of new items, none that was ever bought."""
        shows = RULES[slate].shows
        items, _, _ = fold_in.run(
            told.rows.astype(np.int64),
            told.times.astype(np.int64),
            told.ages.astype(np.float64),
            self.arrays,
            self.intervals,
            self.popular,
            shows is not Shows.UNSEEN,
            shows is not Shows.OWNED,
            MAIN_K + (len(told.bought) if shows is Shows.UNSEEN else 0),
        )
        return _first(items[~np.isin(items, told.bought)] if shows is Shows.UNSEEN else items)


def measure_warm_start(
    history: History,
    item_ids: Sequence[str],
    ground_truths: GroundTruths,
    settings: TrainingSettings,
    known: Known | None = None,
    facts: FactsOfHistories | None = None,
    left_out: LeftOut | None = None,
    scores: LiveScores | None = None,
) -> tuple[WarmStart, ...]:
    """Leave some customers out and measure; `known` is the published model's NDCG.

    `facts`: those that learning fitted, to use them again. `left_out`: the customers; None draws a
    sample. `scores`: those learned without the sample.
    """
    hidden = sample_of(ground_truths, settings)
    if left_out is not None:
        hidden = left_out.customers
    elif len(hidden) < _LEAST_HIDDEN:
        return ()
    scores = scores or live_scores(history, settings, hidden, facts)
    item_bytes = text_bytes(item_ids)
    told = {
        orders: list(told_purchases(history, hidden, orders, item_bytes))
        for orders in _ORDERS_GIVEN
    }
    found = []
    for slate in sorted(RULES, key=lambda slate: _SHOWN_FIRST.index(RULES[slate].shows)):
        judged = _Judged.of(ground_truths[slate], hidden, (known or {}).get(slate, {}))
        paths = [
            judged.path(
                orders,
                [scores.best(each, slate) for each in some],
                [most_popular(scores.popular, each, slate) for each in some],
            )
            for orders, some in told.items()
        ]
        trained = metrics.mean_of(judged.known[~np.isnan(judged.known)]) if known else None
        listed = None if left_out is None else left_out.listed
        found.append(WarmStart(str(slate), len(hidden), tuple(paths), trained, listed))
    return tuple(found)


def sample_of(ground_truths: GroundTruths, settings: TrainingSettings) -> Rows:
    """Draw the customers that are left out."""
    return hidden_customers(customers_to_predict(ground_truths), settings.seed)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The customers with something to find, and their NDCG as part of the training."""

    ground_truth: GroundTruth
    customers: Rows
    places: Rows  # among the customers left out
    known: Values  # (customers,) NaN: not measured

    @classmethod
    def of(cls, ground_truth: GroundTruth, hidden: Rows, known: Mapping[int, float]) -> "_Judged":
        places = np.flatnonzero(ground_truth.relevant[hidden] > 0)
        customers = hidden[places]
        values = [known.get(customer, np.nan) for customer in customers.tolist()]
        return cls(ground_truth, customers, places, np.array(values, np.float64))

    def path(self, orders: int | None, lists: list[Rows], of_all: list[Rows]) -> WarmPath:
        reached, popularity = self.ndcg(lists), self.ndcg(of_all)
        both = ~np.isnan(self.known)
        return WarmPath(
            orders,
            metrics.mean_of(reached),
            metrics.mean_of(popularity),
            ratio_of(reached, popularity),
            ratio_of(reached[both], self.known[both]),
        )

    def ndcg(self, lists: list[Rows]) -> Values:
        ranked = np.array(lists)[self.places]
        hits = metrics.hits_of(self.ground_truth, self.customers, ranked)
        return metrics.ndcg(hits, self.ground_truth.relevant[self.customers], MAIN_K)


def ratio_of(values: Values, base: Values) -> Mean | None:
    """Return mean(values) / mean(base) with its paired error (delta method); None if base is 0.

    Both: (customers,).
    """
    if not len(base) or base.mean() <= 0:
        return None
    ratio = float(values.mean() / base.mean())
    return Mean(ratio, metrics.mean_of((values - ratio * base) / base.mean()).error, len(base))


def live_scores(
    history: History,
    settings: TrainingSettings,
    hidden: Rows,
    facts: FactsOfHistories | None = None,
) -> LiveScores:
    """Learn the scores from a history without the hidden customers; with too little to learn from,
    the defaults of the service.
    """
    facts = facts or FactsOfHistories(settings.k_anonymity, settings.constants.ease_penalty)
    training_data = training_data_of(history.without(hidden))
    days = median_intervals(training_data.history, training_data.customer_items)
    shown = has_enough_buyers(training_data, settings.k_anonymity)
    top = popular(recent_orders(training_data.history), shown)
    found = fit_history_scores(
        history, window_days(history, settings.horizon_days), facts, settings.seed, hidden
    )
    return LiveScores(
        _default_arrays(training_data, settings, top.items, top.scores)
        if found is None
        else in_columns(
            found.weights.offsets.astype(np.int64),
            found.weights.items.astype(np.int32),
            found.weights.scores.astype(np.float32),
            found.own,
            found.new,
            found.coefficients,
        ),
        np.zeros(0, np.float32) if days is None else days.astype(np.float32),
        top.items.astype(np.int32),
        found is not None,
    )


def _default_arrays(
    training_data: TrainingData, settings: TrainingSettings, items: Rows, scores: Floats
) -> HistoryArrays:
    items_total = training_data.history.items_total
    lists = neighbour_list(
        similar_lists(training_data, settings).lists.among(training_data.head, items_total)
    )
    return default_arrays(
        lists.offsets.astype(np.int64),
        lists.items.astype(np.int32),
        lists.scores.astype(np.float32),
        items_total,
        items,
        scores,
    )


def most_popular(ranked: Rows, told: ToldPurchases, slate: CustomerSlate) -> Rows:
    """Return the most popular items that the slate may show, from the popular list."""
    match RULES[slate].shows:
        case Shows.ALL:
            return _first(ranked)
        case Shows.UNSEEN:
            some = ranked[: MAIN_K + len(told.bought)]
            return _first(some[~np.isin(some, told.bought)])
        case Shows.OWNED:
            return _first(ranked[np.isin(ranked, told.rows)])


def _first(items: Rows) -> Rows:
    """Return MAIN_K places; NOTHING fills a short list."""
    places = np.full(MAIN_K, NOTHING)
    places[: min(MAIN_K, len(items))] = items[:MAIN_K]
    return places
