"""The embedded server's files: configuration that loses nothing, a socket path that fits."""

import os
from pathlib import Path

import pytest

from recsvc.stores.valkey_folder import MAX_SOCKET_PATH_BYTES, ValkeyFolder


@pytest.fixture
def folder(tmp_path: Path) -> ValkeyFolder:
    made = ValkeyFolder(tmp_path)
    made.create()
    return made


def configuration(folder: ValkeyFolder) -> list[str]:
    folder.prepare_start()
    return folder.configuration.read_text().splitlines()


def test_the_configuration_keeps_every_acknowledged_write(folder: ValkeyFolder) -> None:
    """The server's own defaults keep nothing."""
    lines = configuration(folder)

    wanted = {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "port 0"}
    assert wanted <= set(lines)


def test_a_changed_configuration_is_written_anew(folder: ValkeyFolder) -> None:
    """An edit, or an older version's file, never stays in force."""
    folder.configuration.write_text("appendonly no\n")

    assert "appendonly no" not in configuration(folder)


def test_nobody_else_may_enter_the_folder(folder: ValkeyFolder) -> None:
    """The socket and the data are the owner's."""
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_long_path_listens_in_a_short_folder(tmp_path: Path) -> None:
    """The kernel refuses a long socket path; the data may live there all the same."""
    deep = ValkeyFolder(tmp_path / ("d" * MAX_SOCKET_PATH_BYTES))
    deep.create()
    deep.prepare_start()
    socket = deep.socket()

    assert len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES
    assert socket.parent.stat().st_mode & 0o777 == 0o700

    deep.clear_after_stop()

    assert not socket.parent.exists()


def test_quotes_and_line_breaks_in_a_path_stay_in_the_path(tmp_path: Path) -> None:
    """A folder's name cannot become a setting."""
    odd = ValkeyFolder(tmp_path / 'a "b"\nappendonly no')
    odd.create()

    assert "appendonly no" not in configuration(odd)


def test_a_grown_log_is_set_aside_at_start(folder: ValkeyFolder) -> None:
    """The log does not fill the disk over the years."""
    folder.log.write_bytes(b"x" * (1 << 20) + b"x")
    folder.prepare_start()

    assert not folder.log.exists()
    assert folder.log.with_suffix(".log.1").exists()
