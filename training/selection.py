"""Which recommender a slate gets: the default, unless another is clearly better."""

from collections.abc import Mapping

from recsvc.domain.slates import CustomerSlate
from training.line_up import COMPETING
from training.metrics import Judgement, mean_and_error

CLEARLY = 1.0  # standard errors of the paired difference

Choice = Mapping[CustomerSlate, str]

DEFAULTS: Choice = {slate: names[0] for slate, names in COMPETING.items()}


def choose(judged: Mapping[CustomerSlate, Mapping[str, Judgement]]) -> Choice:
    return {slate: winner(by_name, DEFAULTS[slate]) for slate, by_name in judged.items()}


def winner(judged: Mapping[str, Judgement], default: str) -> str:
    """Return the best of those that beat the default by more than one paired standard error."""
    gains = {
        name: mean_and_error(judgement.ndcg - judged[default].ndcg)
        for name, judgement in judged.items()
        if name != default
    }
    clear = {name: mean for name, (mean, error) in gains.items() if mean > CLEARLY * error}
    return max(clear, key=lambda name: (clear[name], name), default=default)
