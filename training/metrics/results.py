"""Everything that was measured, as plain values: for the manifest, metrics.json and the report.

Touches no data and computes nothing. `as_json` gives the shape in which it is written: each class
below is an object with its fields' names, a tuple is a list, and what has no value is null. Means
are over customers with something to find; `error` is the standard error of the mean, and every
difference is of the same customers (paired). No id of a customer stands in it, and nothing that
depends on the clock but a search for settings, which ends by it: equal rows give equal findings.

Findings
├── data          DataSummary: what was learned from
├── windows       past windows, newest first: judged, or only learned from
├── slates        by slate ("for_you", "discover", "buy_again")
│   ├── choice        who is published, and the rule's reason in words
│   ├── models        every model on every judged window, best first
│   └── importances   what the published ranker looks at (empty when no ranker is published)
├── switched_off  what could not be done, and why, in words
├── reasons       by slate: how many listed items have each reason (`run` only)
├── anonymity     what everybody may see of items, and what was left out of it (`run` only)
├── warm_start    customers hidden at training whose purchases are given at serving
├── holdout       `evaluate` only: purchases that nothing was learned from
└── tuning        what a search for settings found; left out where there was none
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

import msgspec

METRIC_KS = (5, 10, 20)
MAIN_K = 10
MAIN_METRIC = f"ndcg@{MAIN_K}"
METRICS = tuple(f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate", "mrr") for k in METRIC_KS)


class Family(StrEnum):
    """What a model is made of. BLEND and RANKER are learned; the others are simple."""

    POPULARITY = "popularity"
    PERSONAL = "personal"  # the customer's own purchases
    COLLABORATIVE = "collaborative"  # what similar customers or items tell
    BLEND = "blend"
    RANKER = "ranker"


@dataclass(frozen=True, slots=True)
class Model:
    """`name` is the key everywhere; `title` is for people. A baseline is a model of common use."""

    name: str
    title: str
    family: Family
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class Mean:
    mean: float
    error: float
    customers: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval: bootstrap, or normal where customers are many."""

    mean: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DataSummary:
    """`first` and `last` are RFC 3339 or null without timestamps; shares are between 0 and 1."""

    customers: int
    items: int
    orders: int
    lines: int
    first: str | None
    last: str | None
    repeat_share: float  # of lines: the customer had bought the item before
    orders_per_customer: float  # mean
    categories: int
    horizon_days: float
    seed: int


@dataclass(frozen=True, slots=True)
class LearningWindow:
    """One past window. `start` and `end` are dates, or places such as "62.5 %" without timestamps.

    `judged`: models were compared on it; otherwise rankers only learned from it. `lines` are those
    before `start`; `customers` bought something in the window that could be predicted.
    """

    start: str
    end: str
    judged: bool
    lines: int
    customers: int


@dataclass(frozen=True, slots=True)
class ModelOnWindows:
    """`windows` run as the judged windows of Findings.windows do; null where it was not fitted.

    `relative` is the mean over windows of NDCG@10 / the best in that window. `versus_winner` is
    this model minus the published one, pooled over the windows.
    """

    model: Model
    relative: float
    windows: tuple[Mean | None, ...]
    versus_winner: Mean | None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`judged` is false where there was too little to judge: then the winner is a sound default.

    `gain` is the best learned model's NDCG@10 minus the best simple one's, pooled over windows.
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
    """How one model ranks the whole catalogue for the customers of the holdout.

    `metrics` has every name of METRICS. `versus_winner` is this model minus the published one,
    NDCG@10 (null for the published one itself). The rest looks at the first ten of each list:
    `coverage` is the share of the catalogue that is shown to anybody; `novelty` the mean of
    −log2(share of customers who bought the item); `popularity_bias` the mean popularity percentile
    of what is shown (1 = only best sellers; `truth_popularity` of the slate is what customers
    bought); `diversity` the mean dissimilarity (1 − cosine of buyers) of the pairs in a list.
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
    """Some of the customers or items: `of` is "customers by orders" or "items by popularity"."""

    of: str
    name: str
    customers: int
    models: Mapping[str, Estimate]  # NDCG@10 by model name; the published one is "winner"


@dataclass(frozen=True, slots=True)
class SlateOnHoldout:
    """`models` are best first; the published one is named in SlateFindings.choice.winner."""

    customers: int
    relevant_per_customer: float
    candidate_recall: float  # share of what was bought that the ranker could have shown
    truth_popularity: float
    models: tuple[ModelOnHoldout, ...]
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class HoldoutResults:
    """`given` is false when the purchases were split by time; counts are of what is judged."""

    given: bool
    start: str | None
    end: str | None
    customers: int
    customers_unknown: int  # nothing of theirs was learned from: not judged
    lines: int
    lines_unknown: int  # of customers or items that were not learned from: not judged
    slates: Mapping[str, SlateOnHoldout]


@dataclass(frozen=True, slots=True)
class WarmPath:
    """NDCG@10 of the hidden customers when `orders` of their latest orders are known at serving."""

    orders: int | None  # null: all of them
    neighbours: Mean
    popularity: Mean


@dataclass(frozen=True, slots=True)
class WarmStart:
    """`known` is the published model for the same customers, had they been trained on (or null)."""

    slate: str
    customers: int
    paths: tuple[WarmPath, ...]
    known: Mean | None = None


@dataclass(frozen=True, slots=True)
class ReasonCounts:
    """`named_in_history` must equal `named`: a reason names an item of the customer's own."""

    by_code: Mapping[str, int]
    named: int
    named_in_history: int


@dataclass(frozen=True, slots=True)
class Anonymity:
    """What fewer than `k` customers have bought is in no list that is the same for everybody.

    Pairs are those that would have been listed, an item and one beside it; of items bought
    together, only those that `k` orders hold are counted.
    """

    k: int
    items_left_out: int
    similar_pairs_left_out: int
    together_pairs_left_out: int


@dataclass(frozen=True, slots=True)
class SearchedSlate:
    """`changed`: other settings than the defaults are trained with.

    `gain` is NDCG@10 of the best trial's settings minus that of the defaults, pooled over the past
    windows, for customers and seeds that the search has not seen; null where no trial was better.
    """

    trials: int
    changed: bool
    gain: Mean | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """`minutes` are those of all trials on these purchases, in this run and earlier ones.

    A slate without enough history to search by is not among `slates`.
    """

    minutes: float
    slates: Mapping[str, SearchedSlate]


@dataclass(frozen=True, slots=True)
class Results:
    judged: bool
    reason: str  # why it could not be judged, or that it was
    data: DataSummary
    windows: tuple[LearningWindow, ...]
    slates: Mapping[str, SlateResults]
    switched_off: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, ReasonCounts] = field(default_factory=dict)
    anonymity: Anonymity | None = None
    warm_start: tuple[WarmStart, ...] = ()
    holdout: HoldoutResults | None = None
    tuning: Tuning | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is written to metrics.json and, under `metrics`, to the manifest."""
        plain: dict[str, Any] = _rounded(msgspec.to_builtins(self))
        if self.tuning is None:
            del plain["tuning"]
        return plain

    def as_bytes(self) -> bytes:
        """Return metrics.json; equal findings give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self.as_json()), indent=1) + b"\n"


def _rounded(value: Any) -> Any:
    """Keep six digits after the point; what is not finite has no value."""
    if isinstance(value, float):
        return round(value, 6) if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
