"""Catalogue files: list columns, text conventions of CSV, and counts of ignored values."""

from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from training.cli_output import print_catalogue
from training.errors import InputUnreadable
from training.sources.item_catalogue import SCHEMA, ItemCatalogue
from training.sources.item_files import read_catalogue_file

CSV = """item_id,title,description,category,categories,brand,price,currency,item_group_id,\
attributes.colour,attributes.size,attributes,sensitive,stock
a,Boot,Warm,Apparel>Shoes,Sale | Winter>Warm,Alp,19.90,EUR,boot,red,42,"{""waterproof"": true}",no,3
b,,,Apparel > > Shoes,|,,-1,euro,,,,[],,
b,Shoe,,Apparel,,,5,EUR,,,,,yes,
"""


def read(tmp_path: Path, table: pl.DataFrame) -> ItemCatalogue:
    table.write_parquet(tmp_path / "items.parquet")
    return read_catalogue_file(tmp_path / "items.parquet")


def test_csv_has_lists_in_one_text_and_attributes_in_columns(tmp_path: Path) -> None:
    """Ignored values are counted by column; the last row of an item counts."""
    (tmp_path / "items.csv").write_text(CSV)
    found = read_catalogue_file(tmp_path / "items.csv")
    boot, shoe = found.table.to_dicts()

    assert found.table.schema == SCHEMA
    assert boot == {
        "item_id": "a",
        "title": "Boot",
        "description": "Warm",
        "category": "Apparel > Shoes",
        "categories": ["Sale", "Winter > Warm"],
        "brand": "Alp",
        "price": 19.9,
        "currency": "EUR",
        "item_group_id": "boot",
        "attributes": ["colour=red", "size=42", "waterproof=true"],
        "sensitive": False,
    }
    assert (shoe["title"], shoe["price"], shoe["attributes"]) == ("Shoe", 5.0, [])
    assert found.ignored_values == {"attributes": 1, "category": 1, "currency": 1, "price": 1}
    assert found.ignored_columns == ("stock",)
    assert (found.items, found.bad_rows, found.repeated_rows) == (2, 0, 1)
    assert found.sensitive == {"b"}


def test_parquet_has_lists_structs_and_maps(tmp_path: Path) -> None:
    """Numbers are written as decimal text, true and false as words."""
    structs = [{"colour": "red", "size": 42.0, "wide": True}, {"colour": None, "size": 1.5}]
    table = pl.DataFrame(
        {
            "item_id": [2, 1],
            "categories": [["Tea", "Tea", " Gift>Cups "], None],
            "attributes": structs,
        }
    )
    first, second = read(tmp_path, table).table.to_dicts()

    assert (first["item_id"], first["attributes"]) == ("1", ["size=1.5"])
    assert second["categories"] == ["Tea", "Gift > Cups"]
    assert second["attributes"] == ["colour=red", "size=42", "wide=true"]

    pairs = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
    maps = pl.Series("attributes", [[{"key": "colour", "value": "blue"}]], dtype=pairs)
    assert read(tmp_path, pl.DataFrame([pl.Series("item_id", ["1"]), maps])).table[
        "attributes"
    ].to_list() == [["colour=blue"]]


def test_control_characters_and_long_texts_do_not_lose_a_text(tmp_path: Path) -> None:
    """Titles and descriptions are features only: they are cut, and control characters replaced."""
    table = pl.DataFrame({"item_id": ["1"], "title": ["a\nb"], "description": ["x" * 5000]})
    row = read(tmp_path, table).table.to_dicts()[0]

    assert row["title"] == "a b"
    assert len(row["description"]) == 4096


def test_too_many_or_invalid_members_are_ignored_and_counted(tmp_path: Path) -> None:
    """51 attributes keep 50; an invalid name, NaN and an endless number are left out."""
    many = "{" + ", ".join(f'"a{n:02d}": {n}' for n in range(51)) + "}"
    wrong = '{"": 1, "x": NaN, "y": 1e999, "z": [1], "good": "yes"}'
    table = pl.DataFrame({"item_id": ["1", "2", "3"], "attributes": [many, wrong, "{"]})
    found = read(tmp_path, table)

    assert [len(each) for each in found.table["attributes"]] == [50, 1, 0]
    assert found.ignored_values == {"attributes": 6}


@pytest.mark.parametrize("column", ["category", "categories", "attributes"])
def test_a_column_of_a_wrong_type_is_refused_by_name(column: str, tmp_path: Path) -> None:
    """The error names the column and the supported types."""
    table = pl.DataFrame({"item_id": ["1"], column: [[1, 2]]})

    with pytest.raises(InputUnreadable, match=f"{column}.*supported"):
        read(tmp_path, table)


def test_no_catalogue_is_an_empty_table_of_the_same_columns() -> None:
    """No item, and no category, is an empty table of the same columns."""
    none = ItemCatalogue()

    assert none.table.schema == SCHEMA
    assert (none.categories, none.sensitive) == ({}, frozenset())


def test_a_file_without_a_row_is_refused(tmp_path: Path) -> None:
    """A header alone is no catalogue: it would switch off all that needs categories."""
    file = tmp_path / "items.csv"
    file.write_text("item_id,category\n")

    with pytest.raises(InputUnreadable, match="has no row"):
        read_catalogue_file(file)


@pytest.mark.parametrize("text", ["café", "thé"])
def test_texts_that_are_not_utf8_are_ignored_and_counted(tmp_path: Path, text: str) -> None:
    """A title in another encoding is ignored, not shown with replacement characters."""
    file = tmp_path / "items.csv"
    file.write_bytes(f"item_id,title\na,{text}\nb,tea\n".encode("latin-1"))
    found = read_catalogue_file(file)

    assert found.ignored_values == {"title": 1}


def test_the_terminal_says_what_was_ignored() -> None:
    """Without a catalogue nothing is printed."""
    console = Console(record=True, width=200, file=StringIO())
    table = pl.DataFrame({name: [] for name in SCHEMA}, schema=SCHEMA)
    print_catalogue(console, ItemCatalogue())
    print_catalogue(
        console, ItemCatalogue(table, "file", 2, 3, {"category": 1, "price": 4}, ("stock",))
    )

    assert console.export_text().splitlines() == [
        "Items: 0; 2 bad rows; 3 repeated rows; ignored values: 1 of category, 4 of price; "
        "ignored columns: stock."
    ]
