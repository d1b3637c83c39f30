"""The publication rule: a learned model is published only if past windows prove it better."""

import numpy as np
import pytest

from training.selection.publication_rule import choose

BASE_MODELS = ["popularity", "als"]
CUSTOMERS = 100


def around(mean: float, spread: float = 0.1) -> np.ndarray:
    """Return values with this mean and a standard error of a tenth of the spread."""
    return mean + spread * np.where(np.arange(CUSTOMERS) % 2, 1.0, -1.0)


LEVEL = around(0.5, 0.0)


def test_without_a_learned_model_the_best_base_model_is_published() -> None:
    """Without a learned model, the best base model is published with that reason."""
    choice = choose([{"popularity": around(0.3), "als": around(0.4)}], BASE_MODELS)

    assert (choice.winner, choice.best_simple, choice.best_learned) == ("als", "als", None)
    assert choice.reason == "no model could be learned"


def test_the_best_base_model_is_best_on_the_mean_of_windows() -> None:
    """The best base model has the best mean over windows, each window weighing the same."""
    easy = {"popularity": around(0.80), "als": around(0.82)}
    hard = {"popularity": around(0.2), "als": around(0.1)}

    assert choose([easy, hard], BASE_MODELS).winner == "popularity"


@pytest.mark.parametrize(
    ("gain", "winner"), [(0.02, "ranker"), (0.005, "als"), (0.0, "als"), (-0.005, "als")]
)
def test_a_learned_model_must_be_better_by_more_than_a_standard_error(
    gain: float, winner: str
) -> None:
    """A learned model must be better by more than one standard error of the paired differences,
    here 0.01.
    """
    window = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.5 + gain)}
    choice = choose([window], BASE_MODELS)

    assert choice.winner == winner
    assert choice.gain is not None
    assert choice.gain.mean == pytest.approx(gain)
    assert choice.gain.error == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize(
    ("gain", "windows", "winner"),
    [(0.001, 10, "blend"), (0.001, 9, "als"), (-0.001, 10, "als")],
    ids=["no worse", "few customers", "worse"],
)
def test_an_ensemble_must_only_be_no_worse(gain: float, windows: int, winner: str) -> None:
    """An ensemble must be no worse if enough customers were evaluated; another model must be
    better.
    """
    window = {"popularity": LEVEL / 2, "als": LEVEL, "blend": around(0.5 + gain, 0.5)}
    choice = choose([window] * windows, BASE_MODELS, ensembles=["blend"])

    assert choice.winner == winner
    assert choose([window] * windows, BASE_MODELS).winner == "als"


def test_an_ensemble_must_not_lose_in_any_window() -> None:
    """An ensemble that loses in one window is not published, although it gains as much in
    another.
    """
    good = {"popularity": LEVEL / 2, "als": LEVEL, "blend": around(0.6)}
    bad = {"popularity": LEVEL / 2, "als": LEVEL, "blend": around(0.45)}

    assert choose([good, bad] * 5, BASE_MODELS, ensembles=["blend"]).winner == "als"


def test_windows_are_pooled() -> None:
    """A gain that is unclear in each of four windows is clear in all of them together."""
    window = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.508)}

    assert choose([window], BASE_MODELS).winner == "als"
    assert choose([window] * 4, BASE_MODELS).winner == "ranker"


def test_a_learned_model_must_not_lose_in_any_window() -> None:
    """A learned model that clearly loses in one window is not published, whatever it gains in
    others.
    """
    good = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.8)}
    bad = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.48)}
    unclear = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.495)}
    refused = choose([good, good, bad], BASE_MODELS)

    assert refused.winner == "als"
    assert refused.reason == "the learned model loses to it in a window"
    assert choose([good, good, unclear], BASE_MODELS).winner == "ranker"


def test_the_next_contender_is_published_if_the_first_is_refused() -> None:
    """If the best learned model loses in a window, the next one that does not is published."""
    windows = [
        {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.9), "blend": around(0.6)},
        {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.47), "blend": around(0.53)},
    ]
    choice = choose(windows, BASE_MODELS)

    assert (choice.winner, choice.best_learned, choice.best_simple) == ("blend", "blend", "als")


def test_a_window_without_learned_models_is_not_compared() -> None:
    """A window without learned models does not count in their comparison."""
    oldest = {"popularity": LEVEL / 2, "als": LEVEL}
    choice = choose([{**oldest, "ranker": around(0.6)}, oldest], BASE_MODELS)

    assert choice.winner == "ranker"
    assert choice.gain is not None
    assert choice.gain.customers == CUSTOMERS


def test_ties_are_broken_by_order() -> None:
    """Equal models are ordered by name, so two runs choose the same one."""
    assert choose([{"popularity": LEVEL, "als": LEVEL, "ranker": LEVEL}], BASE_MODELS).winner == (
        "popularity"
    )
