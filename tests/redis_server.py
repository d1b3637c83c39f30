"""A real redis-server of a test's own, as durable as the embedded Valkey.

Tests use it instead of the embedded server when pytest runs with `--redis` (`make test-redis`).
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OPTION = "--redis"
PATIENCE_SECONDS = 20.0
MISSING = (
    "there is no redis-server on the PATH: install it (apt-get install redis-server), or run the "
    "tests without --redis"
)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start a redis-server with its files in `folder`; give its URL."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.fail(MISSING, pytrace=False)
    path = folder / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(path),
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-use-rdb-preamble": "no",
        "maxmemory-policy": "noeviction",
        "dir": str(folder),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    process = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL)
    try:
        _wait_for(path, process)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert process.poll() is None, f"redis-server ended with {process.returncode}"
        assert time.monotonic() < deadline, "redis-server does not listen"
        time.sleep(0.01)
