"""`recsvc items`: import from a file with faults by line, and list."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.stores.embedded.server import EmbeddedValkey


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data_dir = tmp_path_factory.mktemp("items")
    with EmbeddedValkey(data_dir):
        yield data_dir


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["items", *words, "--data-dir", str(folder)])


def listed(folder: Path, shop: str) -> dict[str, dict[str, object]]:
    rows = json.loads(run(folder, "list", "--shop", shop, "--json").stdout)
    return {row["item_id"]: row for row in rows}


def test_a_csv_is_imported(folder: Path, tmp_path: Path) -> None:
    """Cells are converted to the values of the API; an empty cell is an absent field."""
    file = tmp_path / "items.csv"
    file.write_text("item_id,title,price,in_stock\nmilk,Milk,1.19,no\nbread,,,\n")

    result = run(folder, "import", str(file), "--shop", "csv", "--json")

    assert json.loads(result.stdout) == {"imported": 2, "bad": 0}
    found = listed(folder, "csv")
    assert (found["milk"]["price"], found["milk"]["in_stock"]) == (1.19, False)
    assert (found["bread"]["title"], found["bread"]["in_stock"]) == (None, True)


def test_a_csv_has_lists_and_attributes(folder: Path, tmp_path: Path) -> None:
    """A cell of an attribute is a number, a truth value or a text, as JSON writes them."""
    file = tmp_path / "items.csv"
    file.write_text(
        "item_id,category,categories,attributes.size,attributes.code,attributes\n"
        'boot,Apparel>Shoes,Sale | New>In |,42,007,"{""wide"": true, ""size"": 1}"\n'
        "sock,,,true,NaN,\n"
    )

    assert run(folder, "import", str(file), "--shop", "lists").exit_code == 0
    found = listed(folder, "lists")
    assert found["boot"]["category"] == "Apparel > Shoes"
    assert found["boot"]["categories"] == ["Sale", "New > In"]
    assert found["boot"]["attributes"] == {"wide": True, "size": 42, "code": "007"}
    assert found["sock"]["attributes"] == {"size": True, "code": "NaN"}


def test_lines_of_json_are_imported(folder: Path, tmp_path: Path) -> None:
    """Blank lines are skipped."""
    file = tmp_path / "items.ndjson"
    file.write_text('{"item_id": "milk", "hidden": true}\n\n{"item_id": "bread"}\n')

    assert run(folder, "import", str(file), "--shop", "lines").exit_code == 0
    assert listed(folder, "lines")["milk"]["hidden"] is True


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.ndjson", '{"item_id": "a"}\n{"item_id": "b", "price": -1}\n', ":2: price: -1 is not"),
        ("a.ndjson", "{\n", ":1: not a JSON object"),
        ("a.csv", "item_id,price\na,cheap\n", ':2: price: "cheap" is not'),
        ("a.csv", "item_id,category\na,Tea >\n", ':2: category: "Tea >" is not'),
        ("a.csv", "item_id,attributes\na,{\n", ':2: attributes: "{" is not'),
        ("a.csv", "id,price\na,1\n", "no column item_id"),
        ("a.ndjson", "\xff", ":1: the line is not UTF-8"),
        ("a.txt", "", "must end in .ndjson or .csv"),
    ],
)
def test_a_bad_file_imports_nothing(
    folder: Path, tmp_path: Path, name: str, content: str, message: str
) -> None:
    """The command exits with 2 and names the line, the value and the rule."""
    file = tmp_path / name
    file.write_bytes(content.encode("latin-1"))

    result = run(folder, "import", str(file), "--shop", "bad")

    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")
    assert "no such shop" in run(folder, "list", "--shop", "bad").stderr


def test_a_few_bad_lines_may_be_allowed(folder: Path, tmp_path: Path) -> None:
    """Bad lines within the limit are reported and skipped."""
    file = tmp_path / "items.ndjson"
    file.write_text('{"item_id": "a"}\n{"item_id": "b", "price": -1}\n')

    result = run(folder, "import", str(file), "--shop", "few", "--max-bad", "50")

    assert (result.exit_code, set(listed(folder, "few"))) == (0, {"a"})
    assert "items.ndjson:2" in result.stderr
