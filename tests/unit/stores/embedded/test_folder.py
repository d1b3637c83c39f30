"""The embedded server's files: durable configuration and a valid socket path."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsvc.stores.embedded.folder import MAX_SOCKET_PATH_BYTES, ValkeyFolder, memory_of_machine


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ValkeyFolder]:
    created = ValkeyFolder(tmp_path)
    created.create()
    yield created
    created.clear_after_stop()


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[ValkeyFolder]:
    """A folder whose path is too long for a socket, prepared for its first start."""
    created = ValkeyFolder(tmp_path / ("d" * MAX_SOCKET_PATH_BYTES))
    created.create()
    created.prepare_start()
    yield created
    shutil.rmtree(created.socket().parent, ignore_errors=True)


def configuration(folder: ValkeyFolder) -> list[str]:
    folder.prepare_start()
    return folder.configuration.read_text().splitlines()


def test_the_configuration_keeps_every_acknowledged_write(folder: ValkeyFolder) -> None:
    """The configuration sets AOF with fsync always, no eviction and no TCP port."""
    lines = configuration(folder)

    wanted = {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "port 0"}
    assert wanted <= set(lines)


def test_the_memory_limit_is_half_of_the_machine(folder: ValkeyFolder) -> None:
    """The server's maxmemory is half of the available memory."""
    assert f"maxmemory {int(memory_of_machine() / 2)}" in configuration(folder)


@pytest.mark.parametrize("limit", ["max\n", "", "9999999999999999\n"])
def test_a_container_without_a_limit_has_the_memory_of_the_machine(
    tmp_path: Path, limit: str
) -> None:
    """A missing, invalid or higher container limit gives the machine's memory."""
    (tmp_path / "memory.max").write_text(limit)

    assert memory_of_machine(tmp_path / "missing") == memory_of_machine(tmp_path / "memory.max")


def test_a_containers_limit_bounds_the_memory(tmp_path: Path) -> None:
    """A container limit below the machine's memory is used."""
    (tmp_path / "memory.max").write_text("104857600\n")

    assert memory_of_machine(tmp_path / "memory.max") == 104_857_600


def test_a_changed_configuration_is_overwritten(folder: ValkeyFolder) -> None:
    """Each start overwrites an edited or older configuration file."""
    folder.configuration.write_text("appendonly no\n")

    assert "appendonly no" not in configuration(folder)


def test_only_the_owner_may_enter_the_folder(folder: ValkeyFolder) -> None:
    """The folder of the socket and the data has mode 0700."""
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_long_path_listens_in_a_short_folder(deep: ValkeyFolder) -> None:
    """With a long data path the socket is in a private short folder, removed after the stop."""
    socket = deep.socket()

    assert len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES
    assert socket.parent.stat().st_mode & 0o777 == 0o700

    deep.clear_after_stop()

    assert not socket.parent.exists()


def test_the_next_server_listens_where_the_dead_one_did(deep: ValkeyFolder) -> None:
    """The next server reuses the dead server's socket path and removes the stale socket."""
    socket = deep.socket()
    socket.touch()
    deep.prepare_start()

    assert socket == deep.socket()
    assert not socket.exists()


def test_a_removed_short_folder_is_created_again(deep: ValkeyFolder) -> None:
    """A short folder that a cleanup removed is created again with mode 0700."""
    socket = deep.socket()
    socket.parent.rmdir()
    deep.prepare_start()

    assert socket == deep.socket()
    assert socket.parent.stat().st_mode & 0o777 == 0o700


def test_a_short_folder_that_others_may_enter_is_not_used_again(deep: ValkeyFolder) -> None:
    """A short folder with open permissions is replaced by a new one."""
    before = deep.socket()
    before.parent.chmod(0o777)
    deep.prepare_start()
    after = deep.socket()
    before.parent.rmdir()

    assert before != after


def test_a_link_in_the_short_folders_place_is_not_followed(
    deep: ValkeyFolder, tmp_path: Path
) -> None:
    """A symbolic link in place of the short folder is not followed."""
    before = deep.socket()
    before.parent.rmdir()
    before.parent.symlink_to(tmp_path)
    deep.prepare_start()
    after = deep.socket()
    before.parent.unlink()

    assert before != after


def test_a_copy_does_not_listen_where_its_original_does(deep: ValkeyFolder, tmp_path: Path) -> None:
    """A copied folder ignores the original's socket record and gets its own socket."""
    copy = ValkeyFolder(tmp_path / ("c" * MAX_SOCKET_PATH_BYTES))
    shutil.copytree(deep.path, copy.path)
    before = copy.socket()
    copy.prepare_start()

    assert before == copy.path / "valkey.sock"
    assert copy.socket().parent != deep.socket().parent

    copy.clear_after_stop()

    assert deep.socket().parent.exists()


def test_quotes_and_line_breaks_in_a_path_stay_in_the_path(tmp_path: Path) -> None:
    """Quotes and line breaks in a path are escaped and cannot add a setting."""
    odd = ValkeyFolder(tmp_path / 'a "b"\nappendonly no')
    odd.create()

    assert "appendonly no" not in configuration(odd)

    odd.clear_after_stop()


def test_a_large_log_is_rotated_at_start(folder: ValkeyFolder) -> None:
    """A log above 1 MiB is renamed at the start, so it does not fill the disk."""
    folder.log.write_bytes(b"x" * (1 << 20) + b"x")
    folder.prepare_start()

    assert not folder.log.exists()
    assert folder.log.with_suffix(".log.1").exists()
