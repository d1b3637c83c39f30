"""The rule: a learned model must earn its place on past windows."""

import numpy as np
import pytest

from training.selection.publication_rule import choose

BASE_MODELS = ["popularity", "als"]
CUSTOMERS = 100


def around(mean: float, spread: float = 0.1) -> np.ndarray:
    """Return figures of this mean whose standard error is about a tenth of the spread."""
    return mean + spread * np.where(np.arange(CUSTOMERS) % 2, 1.0, -1.0)


LEVEL = around(0.5, 0.0)


def test_without_a_learned_model_the_best_simple_one_is_published() -> None:
    """Nothing could be learned: that is the reason."""
    choice = choose([{"popularity": around(0.3), "als": around(0.4)}], BASE_MODELS)

    assert (choice.winner, choice.best_simple, choice.best_learned) == ("als", "als", None)
    assert choice.reason == "no model could be learned"


def test_the_best_simple_model_is_best_on_the_mean_of_windows() -> None:
    """Each window counts the same, whatever its level."""
    easy = {"popularity": around(0.80), "als": around(0.82)}
    hard = {"popularity": around(0.2), "als": around(0.1)}

    assert choose([easy, hard], BASE_MODELS).winner == "popularity"


@pytest.mark.parametrize(
    ("gain", "winner"), [(0.02, "ranker"), (0.005, "als"), (0.0, "als"), (-0.005, "als")]
)
def test_a_learned_model_must_be_better_by_more_than_a_standard_error(
    gain: float, winner: str
) -> None:
    """Paired: the error is that of the differences, here 0.01."""
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
def test_of_a_mixture_it_is_enough_not_to_be_worse(gain: float, windows: int, winner: str) -> None:
    """Where many customers say so; of a model that sees facts of items it is not."""
    window = {"popularity": LEVEL / 2, "als": LEVEL, "blend": around(0.5 + gain, 0.5)}
    choice = choose([window] * windows, BASE_MODELS, ensembles=["blend"])

    assert choice.winner == winner
    assert choose([window] * windows, BASE_MODELS).winner == "als"


def test_a_mixture_may_lose_in_no_window_either() -> None:
    """Not even where it gains as much in the others."""
    good = {"popularity": LEVEL / 2, "als": LEVEL, "blend": around(0.6)}
    bad = {"popularity": LEVEL / 2, "als": LEVEL, "blend": around(0.45)}

    assert choose([good, bad] * 5, BASE_MODELS, ensembles=["blend"]).winner == "als"


def test_windows_are_pooled() -> None:
    """What is unclear in each of four windows is clear in all of them."""
    window = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.508)}

    assert choose([window], BASE_MODELS).winner == "als"
    assert choose([window] * 4, BASE_MODELS).winner == "ranker"


def test_a_learned_model_may_lose_in_no_window() -> None:
    """By more than the window's own error; a great gain elsewhere does not pay for it."""
    good = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.8)}
    bad = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.48)}
    unclear = {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.495)}
    refused = choose([good, good, bad], BASE_MODELS)

    assert refused.winner == "als"
    assert refused.reason == "the learned model loses to it in a window"
    assert choose([good, good, unclear], BASE_MODELS).winner == "ranker"


def test_the_next_learned_model_is_taken_where_the_first_is_refused() -> None:
    """The best of them loses a window; the second is better in each."""
    windows = [
        {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.9), "blend": around(0.6)},
        {"popularity": LEVEL / 2, "als": LEVEL, "ranker": around(0.47), "blend": around(0.53)},
    ]
    choice = choose(windows, BASE_MODELS)

    assert (choice.winner, choice.best_learned, choice.best_simple) == ("blend", "blend", "als")


def test_a_window_where_nothing_was_learned_yet_says_nothing_of_the_learned() -> None:
    """The oldest window has simple models only."""
    oldest = {"popularity": LEVEL / 2, "als": LEVEL}
    choice = choose([{**oldest, "ranker": around(0.6)}, oldest], BASE_MODELS)

    assert choice.winner == "ranker"
    assert choice.gain is not None
    assert choice.gain.customers == CUSTOMERS


def test_equals_are_told_apart_by_their_order() -> None:
    """Two runs never disagree."""
    assert choose([{"popularity": LEVEL, "als": LEVEL, "ranker": LEVEL}], BASE_MODELS).winner == (
        "popularity"
    )
