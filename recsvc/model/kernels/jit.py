"""Compile plain loops over arrays with numba. Only this module imports numba.

For a few hundred numbers, a few dozen numpy calls cost more than the arithmetic, and some of them
release the interpreter lock, for which all threads of a worker then compete. A compiled loop is one
call of microseconds and keeps the lock.

Compiled code is cached on disk: beside the source if that is writable, else in the user's cache or
in NUMBA_CACHE_DIR. numba is imported at the first compilation, so that a command that ranks nothing
does not wait for it; a service calls `compile_all` before it serves.
"""

import os
import random
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

_compiled: list["Compiled[..., Any]"] = []
_parts: list[Callable[..., Any]] = []


class Compiled(Generic[P, R]):
    """A function that is compiled for its signature, at the latest after its plain calls.

    `run` takes positional arguments. It is the machine code itself: a call through a Python method
    would cost as much as some of the loops.
    """

    __slots__ = ("_plain_calls", "_signature", "_trusted", "plain", "run")

    def __init__(
        self, plain: Callable[P, R], signature: str, plain_calls: int, trusted: bool
    ) -> None:
        self.plain = plain
        self.run: Callable[P, R] = self._first
        self._signature = signature
        self._plain_calls = plain_calls
        self._trusted = trusted

    def compile(self) -> None:
        if self.run == self._first:
            self.run = cast(
                Callable[P, R], _machine_code(self.plain, self._signature, self._trusted)
            )

    def _first(self, *arguments: P.args, **named: P.kwargs) -> R:
        if self._plain_calls:
            self._plain_calls -= 1
            return self.plain(*arguments, **named)
        self.compile()
        return self.run(*arguments, **named)


def compiled(
    signature: str, *, plain_calls: int = 0, trusted: bool = False
) -> Callable[[Callable[P, R]], Compiled[P, R]]:
    """Compile the decorated function for one signature, in numba's notation.

    `plain_calls`: the number of first calls that run as Python, unless the function is compiled.
    The check of a loaded model calls short loops a few times, and a command that publishes or
    verifies a model then does not wait for numba.

    `trusted`: a long loop over arrays that the process made itself. It has no bounds checks, and
    other threads run meanwhile.
    """

    def of(plain: Callable[P, R]) -> Compiled[P, R]:
        made = Compiled(plain, signature, plain_calls, trusted)
        _compiled.append(made)
        return made

    return of


def part(function: F) -> F:
    """Make the decorated function callable from compiled functions of the same file."""
    _parts.append(function)
    return function


def compile_all(process: int | None = None) -> None:
    """Compile all functions, so that no request waits for a compilation.

    Processes that start together compile in different orders, so that at a first start each reads
    most of the others' results from the cache. The order is random; with `process`, the number of
    one of two processes, it is that of the source or its reverse, and each compiles one half.
    """
    if process is None:
        order = random.Random(os.getpid())  # noqa: S311 not for cryptography
        functions = order.sample(_compiled, len(_compiled))
    else:
        functions = _compiled[:: -1 if process % 2 else 1]
    for each in functions:
        each.compile()


def _machine_code(plain: Callable[..., Any], signature: str, trusted: bool) -> Callable[..., Any]:
    # Takes most of a second and 80 MB, which not every command needs.
    from numba import njit
    from numba.extending import register_jitable

    while _parts:
        register_jitable(_parts.pop(0))
    # With bounds checks, as in numpy: the rows in a model's files are not trusted.
    options: dict[str, Any] = {"boundscheck": not trusted, "nogil": trusted, "error_model": "numpy"}
    try:
        made: Any = njit(signature, cache=True, **options)(plain)
    except RuntimeError:  # no folder for the cache is writable
        made = njit(signature, **options)(plain)
    # Not the dispatcher, which takes a microsecond to type each read-only array.
    return cast(Callable[..., Any], made.overloads[made.signatures[0]].entry_point)
