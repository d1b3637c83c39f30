"""Split values into batches for one call to the store."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def chunks(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Yield tuples of `size` values; the last one may be shorter."""
    remaining = iter(values)
    while chunk := tuple(islice(remaining, size)):
        yield chunk
