"""Quality of the rankings for a holdout: every model, with intervals, and in slices."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.customer_items import CustomerItems
from training.dataset.ground_truth import GroundTruth, customers_to_predict
from training.dataset.history import History, Rows
from training.dataset.holdout import Holdout
from training.dataset.training_data import TrainingData
from training.evaluation.holdout_rankings import HoldoutRankings
from training.metrics import ranking_quality as metrics
from training.metrics.catalogue_quality import CatalogueFacts, catalogue_of
from training.metrics.estimates import Estimate
from training.metrics.ranking_quality import Values
from training.metrics.results import (
    MAIN_K,
    MAIN_METRIC,
    HoldoutResults,
    ModelOnHoldout,
    SlateOnHoldout,
    Slice,
)
from training.selection.model_selection import MODELS, SelectedModels

_THIRDS = (1 / 3, 2 / 3)
_HEAD_SHARE = 0.5  # of all purchases; the head is the fewest items with this share
_WINNER = "winner"


@dataclass(frozen=True, slots=True)
class HoldoutSample:
    """One slate's evaluated customers, their ground truth and the bootstrap weights."""

    ground_truth: GroundTruth
    customers: Rows
    rows: Rows  # of the customers in the rankings
    weights: NDArray[np.float32] | None

    def hits(self, ranked: Rows) -> NDArray[np.bool_]:
        return metrics.hits_of(self.ground_truth, self.customers, ranked[self.rows])

    def ndcg(self, ranked: Rows) -> Values:
        relevant = self.ground_truth.relevant[self.customers]
        return metrics.ndcg(self.hits(ranked), relevant, MAIN_K)

    def only(self, chosen: NDArray[np.bool_], seed: int) -> "HoldoutSample":
        return holdout_sample(self.ground_truth, self.customers[chosen], self.rows[chosen], seed)


def holdout_sample(
    ground_truth: GroundTruth, customers: Rows, rows: Rows, seed: int
) -> HoldoutSample:
    weights = metrics.resamples(len(customers), np.random.default_rng(seed))
    return HoldoutSample(ground_truth, customers, rows, weights)


def measure(
    selected: SelectedModels, rankings: HoldoutRankings, holdout: Holdout, seed: int
) -> HoldoutResults:
    customer_items = selected.cutoff.base_models.training_data.customer_items
    ground_truths = holdout.ground_truths(customer_items)
    catalogue = catalogue_of(customer_items)
    slates = {
        str(slate): _measure_slate(selected, rankings, slate, ground_truths[slate], catalogue, seed)
        for slate in CustomerSlate
    }
    return HoldoutResults(
        given=holdout.given,
        start=holdout.start,
        end=holdout.end,
        customers=len(customers_to_predict(ground_truths)),
        customers_unknown=len(holdout.unknown_customers),
        lines=len(holdout.customers),
        lines_unknown=holdout.lines_unknown(customer_items),
        slates=slates,
    )


def _measure_slate(
    selected: SelectedModels,
    rankings: HoldoutRankings,
    slate: CustomerSlate,
    ground_truth: GroundTruth,
    catalogue: CatalogueFacts,
    seed: int,
) -> SlateOnHoldout:
    judged = rankings.customers[ground_truth.relevant[rankings.customers] > 0]
    sample = holdout_sample(ground_truth, judged, np.searchsorted(rankings.customers, judged), seed)
    lists = {name: items.astype(np.int64) for name, items in rankings.base_models[slate].items()}
    winner = rankings.published[slate].items
    models = list(_models_of(selected.choices[slate].winner, winner, lists, sample, catalogue))
    training_data = selected.cutoff.base_models.training_data
    return SlateOnHoldout(
        customers=len(judged),
        relevant_per_customer=len(ground_truth.keys) / max(len(judged), 1),
        candidate_recall=float(np.isin(ground_truth.keys, rankings.candidates).mean())
        if len(ground_truth.keys)
        else float("nan"),
        truth_popularity=float(catalogue.percentiles[ground_truth.items].mean())
        if len(ground_truth.keys)
        else float("nan"),
        models=tuple(sorted(models, key=lambda found: -found.metrics[MAIN_METRIC].mean)),
        slices=tuple(slices_of({_WINNER: winner, **lists}, sample, training_data, seed))
        if len(judged)
        else (),
    )


def _models_of(
    name: str,
    winner: Rows,
    lists: dict[str, Rows],
    sample: HoldoutSample,
    catalogue: CatalogueFacts,
) -> Iterator[ModelOnHoldout]:
    """Measure the published model and every base model."""
    if not len(sample.customers):
        return
    published = sample.ndcg(winner)
    yield _on_holdout(name, winner, sample, catalogue, None)
    for other, ranked in lists.items():
        if other != name:
            yield _on_holdout(other, ranked, sample, catalogue, published)


def _on_holdout(
    name: str,
    ranked: Rows,
    sample: HoldoutSample,
    catalogue: CatalogueFacts,
    published: Values | None,
) -> ModelOnHoldout:
    relevant = sample.ground_truth.relevant[sample.customers]
    found = metrics.every_metric(sample.hits(ranked), relevant)
    exposure = catalogue.exposure(ranked[sample.rows])
    versus: Estimate | None = None
    if published is not None:
        versus = metrics.estimate(found[MAIN_METRIC] - published, sample.weights)
    return ModelOnHoldout(
        model=MODELS[name],
        metrics={key: metrics.estimate(values, sample.weights) for key, values in found.items()},
        versus_winner=versus,
        coverage=exposure.coverage,
        novelty=exposure.novelty,
        popularity_bias=exposure.popularity_bias,
        diversity=exposure.diversity,
    )


def slices_of(
    lists: dict[str, Rows], sample: HoldoutSample, training_data: TrainingData, seed: int
) -> Iterator[Slice]:
    for name, chosen in _by_orders(sample, _orders_by_customer(training_data.history)):
        yield _one_slice("customers by orders", name, lists, sample.only(chosen, seed))
    head = head_items(training_data.customer_items)
    for name, items in (("head", head), ("tail", ~head)):
        ground_truth = sample.ground_truth.only(items)
        some = ground_truth.relevant[sample.customers] > 0
        part = holdout_sample(ground_truth, sample.customers[some], sample.rows[some], seed)
        yield _one_slice("items by popularity", name, lists, part)


def _one_slice(of: str, name: str, lists: dict[str, Rows], sample: HoldoutSample) -> Slice:
    models = {
        model: metrics.estimate(sample.ndcg(ranked), sample.weights)
        for model, ranked in lists.items()
    }
    return Slice(of, name, len(sample.customers), models)


def _by_orders(sample: HoldoutSample, orders: Rows) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Split the customers into thirds by their number of orders."""
    count = orders[sample.customers]
    few, many = np.quantile(count, _THIRDS)
    yield "few", count <= few
    yield "some", (count > few) & (count <= many)
    yield "many", count > many


def head_items(customer_items: CustomerItems) -> NDArray[np.bool_]:
    """Mark the fewest items that make up half of all purchases."""
    counts = np.bincount(customer_items.items, customer_items.counts, customer_items.items_total)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(customer_items.items_total, dtype=bool)
    head[order[before < _HEAD_SHARE * counts.sum()]] = True
    return head


def _orders_by_customer(history: History) -> Rows:
    _, first = np.unique(history.orders, return_index=True)
    return np.bincount(history.customers[first], minlength=history.customers_total)
