"""Quality for new customers: some are hidden in training, and their purchases given as events.

This measures customers whose first purchases come after training. The rule and its constants are
those of the service; only public data of items is used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.customers.recent_events import MAX_EVENTS, SECONDS_PER_DAY, RecentKind, weight
from recsvc.model.kernels.kernels import (
    COOLDOWN_SHARE,
    DEFAULT_INTERVAL_DAYS,
    MAX_RECENT_VOTERS,
    NEIGHBOURS_PER_VOTER,
    HistoryArrays,
    fold_in,
)
from recsvc.model.registry.history_arrays import in_columns
from recsvc.model.registry.vote_tally import VoteTally, appeal_of, tally, top_share
from training.dataset.ground_truth import GroundTruth, GroundTruths, customers_to_predict
from training.dataset.history import Days, Flags, Floats, History, Rows
from training.dataset.segments import NOTHING
from training.dataset.slate_rules import RULES, TOPPED_UP, Shows
from training.dataset.training_data import training_data_of
from training.dataset.windows import window_days
from training.lists.history_scores import fit_history_scores
from training.lists.item_lists import popular, recent_orders
from training.lists.k_anonymity import has_enough_buyers, similar_lists
from training.lists.repurchase_intervals import median_intervals
from training.lists.told_purchases import ToldPurchases, told_purchases
from training.metrics import ranking_quality as metrics
from training.metrics.estimates import Mean
from training.metrics.results import MAIN_K, WarmPath, WarmStart
from training.ranking.top_k import best_columns
from training.recommenders.neighbour_lists import NeighbourLists
from training.settings import TrainingSettings

_HIDDEN_SHARE = 0.2
_MOST_HIDDEN = 300
_LEAST_HIDDEN = 5
_ORDERS_GIVEN = (1, 3, 10, None)  # latest orders known to the service
_NEVER = -1.0  # the score of hidden items


@dataclass(frozen=True, slots=True)
class KnownPurchases:
    """A customer's latest purchases, each item once, the latest first.

    `bought` is every item that the customer ever bought. `discover` must find new items, so lists
    are not measured by any of these.
    """

    items: Rows
    ages: Days
    bought: Rows


@dataclass(frozen=True, slots=True)
class WarmModel:
    """The public data that the service uses, learned without the hidden customers."""

    neighbours: NeighbourLists  # of all items
    popularity: Floats  # (items,)
    intervals: Floats | None  # (items,)

    def scores(self, given: KnownPurchases, slate: CustomerSlate) -> Floats:
        """Score every item as the service does for an unknown customer with events."""  # (items,)
        scores = self.popularity_scores(given, slate)
        counted, weights = self.votes(given)
        if len(counted.items):
            scores[counted.items] += counted.sums * (top_share(weights) / counted.sums[0])
        if RULES[slate].shows is not Shows.UNSEEN:
            rests = _on_cooldown(given, self.intervals)
            due = given.items[~rests]
            scores[due] += 1 / np.log2(np.arange(len(due)) + 2)
            scores[given.items[rests]] = _NEVER
        else:
            scores[given.bought] = _NEVER
        return scores

    def popularity_scores(self, given: KnownPurchases, slate: CustomerSlate) -> Floats:
        """Score by popularity, below any vote."""  # (items,)
        scores = (1e-6 * self.popularity / max(float(self.popularity.max()), 1e-9)).astype(
            np.float32
        )
        if RULES[slate].shows is Shows.UNSEEN:
            scores[given.bought] = _NEVER
        return scores

    def votes(self, given: KnownPurchases) -> tuple[VoteTally, Floats]:
        """Return the votes of the latest items, and the weight of each item."""
        voters = given.items[:MAX_RECENT_VOTERS]
        weights = np.array(
            [
                weight(RecentKind.PURCHASE, age * SECONDS_PER_DAY)
                for age in given.ages[:MAX_RECENT_VOTERS]
            ]
        )
        near = self.neighbours.columns[voters][:, :NEIGHBOURS_PER_VOTER]
        place, column = (near != NOTHING).nonzero()
        items = near[place, column]
        closeness = self.neighbours.scores[voters][place, column]
        appeal = appeal_of(self.popularity)[items]
        return tally(items, weights[place] * closeness * appeal, place), weights


def _on_cooldown(given: KnownPurchases, intervals: Floats | None) -> Flags:
    """Mark the items that were bought too recently to be shown again."""
    if intervals is None:
        return np.asarray(given.ages < COOLDOWN_SHARE * DEFAULT_INTERVAL_DAYS)
    return ~(given.ages >= COOLDOWN_SHARE * intervals[given.items])  # NaN: no repeat purchases


def measure_warm_start(
    history: History,
    ground_truths: GroundTruths,
    settings: TrainingSettings,
    known: Mapping[CustomerSlate, Mapping[int, float]] | None = None,
) -> tuple[WarmStart, ...]:
    """Hide some customers and measure; `known` is the published model's NDCG by slate and
    customer.
    """
    candidates = customers_to_predict(ground_truths)
    count = min(int(len(candidates) * _HIDDEN_SHARE), _MOST_HIDDEN)
    if count < _LEAST_HIDDEN:
        return ()
    rng = np.random.default_rng(settings.seed)
    hidden = np.sort(rng.choice(candidates, count, replace=False))
    model = warm_model(history.without(hidden), settings)
    scores = live_scores(history.without(hidden), settings)
    slates = sorted(TOPPED_UP, key=lambda slate: RULES[slate].shows is not Shows.UNSEEN)
    return tuple(
        WarmStart(
            slate=str(slate),
            customers=count,
            paths=tuple(
                _measured(model, scores, history, ground_truths[slate], hidden, slate, orders)
                for orders in _ORDERS_GIVEN
            ),
            known=_mean_known(known[slate], hidden) if known else None,
        )
        for slate in slates
    )


def warm_model(history: History, settings: TrainingSettings) -> WarmModel:
    training_data = training_data_of(history)
    lists = similar_lists(training_data, settings).lists.among(
        training_data.head, history.items_total
    )
    popularity = recent_orders(history) * has_enough_buyers(training_data, settings.k_anonymity)
    return WarmModel(lists, popularity, median_intervals(history, training_data.customer_items))


@dataclass(frozen=True, slots=True)
class LiveScores:
    """The arrays that the service ranks a purchase history with, for its own kernel."""

    arrays: HistoryArrays
    intervals: Floats  # (items,)
    popular: Rows

    def best(self, told: ToldPurchases, slate: CustomerSlate) -> Rows:
        """Return the first MAIN_K items; for new items, none that was ever bought."""
        is_unseen = RULES[slate].shows is Shows.UNSEEN
        items, _, _ = fold_in.run(
            told.rows.astype(np.int64),
            told.times.astype(np.int64),
            told.ages.astype(np.float64),
            self.arrays,
            self.intervals,
            self.popular,
            not is_unseen,
            True,
            MAIN_K + (len(told.bought) if is_unseen else 0),
        )
        found = items[~np.isin(items, told.bought)] if is_unseen else items
        padded = np.full(MAIN_K, NOTHING)
        padded[: min(MAIN_K, len(found))] = found[:MAIN_K]
        return padded


def live_scores(history: History, settings: TrainingSettings) -> LiveScores | None:
    """Learn the scores from a history; None with too little to learn from."""
    horizon_days = window_days(history, settings.horizon_days)
    k, ridge = settings.k_anonymity, settings.constants.ease_penalty
    found = fit_history_scores(history, horizon_days, k, ridge, settings.seed)
    if found is None:
        return None
    training_data = training_data_of(history)
    lists = found.weights
    days = median_intervals(history, training_data.customer_items)
    counts = recent_orders(history)
    return LiveScores(
        in_columns(
            lists.offsets.astype(np.int64),
            lists.items.astype(np.int32),
            lists.scores.astype(np.float32),
            found.own,
            found.new,
            found.coefficients,
        ),
        np.zeros(0, np.float32) if days is None else days.astype(np.float32),
        popular(counts, has_enough_buyers(training_data, k)).items.astype(np.int32),
    )


def _measured(
    model: WarmModel,
    live: LiveScores | None,
    history: History,
    ground_truth: GroundTruth,
    hidden: Rows,
    slate: CustomerSlate,
    orders: int | None,
) -> WarmPath:
    """Measure the service's lists against its popular list."""
    lists: dict[str, list[Rows]] = {"neighbours": [], "popularity": []}
    told = told_purchases(history, hidden, orders)
    for given, purchases in zip(_latest(history, hidden, orders), told, strict=True):
        popularity = model.popularity_scores(given, slate)
        lists["popularity"].append(_best(popularity))
        lists["neighbours"].append(
            _best(model.scores(given, slate)) if live is None else live.best(purchases, slate)
        )
    return WarmPath(
        orders,
        _mean_ndcg(lists["neighbours"], ground_truth, hidden),
        _mean_ndcg(lists["popularity"], ground_truth, hidden),
    )


