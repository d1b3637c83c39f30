"""Results of a training or evaluation as plain values, for manifest, metrics.json and report.

`as_json` gives the written shape: each class is an object with its fields' names, a tuple is a
list, a missing value is null. Means are over customers with a relevant item; `error` is the
standard error of the mean; differences are paired by customer. Results contain no customer ids
and, apart from a timed search for settings, are equal for equal rows.

Results
├── data          DataSummary: the training data
├── windows       past windows, newest first: models compared, or training only
├── slates        by slate ("for_you", "discover", "buy_again")
│   ├── choice        the published model, and the reason as text
│   ├── models        every model on every compared window, best first
│   └── importances   features of the published ranker (empty when it is no ranker)
├── switched_off  features that the data does not allow, with the reason as text
├── reasons       by slate: number of listed items per reason (`run` only)
├── anonymity     items and pairs below the k-anonymity threshold (`run` only)
├── item_slates   lists of items ("similar", "bought_together"): see item_slate_results
├── popular       the list for all visitors, as ranked and as served
├── warm_start    customers left out of training: see warm_start_results
├── new_purchases  customers of the model, purchases since: see new_purchases_results
├── holdout       `evaluate` only: purchases that no model was trained on
├── constants     constants of the base models, searched on the newest past window
└── tuning        the search for settings; left out if there was none
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import msgspec

from training.metrics.estimates import Estimate, Mean
from training.metrics.item_slate_results import ItemSlateResults
from training.metrics.model import Model
from training.metrics.new_purchases_results import JudgedPurchases
from training.metrics.search_results import SearchedConstant, Tuning
from training.metrics.warm_start_results import WarmStart

METRIC_KS = (5, 10, 20)
MAIN_K = 10
MAIN_METRIC = f"ndcg@{MAIN_K}"
METRICS = tuple(f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate", "mrr") for k in METRIC_KS)


@dataclass(frozen=True, slots=True)
class DataSummary:
    """`first` and `last` are RFC 3339, or null without timestamps. Shares are in [0, 1]."""

    customers: int
    items: int
    orders: int
    lines: int
    first: str | None
    last: str | None
    repeat_share: float  # of lines whose customer had bought the item before
    orders_per_customer: float  # mean
    categories: int
    horizon_days: float
    seed: int


@dataclass(frozen=True, slots=True)
class LearningWindow:
    """One past window. `start` and `end` are dates, or shares such as "62.5 %" without timestamps.

    `judged`: models were compared on it; otherwise rankers were only trained on it. `lines` are
    those before `start`; `customers` have a relevant item in the window.
    """

    start: str
    end: str
    judged: bool
    lines: int
    customers: int


@dataclass(frozen=True, slots=True)
class ModelOnWindows:
    """`windows` has the order of the judged Results.windows; null where it was not fitted.

    `relative` is the mean over windows of NDCG@10 / the best of that window. `versus_winner` is
    this model minus the published one, pooled over the windows.
    """

    model: Model
    relative: float
    windows: tuple[Mean | None, ...]
    versus_winner: Mean | None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`judged` is false if the history was too short; then the winner is the default model.

    `gain` is NDCG@10 of the best learned model minus the best base model, pooled over windows.
    """

    winner: str
    judged: bool
    reason: str
    best_simple: str | None = None
    best_learned: str | None = None
    gain: Mean | None = None


@dataclass(frozen=True, slots=True)
class Importance:
    feature: str
    group: str
    share: float  # of the total gain; all shares add up to 1


@dataclass(frozen=True, slots=True)
class SlateResults:
    choice: ModelChoice
    models: tuple[ModelOnWindows, ...] = ()
    importances: tuple[Importance, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelOnHoldout:
    """Quality of one model that ranks the whole catalogue for the customers of the holdout.

    `metrics` has every name of METRICS. `versus_winner` is this model minus the published one,
    NDCG@10 (null for the published one). The rest is about the first ten of each list: `coverage`
    is the share of the catalogue in any list; `novelty` the mean −log2(share of customers who
    bought the item); `popularity_bias` the mean popularity percentile (1 = only best sellers;
    compare the slate's `truth_popularity`); `diversity` the mean dissimilarity (1 − cosine of
    buyers) of the pairs in a list.
    """

    model: Model
    metrics: Mapping[str, Estimate]
    versus_winner: Estimate | None
    coverage: float
    novelty: float
    popularity_bias: float
    diversity: float


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the customers or items: `of` is "customers by orders" or "items by popularity"."""

    of: str
    name: str
    customers: int
    models: Mapping[str, Estimate]  # NDCG@10 by model name; the published one is "winner"


@dataclass(frozen=True, slots=True)
class SlateOnHoldout:
    """`models` are best first; SlateResults.choice.winner names the published one."""

    customers: int
    relevant_per_customer: float
    candidate_recall: float  # share of relevant items among the candidates
    truth_popularity: float
    models: tuple[ModelOnHoldout, ...]
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class HoldoutResults:
    """`given` is false for a split by time. Unknown customers and lines are not evaluated."""

    given: bool
    start: str | None
    end: str | None
    customers: int
    customers_unknown: int  # without training data
    lines: int
    lines_unknown: int  # of customers or items without training data
    slates: Mapping[str, SlateOnHoldout]


@dataclass(frozen=True, slots=True)
class PopularList:
    """NDCG@10 of `popular` for all later purchases, by customer.

    `ranked` is the list that is judged and published. `served` has at most two items of a category
    among the first five, as the service answers without `diversity`. `difference` is served minus
    ranked.
    """

    judged_on: str
    ranked: Mean
    served: Mean
    difference: Mean


@dataclass(frozen=True, slots=True)
class ReasonCounts:
    """`named_in_history` equals `named`: a reason names an item that the customer bought."""

    by_code: Mapping[str, int]
    named: int
    named_in_history: int


@dataclass(frozen=True, slots=True)
class Anonymity:
    """Items and pairs of fewer than `k` customers.

    Lists for all visitors leave out such items, and `bought_together` such pairs, counted for each
    of the two items if `k` orders hold them. `similar_pairs_by_content` are listed: the purchases
    of fewer than `k` customers play no part in their score.
    """

    k: int
    items_left_out: int
    similar_pairs_by_content: int
    together_pairs_left_out: int


@dataclass(frozen=True, slots=True)
class Results:
    judged: bool
    reason: str  # why models could not be compared, or that they were
    data: DataSummary
    windows: tuple[LearningWindow, ...]
    slates: Mapping[str, SlateResults]
    switched_off: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, ReasonCounts] = field(default_factory=dict)
    anonymity: Anonymity | None = None
    item_slates: Mapping[str, ItemSlateResults] = field(default_factory=dict)
    popular: PopularList | None = None
    warm_start: tuple[WarmStart, ...] = ()
    new_purchases: JudgedPurchases | None = None
    holdout: HoldoutResults | None = None
    tuning: Tuning | None = None
    constants: tuple[SearchedConstant, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the content of metrics.json and of the manifest's `metrics`."""
        plain: dict[str, Any] = _rounded(msgspec.to_builtins(self))
        if self.tuning is None:
            del plain["tuning"]
        return plain

    def as_bytes(self) -> bytes:
        """Return metrics.json; equal results give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self.as_json()), indent=1) + b"\n"


def _rounded(value: Any) -> Any:
    """Round to six digits after the point; convert non-finite numbers to None."""
    if isinstance(value, float):
        return round(value, 6) if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
