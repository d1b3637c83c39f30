"""The embedded server keeps its data through anything, and belongs to whoever uses it."""

import os
import shutil
import socket
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
from tests.integration.servers import answers, ask, frozen, kill_server, process_of, until


def kept_after(folder: Path) -> object:
    """Return what the next user of the folder finds under `kept`."""
    with EmbeddedValkey(folder) as server:
        return ask(server.url, "GET", "kept")


def write(server: EmbeddedValkey) -> None:
    ask(server.url, "SET", "kept", "yes")


def test_it_keeps_every_acknowledged_write(own_server: EmbeddedValkey) -> None:
    """AOF always and no eviction, as the service demands of any Redis."""
    with client(own_server.url, 2.0) as store:
        check_durability(store, Settings())


def test_it_listens_on_no_network(own_server: EmbeddedValkey) -> None:
    """Only processes that may enter the data folder reach it."""
    with client(own_server.url, 2.0) as store:
        assert store.config_get("port") == {"port": "0"}


def test_data_survives_a_restart(own_folder: Path) -> None:
    """The last to leave stops the server; the next finds what was written."""
    with EmbeddedValkey(own_folder) as server:
        write(server)
        url = server.url

    assert not answers(url)
    assert kept_after(own_folder) == b"yes"


def test_an_acknowledged_write_survives_a_kill(own_folder: Path) -> None:
    """Nothing is left to a graceful end."""
    with EmbeddedValkey(own_folder) as server:
        write(server)
        kill_server(server.url)

    assert kept_after(own_folder) == b"yes"


def test_joining_again_revives_a_killed_server(own_server: EmbeddedValkey) -> None:
    """A member of a dead server can have it back."""
    write(own_server)
    kill_server(own_server.url)

    assert ask(own_server.join(), "GET", "kept") == b"yes"


def test_a_supervised_server_comes_back_by_itself(own_server: EmbeddedValkey) -> None:
    """The serving process restarts a server that died."""
    write(own_server)
    own_server.supervise()
    kill_server(own_server.url)
    until(lambda: answers(own_server.url))

    assert ask(own_server.url, "GET", "kept") == b"yes"


def test_a_server_under_a_long_path_comes_back_at_the_same_address(own_folder: Path) -> None:
    """Workers are told the address once, when they start."""
    with EmbeddedValkey(own_folder / ("d" * 120)) as server:
        write(server)
        url = server.url
        server.supervise()
        kill_server(url)
        until(lambda: answers(url))

        assert server.url == url
        assert ask(url, "GET", "kept") == b"yes"
    assert not Path(url.removeprefix("unix://")).parent.exists()


def test_a_half_written_last_entry_is_no_obstacle(own_folder: Path) -> None:
    """A power cut may leave the tail of the append-only file torn."""
    with EmbeddedValkey(own_folder) as server:
        write(server)
    [log] = (own_folder / "valkey" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$2\r\nno")

    assert kept_after(own_folder) == b"yes"


def test_a_stale_socket_is_no_obstacle(own_folder: Path) -> None:
    """A socket file says nothing about life."""
    with EmbeddedValkey(own_folder) as server:
        write(server)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(own_folder / "valkey" / "valkey.sock"))

    assert kept_after(own_folder) == b"yes"


def test_an_ordinary_file_in_the_sockets_place_is_no_obstacle(own_folder: Path) -> None:
    """Backup tools restore sockets as empty files."""
    (own_folder / "valkey").mkdir()
    (own_folder / "valkey" / "valkey.sock").touch()

    assert kept_after(own_folder) is None


def test_a_moved_folder_works(own_folder: Path) -> None:
    """No path is kept in the data."""
    with EmbeddedValkey(own_folder / "here") as server:
        write(server)
    (own_folder / "here").rename(own_folder / "there")

    assert kept_after(own_folder / "there") == b"yes"


def test_a_copy_has_a_server_of_its_own(own_folder: Path) -> None:
    """Also while the original runs under a path too long for its socket."""
    original = own_folder / ("d" * 120)
    with EmbeddedValkey(original) as server:
        write(server)
    with EmbeddedValkey(original) as server:
        shutil.copytree(original, own_folder / "copy", ignore=shutil.ignore_patterns("*.sock"))
        with EmbeddedValkey(own_folder / "copy") as copy:
            ask(copy.url, "SET", "kept", "changed")

        assert ask(server.url, "GET", "kept") == b"yes"
    assert kept_after(own_folder / "copy") == b"changed"


