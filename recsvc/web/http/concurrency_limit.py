"""The concurrency limit of a worker: sheddable requests may use half of its threads.

The other half stays free for withdrawals, erasures and health checks. A sheddable request holds a
slot while its body is read and its answer made. With no free slot the next one is refused at once,
before its key is authenticated or a byte is read.
"""

from collections.abc import Callable
from typing import TypeVar

from recsvc.domain.errors import Overloaded

T = TypeVar("T")


class ConcurrencyLimit:
    """The slots of one worker."""

    def __init__(self, threads: int) -> None:
        # Lists pop and append in one step; a semaphore of the library costs 30 times as much.
        self._free: list[None] = [None] * max(1, threads // 2)

    def limited(self, view: Callable[..., T]) -> Callable[..., T]:
        """Wrap a view so that it holds a slot; it raises Overloaded if none is free."""
        free = self._free

        def held(**path: str) -> T:
            try:
                slot = free.pop()
            except IndexError:
                raise Overloaded("this worker is busy with other requests; try again") from None
            try:
                return view(**path)
            finally:
                free.append(slot)

        return held
