"""The embedded server: durability, restarts, paths, membership and bounded waits."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from recsvc.config import Settings
from recsvc.domain.errors import StoreUnavailable
from recsvc.filesystem.file_lock import FileLock
from recsvc.stores.client.connection import client
from recsvc.stores.client.durability import check_durability
from recsvc.stores.embedded import process as valkey_process
from recsvc.stores.embedded import server as embedded
from recsvc.stores.embedded.folder import ValkeyFolder
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import (
    answers,
    ask,
    frozen,
    kept_after,
    kill_server,
    process_of,
    until,
    write_kept,
)


def test_the_embedded_server_passes_the_durability_check(own_server: EmbeddedValkey) -> None:
    """The embedded server has the durability settings that the service requires."""
    with client(own_server.url, 2.0) as store:
        check_durability(store, Settings())


def test_the_server_listens_on_no_network(own_server: EmbeddedValkey) -> None:
    """The server has no TCP port; only processes with access to the data folder reach it."""
    with client(own_server.url, 2.0) as store:
        assert store.config_get("port") == {"port": "0"}


def test_data_survives_a_restart(own_folder: Path) -> None:
    """Data written before the last process leaves is there after the next start."""
    with EmbeddedValkey(own_folder) as server:
        write_kept(server)
        url = server.url

    assert not answers(url)
    assert kept_after(own_folder) == b"yes"


def test_an_acknowledged_write_survives_a_kill(own_folder: Path) -> None:
    """An acknowledged write survives a SIGKILL of the server."""
    with EmbeddedValkey(own_folder) as server:
        write_kept(server)
        kill_server(server.url)

    assert kept_after(own_folder) == b"yes"


def test_joining_again_restarts_a_killed_server(own_server: EmbeddedValkey) -> None:
    """A process that joins again restarts a killed server with its data."""
    write_kept(own_server)
    kill_server(own_server.url)

    assert ask(own_server.join(), "GET", "kept") == b"yes"


def test_a_supervised_server_is_restarted(own_server: EmbeddedValkey) -> None:
    """The supervising process restarts a server that died."""
    write_kept(own_server)
    own_server.supervise()
    kill_server(own_server.url)
    until(lambda: answers(own_server.url))

    assert ask(own_server.url, "GET", "kept") == b"yes"


def test_a_half_written_last_entry_is_dropped(own_folder: Path) -> None:
    """A torn last entry of the append-only file, as after a power cut, is dropped."""
    with EmbeddedValkey(own_folder) as server:
        write_kept(server)
    [log] = (own_folder / "valkey" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$2\r\nno")

    assert kept_after(own_folder) == b"yes"


def test_members_in_one_process_share_a_server(
    own_server: EmbeddedValkey, own_folder: Path
) -> None:
    """A member that leaves does not stop the server of another member in the same process."""
    process = process_of(own_server.url)
    with EmbeddedValkey(own_folder) as second:
        assert process_of(second.url) == process
    assert answers(own_server.url)


def test_a_forked_child_cannot_stop_the_server(own_server: EmbeddedValkey) -> None:
    """A forked child that calls `leave` does not stop the server."""
    child = os.fork()
    if not child:
        own_server.leave()
        os._exit(0)
    os.waitpid(child, 0)

    assert answers(own_server.url)


def test_a_started_program_holds_no_lock(own_server: EmbeddedValkey) -> None:
    """A program started by the service holds no lock, so it does not keep the server running."""
    url = own_server.url
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    ) as program:
        own_server.leave()
        stopped = not answers(url)
        program.communicate(b"\n")

    assert stopped


def test_leaving_twice_is_leaving_once(own_server: EmbeddedValkey) -> None:
    """A second call of `leave` does nothing."""
    own_server.leave()
    own_server.leave()


def test_joining_waits_while_the_server_loads(own_folder: Path) -> None:
    """A process that joins waits as long as the server loads its data."""
    with EmbeddedValkey(own_folder) as server:
        ask(server.url, "EVAL", "for i = 1, 3000 do redis.call('SET', i, i) end", "0")
    folder = ValkeyFolder(own_folder)
    lock = FileLock(folder.server_lock)
    assert lock.try_own()
    slowed = valkey_process.start(folder, lock, ["--key-load-delay", "300"])
    lock.close()
    with EmbeddedValkey(own_folder) as server:
        assert process_of(server.url) == slowed.pid
        assert ask(server.url, "DBSIZE") == 3000


def test_the_error_of_a_failed_start_has_the_servers_log(own_folder: Path) -> None:
    """The error of a failed start contains the server's last log lines."""
    manifest = own_folder / "valkey" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("no manifest\n")
    with pytest.raises(StoreUnavailable, match="AOF manifest"):
        EmbeddedValkey(own_folder).join()
    shutil.rmtree(manifest.parent)


def test_joining_a_silent_server_fails_after_a_limit(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live server that does not answer is an error; no second server is started."""
    monkeypatch.setattr(embedded, "SILENCE_SECONDS", 0.1)
    folder = ValkeyFolder(own_folder)
    folder.create()
    lock = FileLock(folder.server_lock)
    assert lock.try_own()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        EmbeddedValkey(own_folder).join()
    lock.release()


def test_a_wait_for_another_process_is_logged(own_folder: Path) -> None:
    """A wait for another process is logged as a warning."""
    folder = ValkeyFolder(own_folder)
    folder.create()
    lock = FileLock(folder.start_lock)
    assert lock.try_own()
    member = EmbeddedValkey(own_folder)
    joining = threading.Thread(target=member.join)
    with capture_logs() as logs:
        joining.start()
        until(lambda: bool(logs))
        lock.release()
        joining.join()
    member.leave()

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("waiting", "warning")]


def test_leaving_a_hanging_server_has_a_time_limit(
    own_server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the limit a hanging server stays running, and an error is logged."""
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.1)
    with capture_logs() as logs, frozen(own_server.url):
        own_server.leave()

    assert "embedded_server_left_running" in {entry["event"] for entry in logs}


def test_leaving_does_not_wait_for_ever_for_a_lock(
    own_server: EmbeddedValkey, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start lock that stays held delays `leave` only up to the limit."""
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.1)
    lock = FileLock(ValkeyFolder(own_folder).start_lock)
    assert lock.try_own()
    own_server.leave()
    lock.release()

    assert answers(own_server.url)


def test_leaving_ends_the_supervisors_wait(
    own_server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`leave` interrupts the supervisor's wait for a hanging server."""
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.1)
    with capture_logs() as logs, frozen(own_server.url):
        own_server.supervise()
        until(lambda: "waiting" in {entry["event"] for entry in logs})
        began = time.monotonic()
        own_server.leave()
        took = time.monotonic() - began

    assert took < embedded.SILENCE_SECONDS / 4