def test_a_long_path_works(own_folder: Path) -> None:
    """Whatever the operator's folder is called, and however deep it lies."""
    deep = own_folder / ("long " * 20) / 'ünï "quoted" %41'
    with EmbeddedValkey(deep) as server:
        write(server)
        listening = Path(server.url.removeprefix("unix://"))

    assert not listening.parent.exists()
    assert kept_after(deep) == b"yes"


def test_members_of_one_process_share_it(own_server: EmbeddedValkey, own_folder: Path) -> None:
    """One that leaves does not take it from the others."""
    process = process_of(own_server.url)
    with EmbeddedValkey(own_folder) as second:
        assert process_of(second.url) == process
    assert answers(own_server.url)


def test_a_forked_child_cannot_stop_it(own_server: EmbeddedValkey) -> None:
    """The child's copy of the object is nobody's part in the server."""
    child = os.fork()
    if not child:
        own_server.leave()
        os._exit(0)
    os.waitpid(child, 0)

    assert answers(own_server.url)


def test_a_started_program_holds_no_lock(own_server: EmbeddedValkey) -> None:
    """What the service starts does not keep the server alive after it."""
    url = own_server.url
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    ) as program:
        own_server.leave()
        stopped = not answers(url)
        program.communicate(b"\n")

    assert stopped


def test_leaving_twice_is_leaving_once(own_server: EmbeddedValkey) -> None:
    """Shutdown paths may cross."""
    own_server.leave()
    own_server.leave()


def test_it_waits_while_the_server_loads(own_folder: Path) -> None:
    """A big data folder takes longer to load than anybody's patience."""
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


def test_a_folder_that_cannot_be_made_is_named(own_folder: Path) -> None:
    """An error that a command line can show."""
    (own_folder / "file").touch()
    with pytest.raises(StoreUnavailable, match="file/data"):
        EmbeddedValkey(own_folder / "file" / "data").join()


def test_a_server_that_cannot_start_says_why(own_folder: Path) -> None:
    """The server's own last words are in the error."""
    manifest = own_folder / "valkey" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("no manifest\n")
    with pytest.raises(StoreUnavailable, match="AOF manifest"):
        EmbeddedValkey(own_folder).join()
    shutil.rmtree(manifest.parent)


def test_a_server_that_is_silent_is_not_waited_for_for_ever(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody lives in the folder and does not answer: that is said, not started twice."""
    monkeypatch.setattr(embedded, "SILENCE_SECONDS", 0.1)
    folder = ValkeyFolder(own_folder)
    folder.create()
    lock = FileLock(folder.server_lock)
    assert lock.try_own()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        EmbeddedValkey(own_folder).join()
    lock.release()


def test_who_waits_for_another_process_says_so(own_folder: Path) -> None:
    """A terminal that shows nothing looks like a program that hangs."""
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


def test_leaving_a_server_that_hangs_takes_no_longer_than_said(
    own_server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left as it is, and said; whoever joins next deals with it."""
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.1)
    with capture_logs() as logs, frozen(own_server.url):
        own_server.leave()

    assert "embedded_server_left_running" in {entry["event"] for entry in logs}


def test_leaving_does_not_wait_for_a_lock_that_nobody_gives(
    own_server: EmbeddedValkey, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may be waiting for the same server that hangs."""
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.1)
    lock = FileLock(ValkeyFolder(own_folder).start_lock)
    assert lock.try_own()
    own_server.leave()
    lock.release()

    assert answers(own_server.url)


def test_leaving_ends_the_wait_for_a_server_that_hangs(
    own_server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watching thread is in the middle of its patience."""
    monkeypatch.setattr(embedded, "LEAVE_SECONDS", 0.1)
    with capture_logs() as logs, frozen(own_server.url):
        own_server.supervise()
        until(lambda: "waiting" in {entry["event"] for entry in logs})
        began = time.monotonic()
        own_server.leave()
        took = time.monotonic() - began

    assert took < embedded.SILENCE_SECONDS / 4
