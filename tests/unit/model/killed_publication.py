"""A process that publishes, and kills itself before a given step on the disk.

Run as a module with the root of the models, the first item's id and a number: the step, from
1, to die before. With 0 it lives, and prints how many steps it took.
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
    """Counts what changes the disk, and dies before the last one allowed."""

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
    os.fsync = steps.before(os.fsync)  # the one step that no audit event tells of
    sys.addaudithook(steps.audit)
    publish(versions_in(Path(root)), artifact, FACTS, now=NOW + timedelta(days=1))
    sys.stdout.write(str(steps.taken))


if __name__ == "__main__":
    main(*sys.argv[1:])
