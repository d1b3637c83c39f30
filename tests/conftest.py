"""Fixtures of all tests: one real server per session, and a new shop for each test.

No test flushes the server. A test that needs an empty store uses its new shop.
"""

import gc
import resource
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest

from recsvc.config import Settings, models_root
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import ShopName
from recsvc.model.kernels.jit import compile_all
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.redis_server import OPTION, redis_server

_TESTS = count(1)
TESTS_PER_COLLECTION = 20
MEMORY, ROOM_BYTES = Path("/dev/shm"), 1 << 30  # noqa: S108 a folder of our own is made in it


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="Use a redis-server from the PATH.")


def pytest_configure() -> None:
    """Raise the limit of open files: each mapped array of a test's models keeps one open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# No test asserts wall time: a busy machine would fail hypothesis's deadline of 200 ms.
hypothesis.settings.register_profile("recsvc", deadline=None)
hypothesis.settings.load_profile("recsvc")


@pytest.fixture(scope="session", autouse=True)
def kernels_are_compiled(worker_id: str) -> None:
    """Compile the kernels before the first test, as a service does before its first request.

    Each of two test workers compiles one half and reads the other from the cache.
    """
    compile_all(int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0)


@pytest.fixture(scope="session", autouse=True)
def imports_are_frozen(kernels_are_compiled: None) -> None:
    """Exclude imported modules and collected tests from garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def models_are_collected() -> Iterator[None]:
    """Collect garbage after every 20 tests. An application refers to itself, so the files of its
    models, about ninety, stay open until then.
    """
    yield
    if next(_TESTS) % TESTS_PER_COLLECTION == 0:
        gc.collect()


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """Yield a folder in memory if there is room, which avoids waits for the disk. Tests of
    durability use folders of their own.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="recsvc-test-", dir=MEMORY if in_memory else None))
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class RedisServer:
    url: str


@pytest.fixture(scope="session")
def valkey(
    request: pytest.FixtureRequest, data_dir: Path
) -> Iterator[EmbeddedValkey | RedisServer]:
    """The embedded server that all tests share; a redis-server with `--redis`."""
    if request.config.getoption(OPTION):
        with redis_server(data_dir) as url:
            yield RedisServer(url)
        return
    with EmbeddedValkey(data_dir) as server:
        yield server


@pytest.fixture(scope="session")
def settings(data_dir: Path) -> Settings:
    """Settings with long time-outs, so that a busy machine fails no test."""
    return Settings(data_dir=data_dir, read_timeout_ms=2000, deadline_ms=5000)


@pytest.fixture(scope="session")
def connections(valkey: EmbeddedValkey, settings: Settings) -> Iterator[Connections]:
    opened = connect(settings, valkey.url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def secret() -> Secret:
    return Secret("a secret of the tests, long enough")


@pytest.fixture
def shop(settings: Settings) -> Iterator[ShopName]:
    """The name of a new shop. Its models are deleted after the test: a service loads all shops."""
    name = ShopName(f"shop-{uuid4().hex[:12]}")
    yield name
    shutil.rmtree(models_root(settings) / name, ignore_errors=True)
