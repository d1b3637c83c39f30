"""Quality for new customers: some are hidden in training, and their purchases given as events.

This measures customers whose first purchases come after training. The rule and its constants are
those of the service; only public data of items is used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

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
from training.lists.history_scores import FactsOfHistories, fit_history_scores, hidden_customers
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

_LEAST_HIDDEN = 5
_ORDERS_GIVEN = (1, 3, 10, None)  # latest orders known to the service
_NEVER = -1.0  # the score of hidden items

Given = TypeVar("Given")


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

    @property
    def popular(self) -> Rows:
        return np.asarray(popular(self.popularity, self.popularity > 0).items)

    def given(
        self, history: History, customers: Rows, orders: int | None
    ) -> Iterator[KnownPurchases]:
        return _latest(history, customers, orders)

    def best(self, given: KnownPurchases, slate: CustomerSlate) -> Rows:
        return np.asarray(best_columns(self.scores(given, slate)[None, :], None, MAIN_K).columns[0])

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
    facts: FactsOfHistories | None = None,
) -> tuple[WarmStart, ...]:
    """Hide some customers and measure; `known` is the published model's NDCG by slate and
    customer. `facts`: those that learning fitted, to use them again.
    """
    hidden = hidden_customers(customers_to_predict(ground_truths), settings.seed)
    if len(hidden) < _LEAST_HIDDEN:
        return ()
    facts = facts or FactsOfHistories(settings.k_anonymity, settings.constants.ease_penalty)
    model: _Ranker[Any] = live_scores(history, settings, hidden, facts) or warm_model(
        history.without(hidden), settings
    )
    given = {orders: list(model.given(history, hidden, orders)) for orders in _ORDERS_GIVEN}
    slates = sorted(TOPPED_UP, key=lambda slate: RULES[slate].shows is not Shows.UNSEEN)
    found = []
    for slate in slates:
        ndcg = partial(_mean_ndcg, ground_truth=ground_truths[slate], customers=hidden)
        popularity = ndcg([_most_popular(model, each.bought, slate) for each in given[None]])
        paths = tuple(
            WarmPath(orders, ndcg([model.best(each, slate) for each in some]), popularity)
            for orders, some in given.items()
        )
        published = _mean_known(known[slate], hidden) if known else None
        found.append(WarmStart(str(slate), len(hidden), paths, published))
    return tuple(found)


def warm_model(history: History, settings: TrainingSettings) -> WarmModel:
    training_data = training_data_of(history)
    lists = similar_lists(training_data, settings).lists.among(
        training_data.head, history.items_total
    )
    popularity = recent_orders(history) * has_enough_buyers(training_data, settings.k_anonymity)
    return WarmModel(lists, popularity, median_intervals(history, training_data.customer_items))


class _Ranker(Protocol[Given]):
    """A way to rank items for a customer outside the model."""

    @property
    def popular(self) -> Rows: ...

    def given(self, history: History, customers: Rows, orders: int | None) -> Iterator[Given]:
        """Yield the purchases that the service would know of each customer."""
        ...

    def best(self, given: Given, slate: CustomerSlate) -> Rows:
        """Return the first MAIN_K items, NOTHING behind them."""
        ...


@dataclass(frozen=True, slots=True)
class LiveScores:
    """The arrays that the service ranks a purchase history with, for its own kernel."""

    arrays: HistoryArrays
    intervals: Floats  # (items,)
    popular: Rows

    def given(
        self, history: History, customers: Rows, orders: int | None
    ) -> Iterator[ToldPurchases]:
        return told_purchases(history, customers, orders)

    def best(self, given: ToldPurchases, slate: CustomerSlate) -> Rows:
        """Return the first MAIN_K items; for new items, none that was ever bought."""
        is_unseen = RULES[slate].shows is Shows.UNSEEN
        items, _, _ = fold_in.run(
            given.rows.astype(np.int64),
            given.times.astype(np.int64),
            given.ages.astype(np.float64),
            self.arrays,
            self.intervals,
            self.popular,
            not is_unseen,
            True,
            MAIN_K + (len(given.bought) if is_unseen else 0),
        )
        return _first(items[~np.isin(items, given.bought)] if is_unseen else items)


def live_scores(
    history: History, settings: TrainingSettings, hidden: Rows, facts: FactsOfHistories
) -> LiveScores | None:
    """Learn the scores from a history without the hidden customers; None with too little to learn
    from.
    """
    horizon_days = window_days(history, settings.horizon_days)
    found = fit_history_scores(history, horizon_days, facts, settings.seed, hidden)
    if found is None:
        return None
    training_data = training_data_of(history.without(hidden))
    lists = found.weights
    days = median_intervals(training_data.history, training_data.customer_items)
    counts = recent_orders(training_data.history)
    shown = has_enough_buyers(training_data, settings.k_anonymity)
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
        popular(counts, shown).items.astype(np.int32),
    )


def _most_popular(model: _Ranker[Any], bought: Rows, slate: CustomerSlate) -> Rows:
    """Return the popular list of a slate for a customer without other data."""
    if RULES[slate].shows is not Shows.UNSEEN:
        return _first(model.popular)
    some = model.popular[: MAIN_K + len(bought)]
    return _first(some[~np.isin(some, bought)])


def _first(items: Rows) -> Rows:
    """Return MAIN_K places; NOTHING fills a short list."""
    places = np.full(MAIN_K, NOTHING)
    places[: min(MAIN_K, len(items))] = items[:MAIN_K]
    return places


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
