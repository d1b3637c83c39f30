"""The service as a process: its start-up time and its worker's memory."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.bench.requests import HOST, RequestKind
from tests.e2e.processes import environment, free_port

PATIENCE_SECONDS = 120
COMMAND = "from tests.bench.floor_app import main; main()"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
KB_PER_MB = 1024
OK = 200

_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ .*$", re.MULTILINE)
_PRIVATE = re.compile(r"^Private_(?:Clean|Dirty): +([0-9]+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """A running `recsvc serve` with floors. `startup_seconds` is the time until it is ready."""

    port: int
    startup_seconds: float

    def answer(self, kind: RequestKind) -> bytes | None:
        """Return the response body of one such request; None when it is refused."""
        method = "GET" if kind.body is None else "POST"
        request = next(kind.encoded())
        path, body = request.split()[1].decode(), request.partition(b"\r\n\r\n")[2]
        status, answer = _ask(self.port, method, path, kind.key, body)
        return answer if status == OK else None

    def worker(self, key: str) -> int:
        """Return the worker's process id."""
        ready: dict[str, Any] = json.loads(_ask(self.port, "GET", "/readyz", key)[1])
        return int(ready["pid"])


@dataclass(frozen=True, slots=True)
class Memory:
    """Private memory of a process in MB; `of_models` of it are pages of mapped models.

    The kernel reclaims those when memory is short. They count as private only until another process
    maps and reads the files, such as a second worker.
    """

    private: float
    of_models: float


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Service]:
    """Serve the folder with one worker until the block ends."""
    port, began = free_port(), time.monotonic()
    words = ["serve", "--port", str(port), "--workers", "1"]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(folder, **ONE_THREAD),
        )
    try:
        _wait_until_ready(port, process, folder)
        yield Service(port, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def memory_of(process: int) -> Memory:
    """Read the kernel's private memory of the process, mapping by mapping."""
    text = Path(f"/proc/{process}/smaps").read_text()
    starts = [*_MAPPING.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    private = of_models = 0
    for start, end in zip(starts, ends, strict=True):
        size = sum(map(int, _PRIVATE.findall(text, start.end(), end)))
        private += size
        of_models += size if "/models/" in start[0] else 0
    return Memory(private / KB_PER_MB, of_models / KB_PER_MB)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    gives_up = time.monotonic() + PATIENCE_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > gives_up:
            raise SystemExit(f"it does not start; see {folder / 'serve.log'}")
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    try:
        return _ask(port, "GET", "/readyz")[0] == OK
    except OSError:
        return False


def _ask(
    port: int, method: str, path: str, key: str | None = None, body: bytes = b""
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body:
        headers["Content-Type"] = "application/json"
    with contextlib.closing(HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
