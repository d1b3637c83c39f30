"""Room for requests in a worker: half its threads, so that the rest stays for what must be heard.

A request that may be refused holds a place while its body is read and its answer made. Once all
places are taken, the next one is refused at once, whoever asks: no key is judged, nothing is read.
"""

from collections.abc import Callable
from typing import TypeVar

from recsvc.domain.errors import Overloaded

T = TypeVar("T")


class ConcurrencyLimit:
    """The places of one worker."""

    def __init__(self, threads: int) -> None:
        # Lists pop and append in one step; a semaphore of the library costs 30 times as much.
        self._free: list[None] = [None] * max(1, threads // 2)

    def limited(self, view: Callable[..., T]) -> Callable[..., T]:
        """Return the view, but that it holds a place, or raises Overloaded if there is none."""
        free = self._free

        def held(**path: str) -> T:
            try:
                place = free.pop()
            except IndexError:
                raise Overloaded("this worker is busy with other requests; try again") from None
            try:
                return view(**path)
            finally:
                free.append(place)

        return held
