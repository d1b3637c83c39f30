"""What a trainer hands over to be published: lists in memory, by item row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate
from recsvc.domain.errors import ModelRejected
from recsvc.model.artifact import format as layout
from recsvc.model.artifact.checks import check_arrays
from recsvc.model.artifact.format import Array, ArraySpec


@dataclass(frozen=True, slots=True, eq=False)
class TopList:
    """One ranked list, best first."""

    items: Array  # (k,) integers, item rows
    scores: Array  # (k,) floats


@dataclass(frozen=True, slots=True, eq=False)
class RankedLists:
    """One ranked list per row. Customers' lists have reasons; items' lists have none.

    `reason_items` holds the row of the item that a reason names, and −1 where it names none.
    """

    offsets: Array  # (rows + 1,) integers
    items: Array  # (entries,) integers, item rows
    scores: Array  # (entries,) floats
    reasons: Array | None = None  # (entries,) ReasonCode
    reason_items: Array | None = None  # (entries,) integers, item rows or −1


@dataclass(frozen=True, slots=True, eq=False)
class CustomersPurchases:
    """What each customer did, up to the end of what was learned from.

    The score of an item is what the customer spent on it, halved for every 90 days that a purchase
    is older than that end; without any price each purchase counts one.
    """

    bought: RankedLists
    orders: Array  # (customers,) integers
    spent: Array  # (customers,) floats; NaN: no price is known
    first: Array  # (customers,) floats, days since 1970; NaN: purchases have no time
    last: Array  # (customers,) as above


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """A whole model. `item_ids` and `customer_keys` are sorted; rows are positions in them.

    `intervals` are the usual days between two purchases of an item by one customer, NaN for an
    item that nobody bought again; None where purchases have no time.
    """

    item_ids: Sequence[str]
    customer_keys: Sequence[bytes]
    slates: Mapping[CustomerSlate, RankedLists]
    neighbours: Mapping[ItemSlate, RankedLists]
    popular: TopList
    trending: TopList
    categories: Mapping[str, TopList] = field(default_factory=dict)
    intervals: Array | None = None  # (items,) floats
    purchased: CustomersPurchases | None = None

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays of the format, checked whole; raise ModelRejected if one is wrong."""
        names = sorted(self.categories)
        arrays = dict(
            chain(
                [
                    _texts(layout.ITEM_IDS, self.item_ids),
                    _keys(self.customer_keys),
                    _texts(layout.CATEGORY_NAMES, names),
                ],
                *(_ragged(spec, self.slates.get(slate)) for slate, spec in layout.SLATES.items()),
                *(
                    _ragged(spec, self.neighbours.get(slate))
                    for slate, spec in layout.NEIGHBOURS.items()
                ),
                _ragged(layout.CATEGORY_POPULAR, _joined([self.categories[n] for n in names])),
                _top(layout.POPULAR, self.popular),
                _top(layout.TRENDING, self.trending),
                [] if self.intervals is None else [_column(layout.ITEM_INTERVALS, self.intervals)],
                [] if self.purchased is None else _purchased(self.purchased),
            )
        )
        check_arrays(arrays, full=True)
        return arrays


def no_lists(rows: int) -> RankedLists:
    """Return lists for `rows` rows that are all empty."""
    nothing = np.zeros(0, dtype=np.int64)
    return RankedLists(np.zeros(rows + 1, dtype=np.int64), nothing, nothing, nothing, nothing)


def _texts(spec: ArraySpec, texts: Sequence[str]) -> tuple[str, Array]:
    encoded = [text.encode(errors="surrogatepass") for text in texts]
    if any(text.endswith(b"\0") for text in encoded):
        raise ModelRejected(f"{spec.name}: a text ends in NUL")
    width = max(map(len, encoded), default=0)
    return spec.name, np.array(encoded, dtype=f"|S{max(width, 1)}")


def _keys(keys: Sequence[bytes]) -> tuple[str, Array]:
    spec = layout.CUSTOMER_KEYS
    dtype = layout.dtype_of(spec)
    if isinstance(keys, np.ndarray) and keys.dtype == dtype:
        return spec.name, np.ascontiguousarray(keys)
    if any(len(key) != dtype.itemsize for key in keys):
        raise ModelRejected(f"{spec.name}: a key is not {dtype.itemsize} bytes long")
    return spec.name, np.array(list(keys), dtype=dtype)


def _ragged(spec: layout.RaggedSpec, ranked: RankedLists | None) -> list[tuple[str, Array]]:
    if ranked is None:
        raise ModelRejected(f"the artifact has no {spec.name}; no_lists(rows) says so on purpose")
    columns = [ranked.offsets, ranked.items, ranked.scores, ranked.reasons, ranked.reason_items]
    return [_column(array, column) for array, column in zip(spec.arrays(), columns, strict=False)]


def _purchased(purchased: CustomersPurchases) -> list[tuple[str, Array]]:
    columns = {
        layout.CUSTOMER_ORDERS: purchased.orders,
        layout.CUSTOMER_SPENT: purchased.spent,
        layout.FIRST_ORDER: purchased.first,
        layout.LAST_ORDER: purchased.last,
    }
    bought = _ragged(layout.BOUGHT, purchased.bought)
    return [*bought, *(_column(spec, values) for spec, values in columns.items())]


def _top(spec: layout.TopSpec, top: TopList) -> list[tuple[str, Array]]:
    columns = [top.items, top.scores]
    return [_column(array, column) for array, column in zip(spec.arrays(), columns, strict=True)]


def _joined(tops: Sequence[TopList]) -> RankedLists:
    lengths = [len(top.items) for top in tops]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if not tops:
        return no_lists(0)
    items = np.concatenate([np.asarray(top.items) for top in tops])
    return RankedLists(offsets, items, np.concatenate([np.asarray(top.scores) for top in tops]))


def _column(spec: ArraySpec, values: Array | None) -> tuple[str, Array]:
    """Return the values in the format's type; raise ModelRejected where one would change."""
    if values is None:
        raise ModelRejected(f"the artifact has no {spec.name}")
    given, dtype = np.asarray(values), layout.dtype_of(spec)
    if given.size == 0:
        return spec.name, np.zeros(given.shape, dtype=dtype)
    if given.dtype.kind not in ("iuf" if dtype.kind == "f" else "iu"):
        raise ModelRejected(f"{spec.name}: {given.dtype} where {dtype} is needed")
    if dtype.kind != "f" and not _fits(given, np.iinfo(dtype)):
        raise ModelRejected(f"{spec.name}: a value does not fit in {dtype}")
    with np.errstate(over="ignore"):  # an overflow becomes infinite and is refused as such
        return spec.name, np.ascontiguousarray(given, dtype=dtype)


def _fits(values: Array, limits: "np.iinfo[Any]") -> bool:
    return bool(values.min() >= limits.min and values.max() <= limits.max)
