"""Processes that share an embedded server, and controls of the server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from recsvc.filesystem.file_lock import FileLock
from recsvc.stores.client.connection import client
from recsvc.stores.embedded import process as valkey_process
from recsvc.stores.embedded.folder import ValkeyFolder
from recsvc.stores.embedded.process import Health
from recsvc.stores.embedded.server import EmbeddedValkey

PATIENCE_SECONDS = 20.0
SLOW_TO_LOAD = 4000  # keys of 5 ms each; the server answers requests between them
SLOWLY = ("--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024")

MEMBER = """
import sys
from pathlib import Path
from recsvc.stores.embedded.server import EmbeddedValkey
with EmbeddedValkey(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.readline()
"""


class Member:
    """Another process that uses the embedded server of a folder."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        """Wait until the process has joined, and return its URL."""
        return self._process.stdout.readline().strip()

    def leave(self) -> None:
        self._process.communicate("\n", timeout=PATIENCE_SECONDS)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=PATIENCE_SECONDS)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds in another process or thread."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, "the condition never held"
        time.sleep(0.01)


def ask(url: str, *command: str) -> object:
    with client(url, PATIENCE_SECONDS) as store:
        return store.execute_command(*command)


def kept_after(folder: Path) -> object:
    """Return the value of `kept` that the next process reads from the folder."""
    with EmbeddedValkey(folder) as server:
        return ask(server.url, "GET", "kept")


def write_kept(server: EmbeddedValkey) -> None:
    ask(server.url, "SET", "kept", "yes")


def process_of(url: str) -> int:
    with client(url, PATIENCE_SECONDS) as store:
        return int(store.info("server")["process_id"])


def answers(url: str) -> bool:
    try:
        return ask(url, "PING") is not None
    except redis.RedisError:
        return False


def kill_server(url: str) -> None:
    """Kill the server as a crash would, and wait until it is dead."""
    os.kill(process_of(url), signal.SIGKILL)
    until(lambda: not answers(url))


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """Stop the server's process, so that it accepts connections and answers nothing."""
    process = process_of(url)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def fill(url: str) -> None:
    """Fill the server with data that it can be made to load slowly."""
    with client(url, PATIENCE_SECONDS) as store:
        # An RDB preamble lets the server answer between keys, not only every 1,000 commands.
        for name, value in {"aof-use-rdb-preamble": "yes", "rdbcompression": "no"}.items():
            store.config_set(name, value)
        store.mset({f"filling:{number}": "x" * 1100 for number in range(SLOW_TO_LOAD)})
        store.bgrewriteaof()
        until(lambda: store.info("persistence")["aof_base_size"] > SLOW_TO_LOAD * 1000)


@contextmanager
def loading(data_dir: Path) -> Iterator[None]:
    """Start the stopped server of a filled folder; it is loading until the block ends."""
    folder = ValkeyFolder(data_dir)
    lock = FileLock(folder.server_lock)
    assert lock.try_own()
    valkey_process.start(folder, lock, SLOWLY)
    lock.close()
    until(lambda: valkey_process.health(folder) is Health.LOADING)
    try:
        yield
        assert valkey_process.health(folder) is Health.LOADING
    finally:
        with client(folder.url(), PATIENCE_SECONDS) as store:
            store.config_set("key-load-delay", 0)
