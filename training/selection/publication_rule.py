"""The publication rule: which model is published for a slate, decided on past windows.

Models are ordered by the mean over windows of NDCG / the best NDCG in that window. The first
learned model is published that beats the best base model by more than one standard error, paired
and pooled over the windows, and is worse by more than one standard error in no window. Otherwise
the best base model is published.

An ensemble combines only the scores of base models. It must be no worse than the best base model,
if enough customers were evaluated, for three reasons: the best base model changes with the season,
and an ensemble does not depend on a single one; it does not see features of items, which mislead
before a season; and it was evaluated after training on fewer windows than a published one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.metrics.estimates import Mean
from training.metrics.ranking_quality import Values, mean_of
from training.metrics.results import ModelChoice

_MANY_CUSTOMERS = 1000  # evaluated customers of all windows; with fewer, "no worse" may be chance

Figures = Sequence[Mapping[str, Values]]  # per window: model → NDCG of each customer


@dataclass(frozen=True, slots=True)
class Comparison:
    """A learned model against the best base model. `reason` is stored in the manifest."""

    gain: Mean
    accepted: bool
    reason: str


def relative_quality(figures: Figures) -> dict[str, float]:
    """Return each model's mean of NDCG / the best NDCG, over the windows it was fitted for."""
    relative: dict[str, list[float]] = {}
    for window in figures:
        means = {name: float(values.mean()) for name, values in window.items() if len(values)}
        best = max(means.values(), default=0.0)
        for name, mean in means.items():
            relative.setdefault(name, []).append(mean / best if best > 0 else 1.0)
    return {name: float(np.mean(values)) for name, values in relative.items()}


def choose(
    figures: Figures, base_models: Sequence[str], ensembles: Collection[str] = ()
) -> ModelChoice:
    """Apply the rule. There is at least one window, and all base models were measured on it."""
    relative = relative_quality(figures)
    ordered = sorted(relative, key=lambda name: -relative[name])  # ties: in the order of names
    best = next(name for name in ordered if name in base_models)
    contenders = [name for name in ordered if name not in base_models]
    if not contenders:
        return ModelChoice(best, judged=True, reason="no model could be learned", best_simple=best)
    compared = {name: _compare(figures, name, best, name in ensembles) for name in contenders}
    accepted = [name for name in contenders if compared[name].accepted]
    first = accepted[0] if accepted else contenders[0]
    return ModelChoice(
        winner=first if accepted else best,
        judged=True,
        reason=compared[first].reason,
        best_simple=best,
        best_learned=first,
        gain=compared[first].gain,
    )


def _compare(figures: Figures, learned: str, base_model: str, is_ensemble: bool) -> Comparison:
    differences = [
        window[learned] - window[base_model]
        for window in figures
        if learned in window and len(window[learned])
    ]
    gain = mean_of(np.concatenate(differences))
    if any(_clearly_below_zero(mean_of(difference)) for difference in differences):
        return Comparison(gain, False, "the learned model loses to it in a window")
    if gain.mean > gain.error:
        return Comparison(gain, True, "clearly better than the best simple model")
    if is_ensemble and gain.mean >= 0 and gain.customers >= _MANY_CUSTOMERS:
        return Comparison(gain, True, "a mixture, and no worse than the best simple model")
    return Comparison(gain, False, "the learned model is not clearly better")


def _clearly_below_zero(difference: Mean) -> bool:
    return difference.mean < -difference.error
