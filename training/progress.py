"""The console on stderr, and progress bars for long steps."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

T = TypeVar("T")

_WIDE = 120  # columns of a file or pipe, wide enough not to cut off text


def stderr_console() -> Console:
    """Return a console on stderr; in a file or pipe its lines are wide."""
    console = Console(stderr=True, highlight=False)
    return console if console.is_terminal else Console(stderr=True, highlight=False, width=_WIDE)


class Progress:
    """Shows one bar per step; nothing if `quiet`."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
            disable=quiet,
        )

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def over(self, title: str, steps: Iterable[T], total: int) -> Iterator[T]:
        """Yield `total` steps and advance a bar by one after each."""
        yield from self._bars.track(steps, total=total, description=title)

    @contextmanager
    def step(self, title: str, total: int = 1) -> Iterator[Callable[[], None]]:
        """Show a bar of `total` parts; yield the function that advances it by one."""
        task = self._bars.add_task(title, total=total)
        yield lambda: self._bars.advance(task)
        self._bars.update(task, completed=total)

    @contextmanager
    def search(self, title: str, total: float) -> Iterator[Callable[[float, str], None]]:
        """Show how much of `total` is used; yield the function that sets it, with a new title."""
        task = self._bars.add_task(title, total=total)
        yield lambda used, title: self._bars.update(
            task, completed=min(used, total), description=title
        )


SILENT = Progress(quiet=True)
