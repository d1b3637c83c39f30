"""Which model is published for a slate. A learned one must earn its place on past windows.

The rule: models are ordered by the mean over windows of NDCG ÷ the best in that window. The first
learned model is published that beats the best simple one by more than one standard error, paired
and pooled over the windows, and loses by more than one in no window. Otherwise the best simple
model is published.

Of a mixture, which sees nothing but the scores of simple models, not being worse is enough where
many customers were judged. Which simple model is best changes with the season, and a mixture does
not stand or fall with one of them; facts of items, which mislead before a season, it does not see;
and it was judged having learned from fewer windows than what is published does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.metrics.ranking_quality import Values, mean_of
from training.metrics.results import Mean, ModelChoice

_MANY = 1000  # judged customers, over all windows: with fewer, "not worse" is chance

Figures = Sequence[Mapping[str, Values]]  # one a window: model → NDCG per customer


@dataclass(frozen=True, slots=True)
class Comparison:
    gain: Mean
    objection: str | None = None
    praise: str = "clearly better than the best simple model"


def relative_quality(figures: Figures) -> dict[str, float]:
    """Return each model's mean of NDCG ÷ the best, over the windows that it was fitted for."""
    relative: dict[str, list[float]] = {}
    for window in figures:
        means = {name: float(values.mean()) for name, values in window.items() if len(values)}
        best = max(means.values(), default=0.0)
        for name, mean in means.items():
            relative.setdefault(name, []).append(mean / best if best > 0 else 1.0)
    return {name: float(np.mean(values)) for name, values in relative.items()}


def choose(figures: Figures, simple: Sequence[str], mixtures: Collection[str] = ()) -> ModelChoice:
    """Apply the rule; there is a window, and every simple model was judged on it."""
    relative = relative_quality(figures)
    ordered = sorted(relative, key=lambda name: -relative[name])  # equals: in the order of names
    best = next(name for name in ordered if name in simple)
    rivals = [name for name in ordered if name not in simple]
    if not rivals:
        return ModelChoice(best, judged=True, reason="no model could be learned", best_simple=best)
    compared = {rival: _compare(figures, rival, best, rival in mixtures) for rival in rivals}
    accepted = [rival for rival in rivals if compared[rival].objection is None]
    first = accepted[0] if accepted else rivals[0]
    objection = compared[first].objection
    return ModelChoice(
        winner=best if objection else first,
        judged=True,
        reason=objection or compared[first].praise,
        best_simple=best,
        best_learned=first,
        gain=compared[first].gain,
    )


def _compare(figures: Figures, learned: str, simple: str, mixture: bool) -> Comparison:
    differences = [
        window[learned] - window[simple]
        for window in figures
        if learned in window and len(window[learned])
    ]
    gain = mean_of(np.concatenate(differences))
    if any(_clearly_below_zero(mean_of(difference)) for difference in differences):
        return Comparison(gain, "the learned model loses to it in a window")
    if gain.mean > gain.error:
        return Comparison(gain)
    if mixture and gain.mean >= 0 and gain.customers >= _MANY:
        return Comparison(gain, praise="a mixture, and no worse than the best simple model")
    return Comparison(gain, "the learned model is not clearly better")


def _clearly_below_zero(difference: Mean) -> bool:
    return difference.mean < -difference.error
