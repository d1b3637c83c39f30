"""The demo, on few households: what it prints is true of what it made."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import Client, Server, recsvc, serving

PAGE = (Path(__file__).parent.parent.parent / "docs" / "privacy.md").read_text()
ROWS = re.findall(r"^\| (`[^|]+`) \|", PAGE.partition("## Inventory: files")[2], re.MULTILINE)


def named(place: str) -> re.Pattern[str]:
    """Return what a place of the page's inventory names: a folder with all that is in it."""
    text = re.sub(r"<\w+>", "[^/]+", re.escape(place)).replace("…", "[^/]*")
    return re.compile(text + (".*" if place.endswith("/") else "(/.*)?"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(data_dir: Path) -> str:
    return recsvc("demo", "--no-serve", "--customers", "40", data_dir=data_dir).stdout


@pytest.fixture(scope="module")
def server(data_dir: Path, printed: str) -> Iterator[Server]:
    with serving(data_dir) as running:
        yield running


@pytest.fixture
def withdrawn(data_dir: Path, printed: str) -> Iterator[None]:
    """Let a household withdraw for the length of a test."""
    recsvc_here("consents", "withdraw", "1", "personalization", data_dir=data_dir)
    yield
    recsvc_here("consents", "grant", "1", "personalization", data_dir=data_dir)


def ask_as_printed(server: Server, printed: str, words: str) -> dict[str, object]:
    """Make the request of the curl below the line that contains `words`."""
    (key,) = re.findall(r"^SK=(\S+)$", printed, re.MULTILINE)
    (command,) = re.findall(rf"^# .*{words}.*\n(curl .+)$", printed, re.MULTILINE)
    path = shlex.split(command)[-1].partition(":8000")[2]
    client: Client = server.client(key)
    answer: dict[str, object] = client.get(path).json
    return answer


def test_the_printed_commands_show_consent_at_work(server: Server, printed: str) -> None:
    """A household that consents, one that does not, nobody, and an item: each as announced."""
    consenting = ask_as_printed(server, printed, "who consents")
    refusing = ask_as_printed(server, printed, "who does not")
    nobody = ask_as_printed(server, printed, "Nobody")
    item = ask_as_printed(server, printed, "What goes with")

    assert (consenting["personalized"], consenting["slate"]) == (True, "for_you")
    assert (refusing["personalized"], refusing["fallback"]) == (False, "no_consent")
    assert refusing["items"] == nobody["items"]
    assert item["slate"] == "similar"


def test_the_printed_decision_is_the_services(server: Server, printed: str) -> None:
    """Real coupons, some of them live: those that are named are what the service answers."""
    (shown,) = re.findall(r"^# Offered to household .*\n((?:#   .+\n)+)", printed, re.MULTILINE)
    decision = ask_as_printed(server, printed, "with all figures")

    assert decision["personalized"] is True
    offers = [f"#   {each['title']} ({each['reason']['text']})" for each in decision["offers"]]  # type: ignore[attr-defined]
    assert shown.splitlines() == offers


def test_a_second_demo_keeps_what_customers_have_said_since(
    data_dir: Path, withdrawn: None, server: Server
) -> None:
    """Running the demo again never undoes a withdrawal."""
    again = recsvc("demo", "--no-serve", "--customers", "40", data_dir=data_dir)
    answer = ask_as_printed(server, again.stdout, "who consents")

    assert answer["fallback"] == "no_consent"


def test_the_privacy_page_names_all_that_the_demo_leaves(data_dir: Path, printed: str) -> None:
    """Every file of the data folder has its row in the inventory."""
    places = [named(place) for row in ROWS for place in re.findall("`([^`]+)`", row)]
    left = {path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*")}
    files = {name for name in left if not (data_dir / name).is_dir()}

    ours = {name for name in files if re.fullmatch(r"serve-\d+\.log", name)}  # see processes.py
    unnamed = {name for name in files - ours if not any(place.fullmatch(name) for place in places)}

    assert {"demo/purchases.parquet", "secret"} < files
    assert unnamed == set()
