"""The loops whose first calls run as Python return the same there as compiled."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.values.ids import id_fault
from recsvc.model.kernels import kernels
from recsvc.model.registry.candidates import accept_all
from recsvc.model.registry.id_map import CustomerMap, IdMap

ITEMS = 40

ids = st.text(min_size=1, max_size=8).filter(lambda text: id_fault(text) is None)
known = st.sets(ids, max_size=200).map(lambda texts: sorted(text.encode() for text in texts))
customer_keys = st.sets(st.binary(min_size=16, max_size=16), max_size=200).map(sorted)


@given(known, st.lists(ids))
def test_find_returns_the_same_row_as_python(texts: list[bytes], others: list[str]) -> None:
    """An id has the same row, and an unknown one has none."""
    index = IdMap(np.array(texts, dtype=f"S{max(map(len, texts), default=1)}")).index
    asked = [*texts, *(text.encode() for text in others)]

    expected = [kernels.find.plain(index, text) for text in asked]
    assert [kernels.find.run(index, text) for text in asked] == expected


@given(customer_keys, st.lists(st.binary(min_size=16, max_size=16)))
def test_find_sorted_returns_the_same_row_as_python(keys: list[bytes], others: list[bytes]) -> None:
    """A customer's key has the same row, and an unknown one has none."""
    customers = CustomerMap(np.array(keys, "S16"))
    asked = [*keys, *others]

    expected = [kernels.find_sorted.plain(customers.letters, customers.heads, key) for key in asked]
    found = [kernels.find_sorted.run(customers.letters, customers.heads, key) for key in asked]
    assert found == expected


@given(
    st.lists(st.integers(0, ITEMS - 1)),
    st.sets(st.integers(0, ITEMS - 1)),
    st.integers(1, 20),
)
def test_take_returns_the_same_items_as_python(rows: list[int], seen: set[int], most: int) -> None:
    """A list is filled with the same items and reasons."""
    items = np.array(rows, np.int32)
    reasons = np.arange(len(items), dtype=np.uint8)
    nothing = np.empty(0, np.int32)
    rest = (nothing, np.array(sorted(seen), np.int64), accept_all(ITEMS))

    def taken(take: Any) -> list[list[int]]:
        picked = np.zeros((3, most), np.int64)
        filled = take(picked, 0, items, reasons, *rest)
        found: list[list[int]] = picked[:, :filled].tolist()
        return found

    assert taken(kernels.take.run) == taken(kernels.take.plain)
