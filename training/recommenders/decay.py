"""How much a purchase of long ago still counts."""

import numpy as np
from numpy.typing import NDArray

from training.interactions import Interactions


def recency(interactions: Interactions, half_life_days: float) -> NDArray[np.float64]:
    """Return each line's weight: 1 today, ½ after a half-life; all 1 without timestamps."""
    return np.exp2(-interactions.ages / half_life_days)


def magnitude(interactions: Interactions) -> NDArray[np.float64]:
    """Return 1 for one unit (or part of one), growing with the logarithm of the quantity."""
    return 1.0 + np.log(np.maximum(interactions.quantities.astype(np.float64), 1.0))
