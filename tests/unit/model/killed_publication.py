"""A process that publishes, and kills itself before a given step on the disk.

Run as a module with the root of the models, the first item's id, and the number of the step
(from 1) before which the process dies. With 0 it survives and prints the number of steps.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from recsvc.model.publish import publish
from tests.model_builders import FACTS, NOW, fruit_shop, versions_in

CHANGING_EVENTS = {"os.rename", "os.mkdir", "os.remove"}


class Steps:
    """Counts the steps that change the disk, and kills the process before a given one."""

    def __init__(self, fatal: int) -> None:
        self.taken = 0
        self._fatal = fatal

    def step(self) -> None:
        self.taken += 1
        if self.taken == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        creates = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if creates or event in CHANGING_EVENTS:
            self.step()

    def before(self, call: Callable[[int], None]) -> Callable[[int], None]:
        def stepping(descriptor: int) -> None:
            self.step()
            call(descriptor)

        return stepping


def main(root: str, first: str, fatal: str) -> None:
    steps = Steps(int(fatal))
    artifact = fruit_shop(first)
    os.fsync = steps.before(os.fsync)  # fsync raises no audit event
    sys.addaudithook(steps.audit)
    publish(versions_in(Path(root)), artifact, FACTS, now=NOW + timedelta(days=1))
    sys.stdout.write(str(steps.taken))


if __name__ == "__main__":
    main(*sys.argv[1:])
