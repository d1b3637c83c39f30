"""The item catalogue for training: one row of typed properties for each item."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from recsvc.domain.catalogue.category_paths import lenient
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.values.attributes import Value

_COLUMNS: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "title": pl.String(),
    "description": pl.String(),
    "category": pl.String(),  # a normalised path
    "categories": pl.List(pl.String),  # further normalised paths
    "brand": pl.String(),
    "price": pl.Float64(),
    "currency": pl.String(),
    "item_group_id": pl.String(),
    "attributes": pl.List(pl.String),  # `name=value`, sorted
    "sensitive": pl.Boolean(),
}
SCHEMA = pl.Schema(_COLUMNS)
NO_CATALOGUE = "none"


@dataclass(frozen=True, slots=True)
class ItemCatalogue:
    """The items of a shop. An empty one switches off what needs categories or texts.

    `table` has the columns of SCHEMA and one row per item, sorted by item_id; a text or number that
    an item lacks is null, and `sensitive` is never null. `ignored_values` counts the values of each
    column that its rule refuses; `ignored_columns` have no meaning in a catalogue.
    """

    table: pl.DataFrame = field(default_factory=SCHEMA.to_frame)
    origin: str = NO_CATALOGUE
    bad_rows: int = 0
    repeated_rows: int = 0
    ignored_values: Mapping[str, int] = field(default_factory=dict)
    ignored_columns: tuple[str, ...] = ()

    @property
    def items(self) -> int:
        return self.table.height

    @property
    def categories(self) -> dict[str, str]:
        """The category path of each item that has one."""
        known = self.table.filter(pl.col("category").is_not_null())
        return dict(known.select("item_id", "category").iter_rows())

    @property
    def memberships(self) -> dict[str, tuple[str, ...]]:
        """The category path of each item and its further categories, without parents."""
        found = self.table.select("item_id", "category", "categories").iter_rows()
        named = {
            item: tuple(dict.fromkeys([*([own] if own else []), *(further or ())]))
            for item, own, further in found
        }
        return {item: paths for item, paths in named.items() if paths}

    @property
    def not_sensitive(self) -> list[str]:
        """The ids of the items that may be learned from and listed, sorted."""
        return self.table.filter(~pl.col("sensitive"))["item_id"].to_list()

    @property
    def sensitive(self) -> frozenset[str]:
        return frozenset(self.table.filter(pl.col("sensitive"))["item_id"])

    def as_counts(self) -> dict[str, object]:
        given = {
            f"with_{name}": self.items - self.table[name].null_count()
            for name in ("category", "title", "description", "brand", "price", "item_group_id")
        }
        return {
            "origin": self.origin,
            "items": self.items,
            **given,
            "with_attributes": int((self.table["attributes"].list.len() > 0).sum()),
            "sensitive": int(self.table["sensitive"].sum()),
            "bad_rows": self.bad_rows,
            "repeated_rows": self.repeated_rows,
            "ignored_values": dict(self.ignored_values),
            "ignored_columns": list(self.ignored_columns),
        }


def catalogue_of(items: Iterable[CatalogueItem], origin: str) -> ItemCatalogue:
    """Return the catalogue of validated items, each of which occurs once."""
    rows = [_row(item) for item in items]
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("item_id")
    return ItemCatalogue(table, origin)


def attribute_text(name: str, value: Value) -> str:
    """Return `name=value`; 12.0 is written as 12, True as true."""
    if isinstance(value, bool):
        return f"{name}={str(value).lower()}"
    if isinstance(value, float) and value.is_integer():
        return f"{name}={int(value)}"
    return f"{name}={value}"


def _row(item: CatalogueItem) -> tuple[object, ...]:
    return (
        item.item_id,
        item.title,
        item.description,
        None if item.category is None else lenient(item.category),
        [lenient(path) for path in item.categories],
        item.brand,
        item.price,
        item.currency,
        item.item_group_id,
        sorted(attribute_text(name, value) for name, value in item.attributes.items()),
        item.sensitive,
    )
