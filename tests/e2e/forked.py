"""Start `recsvc` in forks of one process that has imported it, which saves a second each.

That process is the fork server of `multiprocessing`: it has no threads, and it ends with the tests.
A fork replaces its environment, its output and its main module, so that the workers that it starts
are new interpreters, as those of a command from a shell.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import TimeoutExpired

from recsvc.cli import main
from recsvc.cli.command_modules import CommandModules

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])
IMPORTED = list(CommandModules().values())  # imports each command


class Fork:
    """A running command, with the methods of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        process.start()
        self._process = process
        self.pid = int(process.pid or 0)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired("recsvc", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(words: Sequence[str], output: Path, environment: Mapping[str, str]) -> Fork:
    """Start `recsvc` with these words; it appends to `output`."""
    return Fork(_CONTEXT.Process(target=_run, args=(list(words), str(output), dict(environment))))


def _run(words: list[str], output: str, environment: dict[str, str]) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    sys.argv = ["recsvc", *words]
    sys.modules["__main__"] = main  # the module that workers import
    main.app()
