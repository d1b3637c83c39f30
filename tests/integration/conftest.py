"""Servers that a test may kill, and processes that share a server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recsvc.config import Settings
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import Member


@pytest.fixture
def start_member() -> Iterator[Callable[[Path], Member]]:
    members: list[Member] = []

    def start(folder: Path) -> Member:
        members.append(Member(folder))
        return members[-1]

    yield start
    for member in members:
        member.kill()


@pytest.fixture
def own_folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; a server that the test left running is stopped."""
    yield tmp_path
    with EmbeddedValkey(tmp_path):
        pass


@pytest.fixture
def own_server(own_folder: Path) -> Iterator[EmbeddedValkey]:
    """A server that the test may stop, kill and freeze."""
    with EmbeddedValkey(own_folder) as server:
        yield server


@pytest.fixture
def own_connections(own_server: EmbeddedValkey) -> Iterator[Connections]:
    """Connections with the service's own timeouts."""
    opened = connect(Settings(), own_server.url)
    yield opened
    opened.close()


@pytest.fixture
def customer() -> CustomerKey:
    return CustomerKey(os.urandom(16))
