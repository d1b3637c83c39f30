"""A weighted sum of scores, each part brought to a greatest score of one per customer."""

from collections.abc import Mapping

import numpy as np

from training.interactions import Floats


def blend(scores: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Sum the named parts of one block of scores, (customers, items) each.

    A customer for whom a part has no score above zero gets that part as it is.
    """
    parts = [weighted(scores[name], weight) for name, weight in weights.items()]
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def weighted(scores: Floats, weight: float) -> Floats:
    greatest = scores.max(axis=1, keepdims=True, initial=0.0)
    factor = np.where(greatest > 0, weight / np.where(greatest > 0, greatest, 1.0), weight)
    return np.multiply(scores, factor.astype(np.float32))


def new_first(scores: Floats, own: np.typing.NDArray[np.bool_]) -> Floats:
    """Put what a customer has bought behind everything else, in the same order as before."""
    span = np.ptp(scores, axis=1, keepdims=True) + np.float32(1.0)
    return np.where(own, scores - span, scores)
