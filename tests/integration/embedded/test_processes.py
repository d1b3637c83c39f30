"""Several processes share one server, and any of them may die at any moment."""

from collections.abc import Callable
from pathlib import Path

from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import Member, answers, ask, kill_server, process_of, until

StartMember = Callable[[Path], Member]


def test_processes_that_start_at_once_start_one_server(
    own_folder: Path, start_member: StartMember
) -> None:
    """Two servers on one append-only file would destroy it."""
    members = [start_member(own_folder) for _ in range(4)]
    urls = {member.url() for member in members}

    assert len(urls) == 1
    assert ask(urls.pop(), "INCR", "started") == 1


def test_the_last_to_leave_stops_it(own_folder: Path, start_member: StartMember) -> None:
    """Whoever started it: it runs for as long as somebody uses it, and no longer."""
    first = start_member(own_folder)
    url = first.url()
    second = start_member(own_folder)
    second.url()
    first.leave()

    assert answers(url)

    second.leave()

    assert not answers(url)


def test_a_killed_user_takes_nothing_with_it(own_folder: Path, start_member: StartMember) -> None:
    """Neither the server of the others, nor their way of stopping it."""
    starter = start_member(own_folder)
    url = starter.url()
    with EmbeddedValkey(own_folder) as server:
        starter.kill()

        assert answers(server.url)
    assert not answers(url)


def test_after_all_users_were_killed_the_next_takes_over(
    own_folder: Path, start_member: StartMember
) -> None:
    """The orphaned server goes on, with its data, and is stopped in the end."""
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


def test_a_user_killed_while_it_starts_the_server_is_no_obstacle(
    own_folder: Path, start_member: StartMember
) -> None:
    """The next finds a server half started, or none, and goes on from there."""
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
    """A machine that loses power has no time to tidy up."""
    member = start_member(own_folder)
    ask(member.url(), "SET", "kept", "yes")
    kill_server(member_url := str(EmbeddedValkey(own_folder).url))
    member.kill()
    with EmbeddedValkey(own_folder) as server:
        assert server.url == member_url
        assert ask(server.url, "GET", "kept") == b"yes"
