"""The item catalogue file: categories and sensitive items."""

from pathlib import Path

import polars as pl
import pytest

from training.demo.completejourney import category_of, title_of
from training.errors import InputUnreadable
from training.sources.item_files import read_catalogue_file


def test_every_value_but_a_clear_no_is_sensitive(tmp_path: Path) -> None:
    """A mistyped value excludes the item rather than exposes it."""
    path = tmp_path / "items.csv"
    path.write_text(
        "item_id,sensitive\na,true\nb,1\nc,yes\nd,maybe\ne,false\nf,0\ng,no\nh,\ni,FALSE\n"
    )

    assert read_catalogue_file(path).sensitive == {"a", "b", "c", "d"}


def test_categories_are_read_and_bad_rows_counted(tmp_path: Path) -> None:
    """An item without a category has none; a row with an invalid id is counted as bad."""
    path = tmp_path / "items.parquet"
    pl.DataFrame(
        {"item_id": ["1", "2", "a/", None], "category": ["Tea", None, "Tea", "Tea"]}
    ).write_parquet(path)
    found = read_catalogue_file(path)

    assert found.categories == {"1": "Tea"}
    assert (found.items, found.bad_rows) == (2, 2)


def test_a_catalogue_needs_item_ids(tmp_path: Path) -> None:
    """The error lists the columns of the file."""
    path = tmp_path / "items.csv"
    path.write_text("sku,category\n1,Tea\n")

    with pytest.raises(InputUnreadable, match="sku, category"):
        read_catalogue_file(path)


@pytest.mark.parametrize(
    ("category", "kind", "size", "title"),
    [
        ("COFFEE", "COFFEE:GROUND", "12 OZ", "Coffee: ground, 12 OZ"),
        ("BACON", "PREMIUM", "12 OZ", "Bacon: premium, 12 OZ"),
        ("TEAS", "TEA BAGS & BULK TEA", None, "Tea bags & bulk tea"),
        ("SALADS/DIPS", None, None, "Salads/dips"),
        (None, None, None, "Unnamed product"),
    ],
)
def test_the_demos_titles_can_be_read(
    category: str | None, kind: str | None, size: str | None, title: str
) -> None:
    """The upper-case parts of the product table become a readable title."""
    product = {"product_category": category, "product_type": kind, "package_size": size}

    assert title_of(product) == title


@pytest.mark.parametrize(
    ("department", "category", "kind", "path"),
    [
        ("GROCERY", "COFFEE", "COFFEE:GROUND", "Grocery > Coffee > Ground"),
        ("DELI", "SALADS/DIPS", "SALADS/DIPS", "Deli > Salads / Dips"),
        ("SALAD BAR", None, None, "Salad Bar"),
        ("SALAD BAR", "SALAD BAR", "SALAD BAR FRESH", "Salad Bar > Salad Bar Fresh"),
        (None, None, None, "Other"),
    ],
)
def test_the_demos_categories_are_paths(
    department: str | None, category: str | None, kind: str | None, path: str
) -> None:
    """Department, category and type are levels; a level that repeats another is left out."""
    product = {"department": department, "product_category": category, "product_type": kind}

    assert category_of(product) == path
