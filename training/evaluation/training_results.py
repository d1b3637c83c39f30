"""Results of a training as plain values: windows, models and choices."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.customers.recent_events import DEFAULT_WEIGHTS
from training.dataset.interactions import EPOCH, Interactions
from training.dataset.windows import window_days
from training.features.facts import Column
from training.metrics.estimates import Mean
from training.metrics.ranking_quality import Values, mean_of
from training.metrics.results import (
    DataSummary,
    LearningWindow,
    ModelOnWindows,
    Results,
    SlateResults,
)
from training.selection.backtest import WindowResult
from training.selection.model_selection import LEAST_REPEATED, MODELS, SelectedModels
from training.selection.publication_rule import relative_quality
from training.settings import TrainingSettings


def results_of(
    interactions: Interactions, selected: SelectedModels, settings: TrainingSettings
) -> Results:
    judged = [window for window in selected.window_results if window.judged]
    columns = selected.cutoff.columns()
    return Results(
        judged=bool(judged),
        reason=_judged_on(judged),
        data=_summed_up(interactions, selected, settings),
        windows=tuple(_learning_window(interactions, window) for window in selected.window_results),
        slates={
            str(slate): _slate_results(selected, judged, slate, columns) for slate in CustomerSlate
        },
        switched_off=_switched_off(interactions, selected, settings),
    )


def _judged_on(judged: list[WindowResult]) -> str:
    if not judged:
        return "too little history to judge"
    return f"judged on {len(judged)} past window{'s' if len(judged) > 1 else ''}"


def _learning_window(interactions: Interactions, result: WindowResult) -> LearningWindow:
    return LearningWindow(
        start=interactions.day_text(result.window.start),
        end=interactions.day_text(result.window.end),
        judged=result.judged,
        lines=result.lines,
        customers=result.customers,
    )


def _summed_up(
    interactions: Interactions, selected: SelectedModels, settings: TrainingSettings
) -> DataSummary:
    history = interactions.history
    orders, customers = len(np.unique(history.orders)), len(np.unique(history.customers))
    timed = history.timed and len(history.days) > 0
    return DataSummary(
        customers=customers,
        items=len(np.unique(history.items)),
        orders=orders,
        lines=len(history.items),
        first=_moment(float(history.days.min())) if timed else None,
        last=_moment(float(history.days.max())) if timed else None,
        repeat_share=selected.repeat_share,
        orders_per_customer=orders / max(customers, 1),
        categories=len(interactions.category_names),
        horizon_days=window_days(history, settings.horizon_days),
        seed=settings.seed,
    )


def _moment(day: float) -> str:
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _slate_results(
    selected: SelectedModels,
    judged: list[WindowResult],
    slate: CustomerSlate,
    columns: tuple[Column, ...],
) -> SlateResults:
    choice, model = selected.choices[slate], selected.models.get(slate)
    figures = [window.ndcg.get(selected.rows_of[slate], {}) for window in judged]
    if not choice.judged:
        return SlateResults(choice)
    relative = relative_quality(figures)
    models = [
        _on_windows(name, relative[name], figures, choice.winner)
        for name in sorted(relative, key=lambda name: -relative[name])
    ]
    importances = model.importances(columns) if model is not None else ()
    return SlateResults(choice, tuple(models), importances)


def _on_windows(
    name: str, relative: float, figures: list[Mapping[str, Values]], winner: str
) -> ModelOnWindows:
    means = tuple(mean_of(window[name]) if name in window else None for window in figures)
    return ModelOnWindows(MODELS[name], relative, means, _versus(name, winner, figures))


def _versus(name: str, winner: str, figures: list[Mapping[str, Values]]) -> Mean | None:
    differences = [
        window[name] - window[winner] for window in figures if name in window and winner in window
    ]
    if name == winner or not differences:
        return None
    return mean_of(np.concatenate(differences))


def _switched_off(
    interactions: Interactions, selected: SelectedModels, settings: TrainingSettings
) -> dict[str, str]:
    """Return the parts of a training that these purchases do not allow, with the reason."""
    history = interactions.history
    judged = sum(window.judged for window in selected.window_results)
    off = {}
    if not history.timed:
        off["time"] = (
            "no timestamps: the order of rows is all there is, so an eighth of each customer's "
            "orders stands for a window, --horizon means nothing, and nothing trends"
        )
    if history.prices is None:
        off["price"] = "no prices: features of price level"
    if history.categories is None:
        off["category"] = "no categories: features of categories, popular in a category"
    if selected.repeat_share < LEAST_REPEATED:
        off["repeats"] = (
            "nothing is bought twice: for_you ranks what is new, as discover does, and buy_again "
            "is not judged"
        )
    view, cart = DEFAULT_WEIGHTS.view, DEFAULT_WEIGHTS.add_to_cart
    off["views"] = (
        "training reads purchases only: the weights of views and carts are not learned, those of "
        f"RECSVC_EVENT_WEIGHTS apply (by default {view} and {cart})"
    )
    if judged < settings.judged_windows:
        off["windows"] = f"{judged} of {settings.judged_windows} windows judged: short history"
    if len(history.customers) > settings.lines_compared:
        off["all customers"] = (
            f"models were compared on customers drawn by chance, about {settings.lines_compared:,} "
            f"of {len(history.customers):,} lines; what is published is fitted on all"
        )
    shortened = window_days(history, settings.horizon_days)
    if history.timed and shortened < settings.horizon_days:
        off["horizon"] = f"windows of {shortened:.3g} days: a quarter of the history"
    return off


def published_in_window(
    selected: SelectedModels, window: WindowResult
) -> dict[CustomerSlate, dict[int, float]]:
    """Return NDCG@10 of the chosen model in a past window, by slate and customer."""
    found = {}
    for slate, customers in window.judged_customers.items():
        values = window.ndcg[slate].get(selected.choices[slate].winner)
        if values is not None:
            found[slate] = dict(zip(customers.tolist(), values.tolist(), strict=True))
    return found
