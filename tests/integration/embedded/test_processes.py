"""Several processes share one server, and any of them may die at any moment."""

from collections.abc import Callable
from pathlib import Path

from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import Member, answers, ask, kill_server, process_of, until

StartMember = Callable[[Path], Member]


def test_processes_that_start_at_once_start_one_server(
    own_folder: Path, start_member: StartMember
) -> None:
    """Processes that start at once share one server; two would destroy the append-only file."""
    members = [start_member(own_folder) for _ in range(4)]
    urls = {member.url() for member in members}

    assert len(urls) == 1
    assert ask(urls.pop(), "INCR", "started") == 1


def test_the_last_process_stops_the_server(own_folder: Path, start_member: StartMember) -> None:
    """The server runs until its last process leaves, whichever process started it."""
    first = start_member(own_folder)
    url = first.url()
    second = start_member(own_folder)
    second.url()
    first.leave()

    assert answers(url)

    second.leave()

    assert not answers(url)


def test_a_killed_process_affects_no_other(own_folder: Path, start_member: StartMember) -> None:
    """The server survives the kill of the process that started it, and the last one stops it."""
    starter = start_member(own_folder)
    url = starter.url()
    with EmbeddedValkey(own_folder) as server:
        starter.kill()

        assert answers(server.url)
    assert not answers(url)


def test_after_all_processes_were_killed_the_next_takes_over(
    own_folder: Path, start_member: StartMember
) -> None:
    """An orphaned server keeps running with its data; the next process uses it and stops it."""
    members = [start_member(own_folder) for _ in range(2)]
    [url] = {member.url() for member in members}
    ask(url, "SET", "kept", "yes")
    process = process_of(url)
    for member in members:
        member.kill()
    with EmbeddedValkey(own_folder) as server:
        assert process_of(server.url) == process
        assert ask(server.url, "GET", "kept") == b"yes"
    assert not answers(url)


def test_a_process_killed_during_the_start_does_not_block_the_next(
    own_folder: Path, start_member: StartMember
) -> None:
    """The next process starts the server if a killed process left it half started."""
    starter = start_member(own_folder)
    until((own_folder / "valkey" / "valkey.conf").exists)
    starter.kill()
    with EmbeddedValkey(own_folder) as server:
        url = server.url

        assert answers(url)
    assert not answers(url)


def test_after_everything_was_killed_the_next_start_recovers(
    own_folder: Path, start_member: StartMember
) -> None:
    """After a kill of the server and its process, as in a power cut, the data is intact."""
    member = start_member(own_folder)
    ask(member.url(), "SET", "kept", "yes")
    kill_server(member_url := str(EmbeddedValkey(own_folder).url))
    member.kill()
    with EmbeddedValkey(own_folder) as server:
        assert server.url == member_url
        assert ask(server.url, "GET", "kept") == b"yes"
