"""Choose the constants of the base models on the newest past window.

Each constant is searched alone, with the defaults of the others, on the items with the most buyers.
Another value replaces the default if its NDCG is higher by more than two paired standard errors:
with a dozen values, one is often better by one of them by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.ground_truth import GroundTruth
from training.dataset.history import History, Rows
from training.dataset.segments import NOTHING
from training.dataset.slate_rules import RULES, Shows, slates_showing
from training.dataset.training_data import TrainingData, training_data_of
from training.dataset.windows import plan_windows, sampled
from training.metrics import ranking_quality as metrics
from training.metrics.ranking_quality import Values, mean_of
from training.metrics.results import MAIN_K
from training.metrics.search_results import SearchedConstant, SearchedValue
from training.progress import Progress
from training.ranking.top_k import best_columns
from training.recommenders.constants import AlsSize, Constants, OrderGroups
from training.recommenders.registry import proposers
from training.selection.model_selection import customers_compared, ranked_slates, share_of_repeats
from training.settings import TrainingSettings

_MOST_ITEMS = 3000  # with the most buyers
_MOST_CUSTOMERS = 1000
_LEAST_CUSTOMERS = 50  # with fewer, the defaults stay
_ERRORS = 2  # standard errors by which another value must beat the default
_BLOCK = 250  # customers scored at once


@dataclass(frozen=True, slots=True)
class SearchedField:
    """A constant, the base model that uses it, the slate that judges it, and its other values."""

    name: str
    model: str
    shows: Shows
    values: Sequence[Any]

    @property
    def slate(self) -> CustomerSlate:
        return slates_showing(self.shows)[0]


FIELDS = (
    SearchedField("ease_penalty", "ease", Shows.UNSEEN, (15.0, 50.0, 150.0, 1500.0)),
    SearchedField(
        "als",
        "als",
        Shows.UNSEEN,
        (AlsSize(32, 30.0, is_scaled=False),),
    ),
    SearchedField("neighbour_shrinkage", "item_neighbours", Shows.UNSEEN, (3.0, 100.0)),
    SearchedField(
        "order_groups",
        "tifu_knn",
        Shows.ALL,
        (OrderGroups(1, 1.0, 0.9), OrderGroups(3, 0.9, 0.8)),
    ),
    SearchedField("peer_orders", "up_cf", Shows.ALL, (5, 100)),
)


@dataclass(frozen=True, slots=True)
class FoundConstants:
    """The constants to use, and the figures of each searched one."""

    constants: Constants
    searched: tuple[SearchedConstant, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    """The training data of the newest past window, and the purchases to predict."""

    training_data: TrainingData
    ground_truths: dict[CustomerSlate, GroundTruth]
    customers: dict[CustomerSlate, Rows]
    horizon_days: float
    seed: int

    def ndcg(self, field: SearchedField, constants: Constants) -> Values:
        """Fit one base model and return its NDCG of each customer."""
        model = proposers(self.horizon_days, self.seed, constants)[field.model]
        fitted = model.fit(self.training_data)
        customers, ground_truth = self.customers[field.slate], self.ground_truths[field.slate]
        lists = [
            self._lists(fitted.items, fitted.score(block), block, field.slate)
            for block in np.array_split(customers, -(-len(customers) // _BLOCK))
        ]
        hits = metrics.hits_of(ground_truth, customers, np.concatenate(lists))
        return metrics.ndcg(hits, ground_truth.relevant[customers], MAIN_K)

    def _lists(self, items: Rows, scores: Any, customers: Rows, slate: CustomerSlate) -> Rows:
        shown = RULES[slate].shown(self.training_data.customer_items.owned(customers)[:, items])
        columns = best_columns(scores, shown, MAIN_K).columns
        lists = np.full((len(customers), MAIN_K), NOTHING, np.int64)
        lists[:, : columns.shape[1]] = np.where(
            columns == NOTHING, NOTHING, items[np.maximum(columns, 0)]
        )
        return lists


def search_constants(
    history: History, settings: TrainingSettings, progress: Progress
) -> FoundConstants:
    """Search each constant; keep the defaults if the history is too short to compare."""
    slates = ranked_slates(share_of_repeats(history))
    fields = [field for field in FIELDS if field.slate in slates]
    window = _newest_window(history, settings, slates)
    if window is None:
        return FoundConstants(settings.constants, ())
    jobs = [(field, value) for field in fields for value in (None, *field.values)]
    with progress.step("Constants of the base models", len(jobs)) as advance:

        def measure(job: tuple[SearchedField, Any]) -> Values:
            field, value = job
            constants = settings.constants
            if value is not None:
                constants = replace(constants, **{field.name: value})
            found = window.ndcg(field, constants)
            advance()
            return found

        found = iter(each(measure, jobs))
    searched, constants = [], settings.constants
    for field in fields:
        default = next(found)
        others = [next(found) for _ in field.values]
        chosen = best_place(default, others)
        values = (getattr(settings.constants, field.name), *field.values)
        constants = replace(constants, **{field.name: values[chosen]})
        searched.append(_results(field, values, [default, *others], chosen))
    return FoundConstants(constants, tuple(searched))


def _newest_window(
    history: History, settings: TrainingSettings, slates: Sequence[CustomerSlate]
) -> _Window | None:
    plan = plan_windows(
        history, settings.horizon_days, settings.judged_windows, settings.older_windows
    )
    if not plan.windows:
        return None
    compared = customers_compared(history, plan, settings)
    newest = plan.windows[0]
    whole = training_data_of(newest.known(compared))
    most_bought = np.argsort(-whole.customer_items.buyers[whole.head], kind="stable")[:_MOST_ITEMS]
    ground_truths = newest.ground_truths(compared)
    rng = np.random.default_rng([settings.seed, len(plan.windows), 1])
    customers = {
        slate: sampled(ground_truths[slate].customers, _MOST_CUSTOMERS, rng) for slate in slates
    }
    if min(map(len, customers.values()), default=0) < _LEAST_CUSTOMERS:
        return None
    return _Window(
        replace(whole, head=np.sort(whole.head[most_bought])),
        {slate: ground_truths[slate] for slate in slates},
        customers,
        plan.horizon_days,
        settings.seed,
    )


def best_place(default: Values, others: Sequence[Values]) -> int:
    """Return the place of the best value that is clearly better than the default; 0: default."""
    gains = [mean_of(values - default) for values in others]
    clear = [place for place, gain in enumerate(gains, 1) if gain.mean > _ERRORS * gain.error]
    return max(clear, key=lambda place: gains[place - 1].mean, default=0)


def _results(
    field: SearchedField, values: Sequence[Any], found: Sequence[Values], chosen: int
) -> SearchedConstant:
    return SearchedConstant(
        name=field.name,
        slate=str(field.slate),
        chosen=_text(values[chosen]),
        values=tuple(
            SearchedValue(_text(value), mean_of(each), mean_of(each - found[0]))
            for value, each in zip(values, found, strict=True)
        ),
    )


def _text(value: object) -> str:
    match value:
        case AlsSize():
            scaled = ", scaled" if value.is_scaled else ""
            return f"{value.factors} factors, regularization {value.regularization:g}{scaled}"
        case OrderGroups():
            return f"{value.size} orders, decays {value.within_decay:g} and {value.group_decay:g}"
        case _:
            return f"{value:g}"
