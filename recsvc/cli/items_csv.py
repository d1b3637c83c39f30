"""Items of a CSV file as JSON members: lists and attributes in the cells of a row."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from recsvc.cli.input_files import csv_lines, unreadable
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.attributes import MAX_NUMBER
from recsvc.domain.values.columns import columns_fault

FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
ATTRIBUTE = "attributes."  # prefix of a column that holds one attribute
SEPARATOR = "|"  # between the paths of the column `categories`

TOO_MANY = "the row has more fields than the header"
_BEYOND = "\0"  # a name that no column has

NumberedItem = tuple[int, Any]  # line number and content


def csv_items(file: Path) -> Iterator[NumberedItem]:
    """Yield the rows; a row with more fields than the header is a fault in place of a content."""
    reader = csv.DictReader(csv_lines(file), restkey=_BEYOND)
    try:
        _check_header(file, reader.fieldnames)
        is_empty = True
        for row in reader:
            is_empty = False
            yield reader.line_num, BadRequest(TOO_MANY) if _BEYOND in row else _typed(row)
    except csv.Error as fault:
        raise unreadable(file, fault) from None
    if is_empty:
        raise unreadable(file, "it has a header and no row")


def _check_header(file: Path, names: Sequence[str] | None) -> None:
    if not names:
        raise unreadable(file, "it is empty")
    if "item_id" not in names:
        has = ", ".join(names)
        raise BadRequest(
            f"FILE {file} has no column item_id; it has: {has} (separate columns by commas)",
            code="missing_column",
        )
    if fault := columns_fault(names):
        raise unreadable(file, fault)


def _typed(row: dict[str | Any, Any]) -> dict[str, Any]:
    """Convert a row's cells; an empty cell is an absent field."""
    given = {str(name): cell for name, cell in row.items() if cell not in ("", None)}
    for name in ("in_stock", "hidden", "sensitive"):
        if name in given:
            given[name] = FLAGS.get(given[name].strip().lower(), given[name])
    if "price" in given:
        with suppress(ValueError):  # the text is then refused with the rule of a price
            given["price"] = float(given["price"])
    if "categories" in given:
        paths = given["categories"].split(SEPARATOR)
        given["categories"] = [path for path in paths if path.strip()]
    return _with_attributes(given)


def _with_attributes(given: dict[str, Any]) -> dict[str, Any]:
    """Gather the columns of attributes; they overrule the members of the column `attributes`."""
    single = {name: given.pop(name) for name in [*given] if name.startswith(ATTRIBUTE)}
    if "attributes" in given:
        with suppress(ValueError, RecursionError):  # the text is then refused: it is no object
            given["attributes"] = json.loads(given["attributes"])
    if single and isinstance(given.setdefault("attributes", {}), dict):
        named = {name.removeprefix(ATTRIBUTE): _value(cell) for name, cell in single.items()}
        given["attributes"] = {**given["attributes"], **named}
    return given


def _value(cell: str) -> str | bool | float:
    """Read `true`, `false` and a number as JSON writes it; any other cell is a text."""
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    if isinstance(value, bool):
        return value
    is_number = isinstance(value, int | float) and abs(value) <= MAX_NUMBER  # false for NaN
    return value if is_number else cell
