"""`recsvc items`: import the live catalogue from a file, list it."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from recsvc.cli.items_csv import NumberedItem, csv_items
from recsvc.cli.options import (
    DEFAULT_SHOP,
    AsJson,
    DataDir,
    MaxBad,
    Shop,
    check_faults,
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
        found = sorted(stores.catalogue.all(shop_of(shop)), key=lambda item: item.item_id)
    rows = [shown(item) for item in found]
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def _read(file: Path) -> tuple[list[CatalogueItem], list[str]]:
    """Return the items, and line number and fault of each invalid line."""
    readers = {".ndjson": _ndjson, ".csv": csv_items}
    if file.suffix not in readers:
        raise BadRequest(f"{file} is neither .ndjson nor .csv", code="bad_file")
    items: list[CatalogueItem] = []
    faults: list[str] = []
    try:
        for line, content in readers[file.suffix](file):
            try:
                items.append(_item(content))
            except BadRequest as fault:
                faults.append(f"{line}: {fault.detail}")
    except (UnicodeDecodeError, csv.Error) as fault:
        raise BadRequest(f"{file} cannot be read: {fault}", code="bad_file") from None
    return items, faults


def _item(content: Any) -> CatalogueItem:
    if not isinstance(content, dict):
        raise BadRequest("not a JSON object")
    given = dict(content)
    return read_item(ItemId(pop_id(given, "item_id")), given)


def _ndjson(file: Path) -> Iterator[NumberedItem]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parsed(line)


def _parsed(line: str) -> Any:
    """Return the JSON of a line; its own text, which is no item, if it is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line
