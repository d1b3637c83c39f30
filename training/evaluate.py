"""How good each recommender is on purchases that it has not seen: full ranking, per slate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsvc.domain.slates import CustomerSlate
from training.interactions import Rows
from training.line_up import BASELINE, COMPETING, LineUp
from training.metrics import Judgement, Values, hits_of, judge, mean_and_error
from training.progress import Progress
from training.ranking import best, shown_by
from training.recommenders.protocol import blocks
from training.windows import Window

CUTOFF = 10
MAX_JUDGED = 20_000  # customers: more would tell nothing new
EVERYBODY = frozenset(name for names in COMPETING.values() for name in names)

Judged = Mapping[CustomerSlate, Mapping[str, Judgement]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the customers with something to find; differences are of the same customers."""

    ndcg: float
    ndcg_error: float
    recall: float
    hit_rate: float
    ndcg_over_popularity: float
    ndcg_over_popularity_error: float
    customers: int


def judge_line_up(line_up: LineUp, window: Window, progress: Progress) -> Judged:
    """Judge every competing recommender of every slate, customer by customer."""
    truths = truth_by_slate(window, line_up.history)
    found: dict[CustomerSlate, dict[str, list[Judgement]]] = {
        slate: {name: [] for name in names} for slate, names in COMPETING.items()
    }
    customers = judged_customers(window.truth)
    for block in progress.over(
        "Judging on held-out purchases", blocks(customers, window.truth.shape[1])
    ):
        own = line_up.own(block)
        scores = line_up.scores(EVERYBODY, block, own)
        for slate, names in COMPETING.items():
            truth = truths[slate][block]
            for name in names:
                top = best(scores[name], shown_by(slate, own), CUTOFF)
                hits = hits_of(padded(top.items), truth)
                found[slate][name].append(judge(hits, np.diff(truth.indptr)))
    return {
        slate: {name: joined(parts) for name, parts in by_name.items()}
        for slate, by_name in found.items()
    }


def truth_by_slate(
    window: Window, history: sparse.csr_array
) -> Mapping[CustomerSlate, sparse.csr_array]:
    """Everything bought counts for `for_you`, only new items for `discover`, only repeats for
    `buy_again`.
    """
    repeats = sparse.csr_array(window.truth.multiply(history > 0))
    new = sparse.csr_array(window.truth - repeats)
    for truth in (repeats, new):
        truth.eliminate_zeros()
        truth.sort_indices()
    return {
        CustomerSlate.FOR_YOU: window.truth,
        CustomerSlate.DISCOVER: new,
        CustomerSlate.BUY_AGAIN: repeats,
    }


def judged_customers(truth: sparse.csr_array) -> Rows:
    """Return the customers with something to find, evenly thinned when there are very many."""
    rows = np.flatnonzero(np.diff(truth.indptr)).astype(np.int32)
    step = -(-len(rows) // MAX_JUDGED) if len(rows) else 1
    return rows[::step]


def padded(items: Rows) -> Rows:
    """Fill lists up to the cutoff with −1, for a shop of fewer items."""
    missing = CUTOFF - items.shape[1]
    return np.pad(items, ((0, 0), (0, missing)), constant_values=-1) if missing else items


def joined(parts: Iterable[Judgement]) -> Judgement:
    parts = list(parts)
    return Judgement(
        ndcg=np.concatenate([part.ndcg for part in parts]),
        recall=np.concatenate([part.recall for part in parts]),
        hit=np.concatenate([part.hit for part in parts]),
    )


def figures(judged: Mapping[str, Judgement]) -> dict[str, Figures]:
    """Sum up one slate, best first."""
    rows = {
        name: figures_of(judgement, judged[BASELINE].ndcg) for name, judgement in judged.items()
    }
    return dict(sorted(rows.items(), key=lambda row: -np.nan_to_num(row[1].ndcg, nan=-1.0)))


def figures_of(judgement: Judgement, baseline: Values) -> Figures:
    ndcg, error = mean_and_error(judgement.ndcg)
    over, over_error = mean_and_error(judgement.ndcg - baseline)
    return Figures(
        ndcg=ndcg,
        ndcg_error=error,
        recall=mean_and_error(judgement.recall)[0],
        hit_rate=mean_and_error(judgement.hit)[0],
        ndcg_over_popularity=over,
        ndcg_over_popularity_error=over_error,
        customers=int((~np.isnan(judgement.ndcg)).sum()),
    )
