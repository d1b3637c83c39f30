"""The demo with few households: the printed commands and figures match the service's responses."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Client, Server, recsvc, serving

PAGE = (Path(__file__).parent.parent.parent / "docs" / "privacy.md").read_text()
ROWS = re.findall(r"^\| (`[^|]+`) \|", PAGE.partition("## Inventory: files")[2], re.MULTILINE)


def path_pattern(place: str) -> re.Pattern[str]:
    """Return a pattern for a path of the inventory; a folder matches everything below it."""
    text = re.sub(r"<\w+>", "[^/]+", re.escape(place)).replace("…", "[^/]*")
    return re.compile(text + (".*" if place.endswith("/") else "(/.*)?"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(data_dir: Path) -> str:
    return recsvc("demo", "--no-serve", "--customers", "12", data_dir=data_dir).stdout


@pytest.fixture(scope="module")
def server(data_dir: Path, printed: str) -> Iterator[Server]:
    with serving(data_dir) as running:
        yield running


@pytest.fixture
def withdrawn(data_dir: Path, printed: str) -> Iterator[None]:
    """Withdraw a household's consent for the length of a test."""
    recsvc_here("consents", "withdraw", "1", "personalization", data_dir=data_dir)
    yield
    recsvc_here("consents", "grant", "1", "personalization", data_dir=data_dir)


def ask_as_printed(server: Server, printed: str, words: str) -> dict[str, object]:
    """Send the request of the curl command that follows the line containing `words`."""
    (key,) = re.findall(r"^SK=(\S+)$", printed, re.MULTILINE)
    (command,) = re.findall(rf"^# .*{words}.*\n(curl .+)$", printed, re.MULTILINE)
    path = shlex.split(command)[-1].partition(":8000")[2]
    client: Client = server.client(key)
    answer: dict[str, object] = client.get(path).json
    return answer


def test_the_printed_commands_show_the_effect_of_consent(server: Server, printed: str) -> None:
    """The printed requests return a personal list with consent, the popular list without consent or
    without a customer, and similar items for an item.
    """
    consenting = ask_as_printed(server, printed, "with consent")
    refusing = ask_as_printed(server, printed, "without consent")
    anonymous = ask_as_printed(server, printed, "Without a customer")
    item = ask_as_printed(server, printed, "Items similar to")

    assert (consenting["personalized"], consenting["slate"]) == (True, "for_you")
    assert (refusing["personalized"], refusing["fallback"]) == (False, "no_consent")
    assert refusing["items"] == anonymous["items"]
    assert item["slate"] == "similar"


def test_the_printed_decision_matches_the_service(server: Server, printed: str) -> None:
    """The printed offers are the offers that the service returns for the household."""
    (shown,) = re.findall(r"^# Offered to household .*\n((?:#   .+\n)+)", printed, re.MULTILINE)
    decision = ask_as_printed(server, printed, "with all figures")

    assert decision["personalized"] is True
    offers = [f"#   {each['title']} ({each['reason']['text']})" for each in decision["offers"]]  # type: ignore[attr-defined]
    assert shown.splitlines() == offers


def test_a_second_demo_keeps_withdrawals(data_dir: Path, withdrawn: None, server: Server) -> None:
    """A second run of the demo does not undo a withdrawal."""
    again = recsvc_here("demo", "--no-serve", "--customers", "12", data_dir=data_dir)
    answer = ask_as_printed(server, again.stdout, "with consent")

    assert answer["fallback"] == "no_consent"


def test_the_privacy_page_lists_every_file_of_the_demo(data_dir: Path, printed: str) -> None:
    """The privacy page's inventory lists every file that the demo leaves in the data folder."""
    places = [path_pattern(place) for row in ROWS for place in re.findall("`([^`]+)`", row)]
    left = {path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*")}
    files = {name for name in left if not (data_dir / name).is_dir()}

    ours = {name for name in files if re.fullmatch(r"serve-\d+\.log", name)}  # see processes.py
    unnamed = {name for name in files - ours if not any(place.fullmatch(name) for place in places)}

    assert {"demo/purchases.parquet", "secret"} < files
    assert unnamed == set()
