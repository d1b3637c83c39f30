"""What is read of items: categories, and what is too sensitive to learn from."""

from pathlib import Path

import polars as pl
import pytest

from training.demo.completejourney import category_of, title_of
from training.errors import InputUnreadable
from training.sources.item_catalogue import read_catalogue_file


def test_whatever_is_not_plainly_a_no_is_sensitive(tmp_path: Path) -> None:
    """A typing error protects rather than exposes."""
    path = tmp_path / "items.csv"
    path.write_text(
        "item_id,sensitive\na,true\nb,1\nc,yes\nd,maybe\ne,false\nf,0\ng,no\nh,\ni,FALSE\n"
    )

    assert read_catalogue_file(path).sensitive == {"a", "b", "c", "d"}


def test_categories_are_read_and_bad_rows_counted(tmp_path: Path) -> None:
    """An item without a category has none; an unusable id is no item."""
    path = tmp_path / "items.parquet"
    pl.DataFrame(
        {"item_id": ["1", "2", "a/b", None], "category": ["Tea", None, "Tea", "Tea"]}
    ).write_parquet(path)
    found = read_catalogue_file(path)

    assert found.categories == {"1": "Tea"}
    assert (found.items, found.bad_rows) == (2, 2)


def test_a_catalogue_needs_item_ids(tmp_path: Path) -> None:
    """The message lists what the file has."""
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
    """What the product table shouts in parts becomes one line."""
    product = {"product_category": category, "product_type": kind, "package_size": size}

    assert title_of(product) == title


def test_the_demos_categories_are_title_cased() -> None:
    """Without a category the department stands in."""
    assert category_of({"product_category": "SALADS/DIPS", "department": "DELI"}) == "Salads / Dips"
    assert category_of({"product_category": None, "department": "SALAD BAR"}) == "Salad Bar"
