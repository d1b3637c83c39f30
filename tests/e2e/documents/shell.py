"""One bash session that runs the commands of the pages as a reader would."""

import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.processes import environment, free_port

PRINTED_PORT = "8000"  # as the pages write it; the session takes a free one
DONE = "\x01done"  # printed with the exit code behind each command
WIDE = "200"  # columns, so that no table breaks a line


class Shell:
    """A bash session in `folder`, which stands for a clone of the repository.

    `. .venv/bin/activate` finds the commands that run this test. HOME is the folder, too.
    """

    def __init__(self, folder: Path) -> None:
        self._port = str(free_port())
        _make_clone(folder)
        variables = environment(folder, HOME=str(folder), COLUMNS=WIDE, PYTHONUNBUFFERED="1")
        del variables["RECSVC_DATA_DIR"]  # the pages set it
        self._bash = subprocess.Popen(
            ["bash", "--norc"],  # noqa: S607 - the reader's own bash
            cwd=folder,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run("kill $(jobs -p) 2>/dev/null; wait")
        self._bash.communicate(timeout=60)

    def run(self, command: str) -> tuple[int, str]:
        """Run one command; return its exit code and all that it printed."""
        command = command.replace(f":{PRINTED_PORT}", f":{self._port}")
        if re.match(r"recsvc serve\b", command):
            command = self._in_background(command)
        self._write(command)
        printed: list[str] = []
        for line in self._bash.stdout or ():
            before, done, code = line.partition(DONE)
            printed.append(before)
            if done:
                break
        else:
            raise AssertionError(f"bash has ended: {command}\n{''.join(printed)}")
        return int(code), "".join(printed).replace(f":{self._port}", f":{PRINTED_PORT}")

    def _write(self, command: str) -> None:
        assert self._bash.stdin
        # Commands read nothing: what comes next is for bash.
        self._bash.stdin.write(f'{{ {command}\n}} </dev/null\nprintf "{DONE}%d\\n" $?\n')
        self._bash.stdin.flush()

    def _in_background(self, command: str) -> str:
        """Serve beside the session, as in a second terminal, and wait until it is ready."""
        ready = f"curl --fail --output /dev/null http://127.0.0.1:{self._port}/readyz"
        return (
            f"{command} --port {self._port} >serve.log 2>&1 &\n"
            f"for attempt in $(seq 600); do {ready} 2>/dev/null && break; sleep 0.1; done"
        )


def _make_clone(folder: Path) -> None:
    root = Path(__file__).parent.parent.parent.parent
    (folder / "docs").symlink_to(root / "docs")
    scripts = Path(sys.executable).parent
    activate = folder / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f'PATH="{scripts}:$PATH"\n')
    # In a terminal curl shows no progress.
    (folder / ".curlrc").write_text("silent\nshow-error\n")


def seconds_since(start: float) -> str:
    return f"{time.monotonic() - start:.1f} s"
