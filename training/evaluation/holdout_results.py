"""How good the rankings for a holdout were: every model, with intervals, in slices."""

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
from training.metrics.ranking_quality import Values
from training.metrics.results import (
    MAIN_CUTOFF,
    MAIN_METRIC,
    Estimate,
    ModelOnHoldout,
    SlateOnHoldout,
    Slice,
)
from training.metrics.results import HoldoutResults as HoldoutFindings
from training.selection.model_selection import MODELS, SelectedModels

_THIRDS = (1 / 3, 2 / 3)
_HEAD_SHARE = 0.5  # of all purchases: the head is the fewest items that make it up
_WINNER = "winner"


@dataclass(frozen=True, slots=True)
class HoldoutSample:
    """One slate's judged customers, their truth and how the mean's interval is drawn."""

    truth: GroundTruth
    customers: Rows
    rows: Rows  # of the customers in the rankings
    weights: NDArray[np.float32] | None

    def hits(self, ranked: Rows) -> NDArray[np.bool_]:
        return metrics.hits_of(self.truth, self.customers, ranked[self.rows])

    def ndcg(self, ranked: Rows) -> Values:
        relevant = self.truth.relevant[self.customers]
        return metrics.ndcg(self.hits(ranked), relevant, MAIN_CUTOFF)

    def only(self, chosen: NDArray[np.bool_], seed: int) -> "HoldoutSample":
        return bench_of(self.truth, self.customers[chosen], self.rows[chosen], seed)


def bench_of(truth: GroundTruth, customers: Rows, rows: Rows, seed: int) -> HoldoutSample:
    weights = metrics.resamples(len(customers), np.random.default_rng(seed))
    return HoldoutSample(truth, customers, rows, weights)


def measure(
    knowledge: SelectedModels, rankings: HoldoutRankings, holdout: Holdout, seed: int
) -> HoldoutFindings:
    pairs = knowledge.scene.line_up.past.pairs
    truths = holdout.truths(pairs)
    catalogue = catalogue_of(pairs)
    slates = {
        str(slate): _measure_slate(knowledge, rankings, slate, truths[slate], catalogue, seed)
        for slate in CustomerSlate
    }
    return HoldoutFindings(
        given=holdout.given,
        start=holdout.start,
        end=holdout.end,
        customers=len(customers_to_predict(truths)),
        customers_unknown=len(holdout.strangers),
        lines=len(holdout.customers),
        lines_unknown=holdout.lines_unknown(pairs),
        slates=slates,
    )


def _measure_slate(
    knowledge: SelectedModels,
    rankings: HoldoutRankings,
    slate: CustomerSlate,
    truth: GroundTruth,
    catalogue: CatalogueFacts,
    seed: int,
) -> SlateOnHoldout:
    judged = rankings.customers[truth.relevant[rankings.customers] > 0]
    bench = bench_of(truth, judged, np.searchsorted(rankings.customers, judged), seed)
    lists = {name: items.astype(np.int64) for name, items in rankings.simple[slate].items()}
    winner = rankings.published[slate].items
    models = list(_models_of(knowledge.choices[slate].winner, winner, lists, bench, catalogue))
    past = knowledge.scene.line_up.past
    return SlateOnHoldout(
        customers=len(judged),
        relevant_per_customer=len(truth.keys) / max(len(judged), 1),
        candidate_recall=float(np.isin(truth.keys, rankings.candidates).mean())
        if len(truth.keys)
        else float("nan"),
        truth_popularity=float(catalogue.percentiles[truth.items].mean())
        if len(truth.keys)
        else float("nan"),
        models=tuple(sorted(models, key=lambda found: -found.metrics[MAIN_METRIC].mean)),
        slices=tuple(slices_of({_WINNER: winner, **lists}, bench, past, seed))
        if len(judged)
        else (),
    )


def _models_of(
    name: str, winner: Rows, lists: dict[str, Rows], bench: HoldoutSample, catalogue: CatalogueFacts
) -> Iterator[ModelOnHoldout]:
    """Measure the published model and every simple one."""
    if not len(bench.customers):
        return
    published = bench.ndcg(winner)
    yield _on_holdout(name, winner, bench, catalogue, None)
    for other, ranked in lists.items():
        if other != name:
            yield _on_holdout(other, ranked, bench, catalogue, published)


def _on_holdout(
    name: str,
    ranked: Rows,
    bench: HoldoutSample,
    catalogue: CatalogueFacts,
    published: Values | None,
) -> ModelOnHoldout:
    relevant = bench.truth.relevant[bench.customers]
    found = metrics.every_metric(bench.hits(ranked), relevant)
    exposure = catalogue.exposure(ranked[bench.rows])
    versus: Estimate | None = None
    if published is not None:
        versus = metrics.estimate(found[MAIN_METRIC] - published, bench.weights)
    return ModelOnHoldout(
        model=MODELS[name],
        metrics={key: metrics.estimate(values, bench.weights) for key, values in found.items()},
        versus_winner=versus,
        coverage=exposure.coverage,
        novelty=exposure.novelty,
        popularity_bias=exposure.popularity_bias,
        diversity=exposure.diversity,
    )


def slices_of(
    lists: dict[str, Rows], bench: HoldoutSample, past: TrainingData, seed: int
) -> Iterator[Slice]:
    for name, chosen in _by_orders(bench, _orders_by_customer(past.history)):
        yield _one_slice("customers by orders", name, lists, bench.only(chosen, seed))
    head = head_items(past.pairs)
    for name, items in (("head", head), ("tail", ~head)):
        truth = bench.truth.only(items)
        some = truth.relevant[bench.customers] > 0
        part = bench_of(truth, bench.customers[some], bench.rows[some], seed)
        yield _one_slice("items by popularity", name, lists, part)


def _one_slice(of: str, name: str, lists: dict[str, Rows], bench: HoldoutSample) -> Slice:
    models = {
        model: metrics.estimate(bench.ndcg(ranked), bench.weights)
        for model, ranked in lists.items()
    }
    return Slice(of, name, len(bench.customers), models)


def _by_orders(bench: HoldoutSample, orders: Rows) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Split the customers into thirds by how many orders they had placed."""
    count = orders[bench.customers]
    few, many = np.quantile(count, _THIRDS)
    yield "few", count <= few
    yield "some", (count > few) & (count <= many)
    yield "many", count > many


def head_items(pairs: CustomerItems) -> NDArray[np.bool_]:
    """Mark the fewest items that make up half of all purchases."""
    counts = np.bincount(pairs.items, pairs.counts, pairs.items_total)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(pairs.items_total, dtype=bool)
    head[order[before < _HEAD_SHARE * counts.sum()]] = True
    return head


def _orders_by_customer(history: History) -> Rows:
    _, first = np.unique(history.orders, return_index=True)
    return np.bincount(history.customers[first], minlength=history.customers_total)
