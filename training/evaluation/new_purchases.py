"""The share of purchases since the end of the data, for customers whom the model knows.

The newest evaluated window is split: the purchases of its first days are told, the rest is to be
predicted. One half of the customers chooses the share, the other half judges it. The lists are
those of the service: its kernels rank.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.model.artifact.artifact import HistoryScores
from recsvc.model.kernels.kernels import PURCHASES_SHARE, fold_in
from recsvc.model.ranking.purchase_ranking import MOST_RAISED, raised_list
from recsvc.model.registry.candidates import Candidates
from training.dataset.customer_items import CustomerItems, customer_items_of
from training.dataset.ground_truth import GroundTruth
from training.dataset.history import Days, History, Rows
from training.dataset.segments import NOTHING
from training.dataset.slate_rules import RULES, Shows
from training.dataset.windows import Window, sampled
from training.evaluation.warm_start import LiveScores
from training.metrics import ranking_quality as metrics
from training.metrics.new_purchases_results import JudgedPurchases, NewPurchasesPath
from training.metrics.ranking_quality import Values
from training.metrics.results import MAIN_K
from training.selection.backtest import WindowResult

SHARES = (0.0, 0.2, 0.35, 0.5, 0.7, 1.0)  # 0: the lists alone
_TOLD = (1 / 14, 1 / 4, 1 / 2)  # of the window
_LEAST_JUDGED = 30  # customers of one half
_MOST_JUDGED = 1000  # customers of a slate

Winners = Mapping[CustomerSlate, str]


def measure_new_purchases(
    history: History, result: WindowResult, winners: Winners, scores: LiveScores, seed: int
) -> JudgedPurchases | None:
    """Choose and judge the share on an evaluated window; None with too few customers."""
    measured: dict[CustomerSlate, list[_JudgedShares]] = {}
    for part in _TOLD:
        told = _ToldDays.of(history, result.window, part)
        for slate, lists in result.lists.items():
            customers = result.judged_customers[slate]
            found = told.measure(slate, customers, lists[winners[slate]], scores, seed)
            if found is not None:
                measured.setdefault(slate, []).append(found)
    if not measured:
        return None
    share = _chosen_share([each for found in measured.values() for each in found])
    paths = {
        str(slate): tuple(each.path(share) for each in found) for slate, found in measured.items()
    }
    return JudgedPurchases(SHARES[share], paths)


def with_share(scores: HistoryScores | None, found: JudgedPurchases | None) -> HistoryScores | None:
    """Write the judged share of new purchases into the coefficients."""
    if scores is None or found is None:
        return scores
    coefficients = scores.coefficients.copy()
    coefficients[PURCHASES_SHARE] = found.share
    return replace(scores, coefficients=coefficients)


@dataclass(frozen=True, slots=True)
class _JudgedShares:
    """NDCG of each customer with each share."""

    days: float
    ndcg: Values  # (customers, shares)

    def path(self, share: int) -> NewPurchasesPath:
        trained, told = self.ndcg[1::2, 0], self.ndcg[1::2, share]
        means = (metrics.mean_of(values) for values in (trained, told, told - trained))
        return NewPurchasesPath(self.days, *means)


def _chosen_share(measured: list[_JudgedShares]) -> int:
    """Return the smallest share within one paired standard error of the best, by the half that
    chooses; NDCG of all slates and days is pooled.
    """
    ndcg = np.concatenate([each.ndcg[::2] for each in measured])
    best = int(np.argmax(ndcg.mean(axis=0)))
    losses = [metrics.mean_of(ndcg[:, best] - ndcg[:, share]) for share in range(best)]
    return next((at for at, loss in enumerate(losses) if loss.mean <= loss.error), best)


@dataclass(frozen=True, slots=True)
class _ToldDays:
    """The purchases of the first days of a window, and what is to be predicted after them."""

    days: float
    bought: CustomerItems  # those told
    ages: Days  # (bought,) days since the last purchase
    ever: CustomerItems
    ground_truths: Mapping[CustomerSlate, GroundTruth]

    @classmethod
    def of(cls, history: History, window: Window, part: float) -> "_ToldDays":
        days = (window.end - window.start) * part
        rest = Window(window.start + days, window.end)
        told = history.between(window.start, rest.start)
        bought = customer_items_of(told)
        return cls(
            days,
            bought,
            told.ages()[bought.last_lines],
            customer_items_of(rest.known(history)),
            rest.ground_truths(history),
        )

    def measure(
        self, slate: CustomerSlate, customers: Rows, lists: Rows, scores: LiveScores, seed: int
    ) -> _JudgedShares | None:
        """Measure customers who bought in the first days; None if there are too few."""
        truth = self.ground_truths[slate]
        judged = customers[
            (truth.relevant[customers] > 0) & np.isin(customers, self.bought.customers)
        ]
        judged = sampled(judged, _MOST_JUDGED, np.random.default_rng(seed))
        if len(judged) < 2 * _LEAST_JUDGED:
            return None
        ranked = np.full((len(SHARES), len(judged), MAIN_K), NOTHING)
        for place, row in enumerate(np.searchsorted(customers, judged).tolist()):
            self._rank(slate, int(judged[place]), lists[row], scores, ranked[:, place])
        relevant = truth.relevant[judged]
        ndcg = [
            metrics.ndcg(metrics.hits_of(truth, judged, items), relevant, MAIN_K)
            for items in ranked
        ]
        return _JudgedShares(self.days, np.column_stack(ndcg))

    def _rank(
        self, slate: CustomerSlate, customer: int, listed: Rows, scores: LiveScores, ranked: Rows
    ) -> None:
        """Fill in the customer's first items with each share."""
        shows = RULES[slate].shows
        at = self.bought.places_of(np.array([customer]))
        at = at[np.argsort(self.ages[at], kind="stable")]
        rows = self.bought.items[at].astype(np.int64)
        items, chances, _ = fold_in.run(
            rows,
            np.ones(len(rows), np.int64),
            self.ages[at].astype(np.float64),
            scores.arrays,
            scores.intervals,
            scores.popular,
            shows is not Shows.UNSEEN,
            shows is not Shows.OWNED,
            MOST_RAISED,
        )
        own = listed[listed != NOTHING].astype(np.int32)
        raised = _candidates(items, chances)
        for place, share in enumerate(SHARES):
            best = own if not share else raised_list(_candidates(own), raised, share).items
            if shows is Shows.UNSEEN:
                known = self.ever.find(np.full(len(best), customer), best.astype(np.int64))
                best = best[known < 0]
            best = best[:MAIN_K]
            ranked[place, : len(best)] = best


def _candidates(items: Rows, scores: Values | None = None) -> Candidates:
    """Return a list without reasons."""
    worths = np.zeros(len(items)) if scores is None else scores
    return Candidates(
        items.astype(np.int32), worths.astype(np.float32), np.zeros(len(items), np.uint8)
    )
