"""Model selection: compare all models on past windows, choose one per slate, and fit it again.

Selection takes a History and sees nothing after its end, so no holdout can influence it. Windows
are processed from the oldest to the newest: base models are fitted at the window's start, rankers
trained on older windows are evaluated on it, and a sample of its rows is kept for newer windows.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.customer_items import customer_items_of
from training.dataset.history import History
from training.dataset.slate_rules import RULES, Shows, slates_showing
from training.dataset.windows import WindowPlan, plan_windows, some_customers
from training.metrics.model import Model
from training.metrics.results import ModelChoice
from training.progress import Progress
from training.ranking.blend import BLEND, fit_blend
from training.ranking.candidate_features import FittedCutoff, fit_cutoff
from training.ranking.lambdarank import SCORES, VARIANTS, fit_ranker, variants_of
from training.ranking.samples import Sample
from training.ranking.scoring import Learned
from training.recommenders.registry import BASE_MODELS, competing
from training.selection.backtest import Backtest, Samples, WindowResult
from training.selection.publication_rule import choose
from training.settings import TrainingSettings

LEAST_REPEATED = 0.02  # of lines; with a lower share, repeat purchases are ignored

LEARNED_MODELS: Mapping[str, Model] = {
    BLEND.name: BLEND,
    **{name: variant.model for name, variant in VARIANTS.items()},
}
MODELS: Mapping[str, Model] = {**BASE_MODELS, **LEARNED_MODELS}

_NO_REPEATS = "nothing is bought twice here: own purchases, the latest first"

_ENSEMBLES = (BLEND.name, SCORES.model.name)  # combine scores only, without features of items


@dataclass(frozen=True, slots=True)
class SelectedModels:
    """The models to publish.

    `rows_of` names the slate whose candidates a slate ranks: without repeat purchases, `for_you`
    ranks the candidates of `discover`.
    """

    cutoff: FittedCutoff
    choices: Mapping[CustomerSlate, ModelChoice]
    rows_of: Mapping[CustomerSlate, CustomerSlate]
    models: Mapping[CustomerSlate, Learned]  # of the slates whose winner was learned
    window_results: tuple[WindowResult, ...]  # newest first
    repeat_share: float


def select_models(
    history: History, settings: TrainingSettings, progress: Progress
) -> SelectedModels:
    plan = plan_windows(
        history, settings.horizon_days, settings.judged_windows, settings.older_windows
    )
    horizon = plan.horizon_days
    repeat_share = share_of_repeats(history)
    slates = ranked_slates(repeat_share)
    samples = empty_samples(slates)
    window_results: list[WindowResult] = []
    compared = customers_compared(history, plan, settings)
    with progress.step("Comparing models on past windows", len(plan.windows) + 1) as advance:
        for place, window in plan.oldest_first():
            backtest = Backtest(
                compared, window, place, horizon, settings, samples, plan.learning_windows
            )
            window_results.insert(0, backtest.run(evaluate=place < plan.judged))
            advance()
        cutoff = fit_cutoff(history, horizon, settings.seed, settings.size, settings.constants)
        choices = _choices_of(window_results, slates)
        models = fit_winners(choices, cutoff, samples, settings)
        advance()
    return _complete(cutoff, choices, models, tuple(window_results), repeat_share)


def customers_compared(history: History, plan: WindowPlan, settings: TrainingSettings) -> History:
    """Return the history of the customers that past windows use."""
    rng = np.random.default_rng([settings.seed, len(plan.windows)])
    return some_customers(history, settings.lines_compared, rng)


def share_of_repeats(history: History) -> float:
    lines = len(history.customers)
    return 1.0 - len(customer_items_of(history)) / lines if lines else 0.0


def ranked_slates(repeat_share: float) -> list[CustomerSlate]:
    """Return the slates that need their own model."""
    return slates_showing(Shows.UNSEEN) if repeat_share < LEAST_REPEATED else list(RULES)


def empty_samples(slates: Iterable[CustomerSlate]) -> Samples:
    """Return an empty queue of window samples per slate; a full queue drops the oldest."""
    return {slate: deque(maxlen=RULES[slate].learning_windows) for slate in slates}


def _choices_of(
    window_results: list[WindowResult], slates: list[CustomerSlate]
) -> dict[CustomerSlate, ModelChoice]:
    return {slate: _choice_of(window_results, slate) for slate in slates}


def _choice_of(window_results: list[WindowResult], slate: CustomerSlate) -> ModelChoice:
    figures = [window.ndcg[slate] for window in window_results if slate in window.ndcg]
    if not figures:
        reason = "too little history to judge by: a simple model that is sound anywhere"
        return ModelChoice(RULES[slate].default_model, judged=False, reason=reason)
    return choose(figures, competing(slate), _ENSEMBLES)


def _complete(
    cutoff: FittedCutoff,
    choices: dict[CustomerSlate, ModelChoice],
    models: dict[CustomerSlate, Learned],
    window_results: tuple[WindowResult, ...],
    repeat_share: float,
) -> SelectedModels:
    """Complete the choices of a shop without repeat purchases.

    There, only slates of unseen items have a model. Slates of all items use it too, and slates of
    own items get their default.
    """
    rows_of = {slate: slate for slate in RULES}
    unseen = slates_showing(Shows.UNSEEN)[0]
    for slate, rule in RULES.items():
        if slate in choices:
            continue
        if rule.shows is Shows.ALL:
            rows_of[slate] = unseen
            choices[slate] = choices[unseen]
            if unseen in models:
                models[slate] = models[unseen]
        else:
            choices[slate] = ModelChoice(rule.default_model, judged=False, reason=_NO_REPEATS)
    return SelectedModels(cutoff, choices, rows_of, models, window_results, repeat_share)


def fit_winners(
    choices: Mapping[CustomerSlate, ModelChoice],
    cutoff: FittedCutoff,
    samples: Samples,
    settings: TrainingSettings,
) -> dict[CustomerSlate, Learned]:
    """Fit the selected learned models again, on the newest windows and with several seeds."""

    def fit(slate: CustomerSlate) -> Learned | None:
        return _fit_winner(choices[slate].winner, slate, cutoff, list(samples[slate]), settings)

    models = zip(choices, each(fit, choices), strict=True)
    return {slate: model for slate, model in models if model is not None}


def _fit_winner(
    winner: str,
    slate: CustomerSlate,
    cutoff: FittedCutoff,
    newest: list[Sample],
    settings: TrainingSettings,
) -> Learned | None:
    columns = cutoff.columns()
    if winner == BLEND.name:
        return fit_blend(columns, newest)
    seeds = tuple(settings.seed + extra for extra in range(settings.final_seeds))
    for variant in variants_of(slate):
        if variant.model.name == winner:
            return fit_ranker(variant, columns, newest, settings.boosting_of(slate, variant), seeds)
    return None
