"""The catalogue's properties of items as arrays, by item row. Purchases play no part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from training.dataset.category_groups import CategoryTree, category_tree
from training.dataset.history import Flags, Floats, Rows
from training.item_slates.item_texts import text_features, tf_idf
from training.sources.item_catalogue import ItemCatalogue


@dataclass(frozen=True, slots=True)
class ItemProperties:
    """Codes are −1 where an item lacks the property."""

    listed: Flags  # (items,) in the catalogue and not sensitive
    tree: CategoryTree
    brands: Rows  # (items,)
    products: Rows  # (items,) the item_group_id: variants of one product
    log_prices: Floats  # (items,) NaN: unknown, or in another currency than most
    texts: sparse.csr_array  # items × terms, rows of length 1
    attributes: sparse.csr_array  # the same of `name=value`

    @property
    def groups(self) -> Rows:
        """The judged category of each item."""
        return self.tree.judged.astype(np.int64)


def properties_of(item_ids: Sequence[str], catalogue: ItemCatalogue) -> ItemProperties:
    """Look up the items of the rows `item_ids`; an item that the catalogue lacks has none."""
    ids = pl.DataFrame({"item_id": pl.Series(item_ids, dtype=pl.String)})
    known = catalogue.table.filter(~pl.col("sensitive"))
    table = ids.join(known, on="item_id", how="left", maintain_order="left")
    return ItemProperties(
        listed=table["sensitive"].is_not_null().to_numpy(),
        tree=category_tree(table["category"].to_list()),
        brands=_codes(table["brand"].str.strip_chars().str.to_lowercase()),
        products=_codes(table["item_group_id"]),
        log_prices=_log_prices(table),
        texts=text_features(table["title"], table["description"]),
        attributes=_attributes(table["attributes"]),
    )


def _codes(texts: pl.Series) -> Rows:
    names = texts.drop_nulls().unique().sort()
    codes = texts.replace_strict(names, np.arange(len(names)), default=-1, return_dtype=pl.Int64)
    return codes.fill_null(-1).to_numpy()


def _log_prices(table: pl.DataFrame) -> Floats:
    currency = table["currency"].fill_null("")
    most = currency.filter(table["price"].is_not_null()).mode().sort()
    usual = (currency == most[0]) if len(most) else pl.repeat(False, table.height, eager=True)
    prices = table["price"].to_numpy().astype(np.float64)
    known = usual.to_numpy() & (prices > 0)  # excludes NaN
    found = np.full(len(prices), np.nan, dtype=np.float32)
    found[known] = np.log(prices[known])
    return found


def _attributes(attributes: pl.Series) -> sparse.csr_array:
    pairs = pl.DataFrame({"row": np.arange(len(attributes)), "text": attributes})
    pairs = pairs.explode("text").drop_nulls("text").unique().sort("row", "text")
    codes = _codes(pairs["text"])
    shape = (len(attributes), int(codes.max(initial=-1)) + 1)
    ones = np.ones(len(codes), np.float32)
    return tf_idf(sparse.coo_array((ones, (pairs["row"].to_numpy(), codes)), shape=shape).tocsr())
