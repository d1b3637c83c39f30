"""`recsvc offers`: import, list, show and delete."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.config import Settings
from recsvc.domain.values.ids import ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.contract.grocery import publish_grocery

DEAL = {"offer_id": "a deal: {1}*", "title": "A deal", "kind": "gift", "codes": ["A", "B"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data_dir = tmp_path_factory.mktemp("offers")
    with EmbeddedValkey(data_dir):
        yield data_dir


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["offers", *words, "--data-dir", str(folder)])


def imported(folder: Path, tmp_path: Path, lines: list[object], *words: str) -> Result:
    file = tmp_path / "offers.ndjson"
    file.write_text("\n\n".join(map(json.dumps, lines)))
    return run(folder, "import", str(file), *words)


def test_offers_are_imported_shown_and_deleted(folder: Path, tmp_path: Path) -> None:
    """Imported offers are listed, shown without codes, and deleted; blank lines are skipped."""
    result = imported(folder, tmp_path, [DEAL], "--shop", "one", "--json")

    assert json.loads(result.stdout) == {"imported": 1, "bad": 0, "warnings": []}
    (listed,) = json.loads(run(folder, "list", "--shop", "one", "--json").stdout)
    shown = json.loads(run(folder, "show", DEAL["offer_id"], "--shop", "one").stdout)
    assert listed == shown
    assert (shown["title"], shown["state"]["codes_left"]) == ("A deal", 2)
    assert "codes" not in shown
    assert "a deal: {1}*" in run(folder, "list", "--shop", "one").stdout
    assert run(folder, "delete", DEAL["offer_id"], "--shop", "one").exit_code == 0
    for command in ("show", "delete"):
        again = run(folder, command, DEAL["offer_id"], "--shop", "one")
        assert (again.exit_code, "no offer" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ({**DEAL, "value": -1}, ":1: value: -1 is not"),
        ({**DEAL, "codes": ["A", "A"]}, ":1: codes"),
        ({**DEAL, "offer_id": 7}, ":1: offer_id is not a valid id: 7 is not a string"),
        ({"title": "A deal", "kind": "gift"}, ":1: offer_id is not a valid id: missing"),
        ([], ":1: "),
    ],
    ids=str,
)
def test_bad_lines_are_named_and_stop_the_import(
    folder: Path, tmp_path: Path, line: object, reported: str
) -> None:
    """Too many invalid lines end the import with exit code 2; nothing is imported."""
    result = imported(folder, tmp_path, [line, {**DEAL, "offer_id": "good"}], "--shop", "two")

    assert result.exit_code == 2
    assert reported in result.stderr
    assert "no such shop" in run(folder, "list", "--shop", "two").stderr


def test_unknown_names_are_imported_with_a_warning(folder: Path, tmp_path: Path) -> None:
    """The first warnings are on stderr, all of them in the JSON output."""
    milk = tmp_path / "items.ndjson"
    milk.write_text('{"item_id": "milk", "category": "dairy"}')
    words = ["items", "import", str(milk), "--shop", "three", "--data-dir", str(folder)]
    assert CliRunner().invoke(app, words).exit_code == 0
    known = {**DEAL, "items": ["milk"], "categories": ["dairy"]}
    strange = [
        {**DEAL, "offer_id": f"deal-{number}", "items": ["milk", "mlik"], "brands": ["Caw"]}
        for number in range(4)
    ]
    result = imported(folder, tmp_path, [known, *strange], "--shop", "three", "--json")
    reported = json.loads(result.stdout)

    assert (result.exit_code, reported["imported"], len(reported["warnings"])) == (0, 5, 8)
    assert reported["warnings"][0] == {
        "offer_id": "deal-0",
        "field": "items",
        "detail": '1 of 2 unknown to catalogue and model: "mlik"',
    }
    assert result.stderr.splitlines() == [
        'deal-0: items: 1 of 2 unknown to catalogue and model: "mlik"',
        'deal-0: brands: 1 of 1 unknown to catalogue and model: "Caw"',
        'deal-1: items: 1 of 2 unknown to catalogue and model: "mlik"',
        'deal-1: brands: 1 of 1 unknown to catalogue and model: "Caw"',
        'deal-2: items: 1 of 2 unknown to catalogue and model: "mlik"',
        "and 3 more warnings; use --json for all of them",
    ]


def test_an_item_of_the_model_is_known(folder: Path, tmp_path: Path) -> None:
    """An item that only the model contains causes no warning."""
    with open_stores(Settings(data_dir=folder)) as stores:
        publish_grocery(stores, ShopName("four"))
    offer = {**DEAL, "items": ["item-00", "item-99"]}
    result = imported(folder, tmp_path, [offer], "--shop", "four", "--json")

    (warning,) = json.loads(result.stdout)["warnings"]
    assert warning["detail"] == '1 of 2 unknown to catalogue and model: "item-99"'


def test_a_file_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    """A file without the suffix .ndjson is refused."""
    file = tmp_path / "offers.csv"
    file.write_text("")
    result = run(folder, "import", str(file))

    assert (result.exit_code, "its name must end in .ndjson" in result.stderr) == (2, True)
