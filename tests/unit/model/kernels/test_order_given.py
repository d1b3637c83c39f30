"""The order of given items, against sorting by their keys."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.model.kernels.kernels import UNKNOWN_ROW, order_given
from recsvc.model.registry.candidates import accept_all


@given(st.lists(st.integers(0, 40), max_size=30), st.lists(st.integers(0, 60), unique=True))
def test_given_items_keep_the_order_of_the_list_that_has_them(
    own: list[int], asked: list[int]
) -> None:
    """Items of the list come in its order, the others by popularity, then in the order given."""
    appeal = np.arange(40, dtype=np.float32) % 7 / 7
    scores = np.arange(len(own), 0, -1).astype(np.float32) / 100
    rows = np.array(asked, np.int64)
    unlisted = np.zeros(0, np.int64)

    places, at_own = order_given.run(
        rows, np.array(own, np.int32), scores, unlisted, appeal, accept_all(61)
    )

    def key(row: int) -> tuple[int, float]:
        popularity = float(appeal[row]) if row < len(appeal) else 0.0
        return (0, own.index(row)) if row in own else (1, -popularity)

    expected = sorted(asked, key=key)
    assert [asked[place] for place in places.tolist()] == expected
    assert at_own.tolist() == [own.index(row) if row in own else UNKNOWN_ROW for row in expected]
