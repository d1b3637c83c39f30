"""One bash session that runs the commands of the pages as a reader would."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.documents import forked_commands
from tests.e2e.processes import PATIENCE_SECONDS, environment, free_port

ROOT = Path(__file__).parent.parent.parent.parent
SCRIPTS = Path(sys.executable).parent  # where pip put the project's commands

PRINTED_PORT = "8000"  # as the pages write it; the session takes a free one
DONE = "\x01done"  # printed with the exit code behind each command
ATTEMPTS = 10 * PATIENCE_SECONDS  # to find the service ready
CURL = Path(__file__).parent / "curl.py"
WIDE = "200"  # columns, so that no table breaks a line


class Shell:
    """A bash session in `folder`, which stands for a clone of the repository.

    `. .venv/bin/activate` finds the commands that run this test. HOME is the folder, too.
    """

    def __init__(self, folder: Path) -> None:
        self._port = str(free_port())
        _make_clone(folder)
        variables = environment(
            folder,
            HOME=str(folder),
            COLUMNS=WIDE,
            PYTHONUNBUFFERED="1",
            # A busy machine is no reason for an anonymous answer.
            RECSVC_READ_TIMEOUT_MS="2000",
            RECSVC_DEADLINE_MS="5000",
        )
        del variables["RECSVC_DATA_DIR"]  # the pages set it
        self._commands = forked_commands.start(_scripts(folder), variables)
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
        self._bash.communicate(timeout=PATIENCE_SECONDS)
        self._commands.terminate()
        self._commands.wait(PATIENCE_SECONDS)

    def run(self, command: str) -> tuple[int, str]:
        """Run one command; return its exit code and all that it printed."""
        command = command.replace(f":{PRINTED_PORT}", f":{self._port}")
        if re.match(r"recsvc serve .*&$", command):
            command = self._served(command)
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

    def _served(self, command: str) -> str:
        """Serve on the session's port from a process of its own, and wait until it is ready."""
        serve = command.replace("recsvc serve", f"{SCRIPTS}/recsvc serve --port {self._port}", 1)
        ready = f"curl http://127.0.0.1:{self._port}/readyz 2>/dev/null | grep -q '\"ready\"'"
        return f"{serve}\nfor attempt in $(seq {ATTEMPTS}); do {ready} && break; sleep 0.1; done"


def _scripts(folder: Path) -> Path:
    return folder / ".venv" / "bin"


def _make_clone(folder: Path) -> None:
    (folder / "docs").symlink_to(ROOT / "docs")
    scripts = _scripts(folder)
    scripts.mkdir(parents=True)
    (scripts / "activate").write_text(f'PATH="{scripts}:{SCRIPTS}:$PATH"\n')
    if shutil.which("curl"):
        # In a terminal curl shows no progress.
        (folder / ".curlrc").write_text("silent\nshow-error\n")
    else:
        forked_commands.write_script(scripts, "curl", CURL.read_text())
