"""Run the project's commands as processes, as users do."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from recsvc.cli.main import app
from tests.e2e import forked

Process = subprocess.Popen[bytes] | forked.Fork
PATIENCE_SECONDS = 60
# A busy machine must not make the service answer without the store.
_LONG_TIMEOUTS = {"RECSVC_READ_TIMEOUT_MS": "2000", "RECSVC_DEADLINE_MS": "5000"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if "RECSVC" not in name}
    return inherited | {"RECSVC_DATA_DIR": str(data_dir), "OPENBLAS_NUM_THREADS": "1"} | more


def command(
    module: str, *words: str, data_dir: Path, expect: int = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one command as a process and check its exit code."""
    run = subprocess.run(
        [sys.executable, "-m", module, *words],
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE_SECONDS * 3,
        env=environment(data_dir, **more),
    )
    assert run.returncode == expect, f"{words}: exit {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run


def recsvc(*words: str, data_dir: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return command("recsvc.cli.main", *words, data_dir=data_dir, **more)


def recsvc_here(*words: str, data_dir: Path) -> str:
    """Run one command in the test process and return its output."""
    result = CliRunner().invoke(app, [*words, "--data-dir", str(data_dir)])
    assert result.exit_code == 0, f"{words}: exit {result.exit_code}\n{result.output}"
    return result.output


def recsvc_train(*words: str, data_dir: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return command("training.cli", *words, data_dir=data_dir, **more)


def eventually(condition: Any, description: str) -> Any:
    """Return the condition's first true value; fail after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"never came true: {description}")


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One keep-alive connection: all requests of a client are answered by the same worker."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=10)
        self._key = key

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        sent = dict(headers or {})
        if self._key:
            sent.setdefault("Authorization", f"Bearer {self._key}")
        payload = None
        if body is not None:
            payload = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        self._connection.request(method, path, payload, sent)
        response = self._connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def close(self) -> None:
        self._connection.close()


def started(words: Sequence[str], output: Path, environment: Mapping[str, str]) -> Process:
    """Start `recsvc` as a shell does, with the arguments of `forked.start`."""
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "recsvc.cli.main", *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
        )


@dataclass(frozen=True)
class Server:
    """A running `recsvc serve`."""

    port: int
    process: Process
    log: Path
    clients: list[Client] = field(default_factory=list)

    def client(self, key: str | None = None) -> Client:
        """Open a new connection; it is closed when the server stops."""
        self.clients.append(Client(self.port, key))
        return self.clients[-1]

    def answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the server has stopped:\n{self.log.read_text()}")
        try:
            return self.client().get("/livez").status == 200
        except OSError:
            return False


@contextlib.contextmanager
def serving(
    data_dir: Path,
    *words: str,
    workers: int = 1,
    start: Callable[..., Process] = forked.start,
    **more: str,
) -> Iterator[Server]:
    """Serve the data folder on a free port until the block ends.

    The service is a fork, and its workers are new interpreters. With `start=started` the service is
    a new interpreter too.
    """
    port = free_port()
    log = data_dir / f"serve-{port}.log"
    options = ["--port", str(port), "--workers", str(workers), *words]
    process = start(["serve", *options], log, environment(data_dir, **{**_LONG_TIMEOUTS, **more}))
    server = Server(port, process, log)
    try:
        eventually(server.answers, "the server answers /livez")
        yield server
    finally:
        for client in server.clients:
            client.close()
        process.terminate()
        process.wait(PATIENCE_SECONDS)
