"""Standard output whose reader has closed it, as in `recsvc keys list | head -1`.

The command then ends without a message, with the exit code of a process that SIGPIPE ended (141),
as `cat` and `grep` do. Python ignores SIGPIPE, so that a closed socket is an error and not the end.

A process started without stdout (`>&-`) has `sys.stdout` None; its output is then discarded.
"""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

EXIT_PIPE_CLOSED = 141  # 128 + SIGPIPE


@contextmanager
def ends_with_its_reader() -> Iterator[None]:
    """End the process when the reader of stdout has closed it; pass on every other fault.

    Rich and Typer turn the fault into an exit code of their own, 1; it becomes 141 here.
    """
    _replace_missing_stdout()
    try:
        yield
        sys.stdout.flush()  # otherwise the interpreter flushes at exit, with a traceback
    except BrokenPipeError:
        if not _is_stdout_closed():
            raise
        _end()
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            _end()
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _end()
        raise


def _replace_missing_stdout() -> None:
    """Open /dev/null as stdout if there is none; it also takes descriptor 1 if that is free."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _is_stdout_closed() -> bool:
    """Return False when the broken pipe is another one, such as a socket."""
    stdout = select.poll()
    stdout.register(sys.stdout.fileno(), 0)
    return bool(stdout.poll(0))  # POLLERR or POLLHUP are reported unasked


def _end() -> NoReturn:
    """Exit, and let the interpreter flush the rest of stdout into nothing."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
    raise SystemExit(EXIT_PIPE_CLOSED)
