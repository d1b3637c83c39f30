"""`recsvc items`: import the live catalogue from a file, list it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from recsvc.cli.input_files import read_ndjson, unreadable
from recsvc.cli.items_csv import csv_items
from recsvc.cli.options import (
    DEFAULT_SHOP,
    AsJson,
    DataDir,
    MaxBad,
    Shop,
    check_faults,
    known_shop,
    settings_of,
    shop_of,
)
from recsvc.cli.output import print_json, print_table, say
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.item_validation import read_item, shown
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import ItemId, pop_id
from recsvc.wiring.stores import open_stores

COLUMNS = ("item_id", "title", "category", "brand", "price", "currency", "in_stock", "hidden")

app = typer.Typer(help="The live catalogue: import, list.", no_args_is_help=True)


@app.command("import")
def import_items(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".ndjson or .csv, UTF-8.")],
    max_bad: MaxBad = 1.0,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Replace catalogue items from a file; effective immediately."""
    items, faults = _read(file)
    check_faults(file, faults, len(items), max_bad)
    with open_stores(settings_of(data_dir)) as stores:
        stores.catalogue.put_many(shop_of(shop), items)
    if as_json:
        print_json({"imported": len(items), "bad": len(faults)})
    else:
        say(f"{len(items):,} items imported, {len(faults):,} bad lines left out.")


@app.command("list")
def list_items(
    shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List the catalogue by id."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        found = sorted(
            stores.catalogue.all(known_shop(stores, shop)), key=lambda item: item.item_id
        )
    rows = [shown(item) for item in found]
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def _read(file: Path) -> tuple[list[CatalogueItem], list[str]]:
    """Return the items, and line number and fault of each invalid line."""
    match file.suffix.lower():
        case ".ndjson":
            return read_ndjson(file, lambda line: _item(_parsed(line)))
        case ".csv":
            return _read_csv(file)
        case _:
            raise unreadable(file, "its name must end in .ndjson or .csv")


def _read_csv(file: Path) -> tuple[list[CatalogueItem], list[str]]:
    items: list[CatalogueItem] = []
    faults: list[str] = []
    for line, content in csv_items(file):
        try:
            items.append(_item(content))
        except BadRequest as fault:
            faults.append(f"{line}: {fault.detail}")
    return items, faults


def _item(content: Any) -> CatalogueItem:
    if isinstance(content, BadRequest):
        raise content
    if not isinstance(content, dict):
        raise BadRequest("not a JSON object")
    given = dict(content)
    return read_item(ItemId(pop_id(given, "item_id")), given)


def _parsed(line: bytes) -> Any:
    """Return the JSON of a line; null, which is no item, if it is not JSON."""
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
