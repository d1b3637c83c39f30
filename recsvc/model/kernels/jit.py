"""Plain loops over arrays, compiled to machine code by numba: the only place that knows it.

A few dozen calls of numpy for a few hundred numbers cost more than the numbers, and some of those
calls let go of the interpreter lock, for which all threads of a worker then get in line. A loop
that is compiled does the same in one call and keeps the lock: it lasts microseconds.

What is compiled is kept on the disk: beside the source where that can be written to, else in the
user's cache or in NUMBA_CACHE_DIR. Nothing is imported or compiled before it is needed, so that a
command that ranks nothing does not wait for it; a service calls `compile_all` before it serves.
"""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

_compiled: list["Compiled[..., Any]"] = []
_parts: list[Callable[..., Any]] = []


class Compiled(Generic[P, R]):
    """A function that is compiled for the types of its signature, when first run if not before.

    `run` takes arguments by position. It is the machine code itself: a call through a method of
    ours would cost as much as what some of them do.
    """

    __slots__ = ("_signature", "plain", "run")

    def __init__(self, plain: Callable[P, R], signature: str) -> None:
        self.plain = plain
        self.run: Callable[P, R] = self._first
        self._signature = signature

    def compile(self) -> None:
        if self.run == self._first:
            self.run = cast(Callable[P, R], _machine_code(self.plain, self._signature))

    def _first(self, *words: P.args, **named: P.kwargs) -> R:
        self.compile()
        return self.run(*words, **named)


def compiled(signature: str) -> Callable[[Callable[P, R]], Compiled[P, R]]:
    """Compile the decorated function for one signature, in numba's words."""

    def of(plain: Callable[P, R]) -> Compiled[P, R]:
        made = Compiled(plain, signature)
        _compiled.append(made)
        return made

    return of


def part(function: F) -> F:
    """Let compiled functions of the same file call the decorated one."""
    _parts.append(function)
    return function


def compile_all() -> None:
    """Have all of them ready, so that no request waits for one."""
    for each in _compiled:
        each.compile()


def _machine_code(plain: Callable[..., Any], signature: str) -> Callable[..., Any]:
    # A quarter of a second and 80 MB, which not every command needs to spend.
    from numba import njit
    from numba.extending import register_jitable

    while _parts:
        register_jitable(_parts.pop(0))
    # With bounds, as numpy has them: what stands in the files of a model is not believed.
    try:
        made: Any = njit(signature, cache=True, boundscheck=True, error_model="numpy")(plain)
    except RuntimeError:  # there is no folder to keep it in
        made = njit(signature, boundscheck=True, error_model="numpy")(plain)
    # Not the dispatcher: it takes a microsecond to tell the type of each read-only array.
    return cast(Callable[..., Any], made.overloads[made.signatures[0]].entry_point)
