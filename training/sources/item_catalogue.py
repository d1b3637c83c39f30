"""The item catalogue for training: categories, and sensitive items, which are not trained on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from recsvc.domain.values.ids import id_fault
from training.errors import InputUnreadable
from training.sources import values as parsing
from training.sources.column_mapping import there_are
from training.sources.files import collect, column_names, refuse_unreadable, scan

_COLUMNS = ("item_id", "category", "sensitive")
_NOT_SENSITIVE = ("false", "0", "0.0", "no", "n", "")
_MAX_CATEGORY_BYTES = 512


@dataclass(frozen=True, slots=True)
class ItemCatalogue:
    """Categories by item id, and the sensitive items. An empty one switches categories off."""

    categories: Mapping[str, str] = field(default_factory=dict)
    sensitive: Collection[str] = frozenset()
    origin: str = "none"
    items: int = 0
    bad_rows: int = 0

    def as_counts(self) -> dict[str, object]:
        return {
            "origin": self.origin,
            "items": self.items,
            "with_category": len(self.categories),
            "sensitive": len(self.sensitive),
            "bad_rows": self.bad_rows,
        }


def read_catalogue_file(file: Path) -> ItemCatalogue:
    """Read the column `item_id` and the optional columns `category` and `sensitive`."""
    if not file.is_file():
        raise InputUnreadable(f"--items {file}: no such file (or write 'service')", code="no_items")
    table = scan(file)
    names = column_names(table, file)
    if "item_id" not in names:
        raise InputUnreadable(
            f"{file} has no column 'item_id'. {there_are(names, _COLUMNS)}", code="missing_column"
        )
    schema = table.collect_schema()
    refuse_unreadable(schema, {name: name for name in _COLUMNS if name in names}, file)
    rows = collect(table.select(_wanted(schema)), file)
    good = [row for row in rows.iter_rows() if row[0] is not None and id_fault(row[0]) is None]
    return ItemCatalogue(
        categories={item: category for item, category, _ in good if is_category(category)},
        sensitive=frozenset(item for item, _, sensitive in good if sensitive),
        origin="file",
        items=len({row[0] for row in good}),
        bad_rows=rows.height - len(good),
    )


def _wanted(schema: pl.Schema) -> list[pl.Expr]:
    item = parsing.id_text("item_id", schema["item_id"]).alias("item_id")
    category = pl.lit(None, pl.String)
    if "category" in schema:
        category = pl.col("category").cast(pl.String).str.strip_chars()
    return [item, category.alias("category"), _is_sensitive(schema).alias("sensitive")]


def _is_sensitive(schema: pl.Schema) -> pl.Expr:
    """Treat every value but a clear "no" as sensitive: leaving an item out does no harm."""
    if "sensitive" not in schema:
        return pl.lit(value=False)
    text = pl.col("sensitive").cast(pl.String).str.strip_chars().str.to_lowercase()
    return ~text.is_in(_NOT_SENSITIVE).fill_null(value=True)


def is_category(text: str | None) -> bool:
    if not text:
        return False
    return "\0" not in text and len(text.encode()) <= _MAX_CATEGORY_BYTES
