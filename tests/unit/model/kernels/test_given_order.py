"""The order of given items."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.model.kernels.kernels import by_descending_key


@given(st.lists(st.integers(0, 4), max_size=40))
def test_equal_keys_keep_their_order(keys: list[int]) -> None:
    """Places are sorted by descending key, and by place where keys are equal."""
    places = by_descending_key(np.array(keys, np.float64))

    assert sorted(range(len(keys)), key=lambda place: -keys[place]) == places.tolist()