def _best(scores: Floats) -> Rows:
    return np.asarray(best_columns(scores[None, :], None, MAIN_K).columns[0])


def _latest(history: History, customers: Rows, orders: int | None) -> Iterator[KnownPurchases]:
    """Yield the events that the service would keep of each customer's latest orders."""
    order_ages = history.order_ages()
    ages = history.ages()
    starts = np.searchsorted(history.customers, customers)
    ends = np.searchsorted(history.customers, customers + 1)
    for start, end in zip(starts, ends, strict=True):
        lines = np.arange(start, end)[::-1]
        bought = np.unique(history.items[lines])
        if orders is not None:
            lines = lines[order_ages[lines] < orders]
        lines = lines[:MAX_EVENTS]
        _, first = np.unique(history.items[lines], return_index=True)
        lines = lines[np.sort(first)]
        yield KnownPurchases(history.items[lines], ages[lines], bought)


def _mean_ndcg(lists: list[Rows], ground_truth: GroundTruth, customers: Rows) -> Mean:
    """Return the mean NDCG over the customers with something to find."""
    relevant = ground_truth.relevant[customers]
    some = relevant > 0
    hits = metrics.hits_of(ground_truth, customers[some], np.array(lists)[some])
    return metrics.mean_of(metrics.ndcg(hits, relevant[some], MAIN_K))


def _mean_known(ndcg: Mapping[int, float], hidden: Rows) -> Mean:
    values = [ndcg[customer] for customer in hidden.tolist() if customer in ndcg]
    return metrics.mean_of(np.array(values))
