"""Data folders of the embedded server: long paths, moved and copied folders, stale sockets."""

import shutil
import socket
from pathlib import Path

import pytest

from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import (
    answers,
    ask,
    kept_after,
    kill_server,
    until,
    write_kept,
)


def test_a_server_under_a_long_path_keeps_its_address(own_folder: Path) -> None:
    """A restart keeps the socket address, because workers get it only once."""
    with EmbeddedValkey(own_folder / ("d" * 120)) as server:
        write_kept(server)
        url = server.url
        server.supervise()
        kill_server(url)
        until(lambda: answers(url))

        assert server.url == url
        assert ask(url, "GET", "kept") == b"yes"
    assert not Path(url.removeprefix("unix://")).parent.exists()


def test_a_stale_socket_does_not_block_the_start(own_folder: Path) -> None:
    """A socket file left by a dead server does not prevent a start."""
    with EmbeddedValkey(own_folder) as server:
        write_kept(server)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(own_folder / "valkey" / "valkey.sock"))

    assert kept_after(own_folder) == b"yes"


def test_a_regular_file_in_the_sockets_place_does_not_block_the_start(own_folder: Path) -> None:
    """A socket that a backup restored as an empty file does not prevent a start."""
    (own_folder / "valkey").mkdir()
    (own_folder / "valkey" / "valkey.sock").touch()

    assert kept_after(own_folder) is None


def test_a_moved_folder_works(own_folder: Path) -> None:
    """A data folder that was moved keeps its data."""
    with EmbeddedValkey(own_folder / "here") as server:
        write_kept(server)
    (own_folder / "here").rename(own_folder / "there")

    assert kept_after(own_folder / "there") == b"yes"


def test_a_copy_has_a_server_of_its_own(own_folder: Path) -> None:
    """A copied folder gets its own server, even while the original runs under a long path."""
    original = own_folder / ("d" * 120)
    with EmbeddedValkey(original) as server:
        write_kept(server)
    with EmbeddedValkey(original) as server:
        shutil.copytree(original, own_folder / "copy", ignore=shutil.ignore_patterns("*.sock"))
        with EmbeddedValkey(own_folder / "copy") as copy:
            ask(copy.url, "SET", "kept", "changed")

        assert ask(server.url, "GET", "kept") == b"yes"
    assert kept_after(own_folder / "copy") == b"changed"


def test_a_long_path_works(own_folder: Path) -> None:
    """A data folder with a long path and special characters works."""
    deep = own_folder / ("long " * 20) / 'ünï "quoted" %41'
    with EmbeddedValkey(deep) as server:
        write_kept(server)
        listening = Path(server.url.removeprefix("unix://"))

    assert not listening.parent.exists()
    assert kept_after(deep) == b"yes"


def test_a_folder_that_cannot_be_created_is_named(own_folder: Path) -> None:
    """The error names the data folder that cannot be created."""
    (own_folder / "file").touch()
    with pytest.raises(StoreUnavailable, match="file/data"):
        EmbeddedValkey(own_folder / "file" / "data").join()
