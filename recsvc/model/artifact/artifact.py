"""A model in memory: the ranked lists that a trainer publishes, by item row and customer row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, assert_never

import numpy as np

from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate
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
    """One ranked list per row, best first: the entries `offsets[r]` up to `offsets[r + 1]`.

    `reasons` is None in item lists before they are loaded: all their entries have one reason, which
    the loader fills in. `reason_items` is None if no reason names an item.
    """

    offsets: Array  # (rows + 1,) integers
    items: Array  # (entries,) integers, item rows
    scores: Array  # (entries,) floats
    reasons: Array | None = None  # (entries,) ReasonCode
    reason_items: Array | None = None  # (entries,) integers, item rows; −1: names no item

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """The offsets, items and scores."""
        return self.offsets, self.items, self.scores


@dataclass(frozen=True, slots=True, eq=False)
class CustomersPurchases:
    """Each customer's purchases, up to the end of the training data.

    The score of an item is the money spent on it, halved for every 90 days between the purchase and
    that end; without any prices each purchase counts 1.
    """

    bought: RankedLists
    orders: Array  # (customers,) integers
    spent: Array  # (customers,) floats; NaN: no price is known
    first: Array  # (customers,) floats, days since 1970; NaN: purchases have no time
    last: Array  # (customers,) as above


@dataclass(frozen=True, slots=True, eq=False)
class HistoryScores:
    """Scores of items for a customer from a purchase history (`kernels.fold_in`).

    A row of `weights` belongs to a bought item and has the weights of other items, from EASE. The
    worths are log-odds of a purchase within the horizon, `own` of an item bought before, `new` of
    another item. `coefficients` has the layout of the kernel.
    """

    weights: RankedLists
    own: Array  # (items,) floats
    new: Array  # (items,) floats
    coefficients: Array


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """A complete model. `item_ids` and `customer_keys` are sorted; rows are positions in them.

    `slates` must contain every customer slate, `empty_lists(customers)` for a slate without lists;
    `neighbours`, every item slate.
    `intervals` are the median days between two purchases of an item by one customer, NaN for an
    item never bought again; None if purchases have no time.
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
    history_scores: HistoryScores | None = None

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays of the format, fully checked; raise ModelRejected if one is wrong."""
        names = sorted(self.categories)
        arrays = dict(
            chain(
                [
                    _texts(layout.ITEM_IDS, self.item_ids),
                    _keys(self.customer_keys),
                    _texts(layout.CATEGORY_NAMES, names),
                ],
                *(_lists(spec, self.slates.get(slate)) for slate, spec in layout.SLATES.items()),
                *(
                    _lists(spec, self.neighbours.get(slate))
                    for slate, spec in layout.NEIGHBOURS.items()
                ),
                _lists(layout.CATEGORY_POPULAR, _joined([self.categories[n] for n in names])),
                *(_top(spec, self._top_list(slate)) for slate, spec in layout.TOP_LISTS.items()),
                [] if self.intervals is None else [_column(layout.ITEM_INTERVALS, self.intervals)],
                [] if self.purchased is None else _purchased(self.purchased),
                [] if self.history_scores is None else _history_scores(self.history_scores),
            )
        )
        check_arrays(arrays, full=True)
        return arrays

    def _top_list(self, slate: AnonymousSlate) -> TopList:
        match slate:
            case AnonymousSlate.POPULAR:
                return self.popular
            case AnonymousSlate.TRENDING:
                return self.trending
            case _:
                assert_never(slate)


def empty_lists(rows: int) -> RankedLists:
    """Return `rows` empty lists."""
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


def _lists(spec: layout.RankedListsSpec, lists: RankedLists | None) -> list[tuple[str, Array]]:
    if lists is None:
        raise ModelRejected(f"the artifact has no {spec.name}; pass empty_lists(rows) for none")
    columns = [lists.offsets, lists.items, lists.scores, lists.reasons, lists.reason_items]
    return [_column(array, column) for array, column in zip(spec.arrays(), columns, strict=False)]


def _purchased(purchased: CustomersPurchases) -> list[tuple[str, Array]]:
    columns = {
        layout.CUSTOMER_ORDERS: purchased.orders,
        layout.CUSTOMER_SPENT: purchased.spent,
        layout.FIRST_ORDER: purchased.first,
        layout.LAST_ORDER: purchased.last,
    }
    bought = _lists(layout.BOUGHT, purchased.bought)
    return [*bought, *(_column(spec, values) for spec, values in columns.items())]


def _history_scores(scores: HistoryScores) -> list[tuple[str, Array]]:
    columns = {
        layout.OWN_WORTH: scores.own,
        layout.NEW_WORTH: scores.new,
        layout.HISTORY_WEIGHTS: scores.coefficients,
    }
    weights = _lists(layout.ITEM_WEIGHTS, scores.weights)
    return [*weights, *(_column(spec, values) for spec, values in columns.items())]


def _top(spec: layout.TopListSpec, top: TopList) -> list[tuple[str, Array]]:
    columns = [top.items, top.scores]
    return [_column(array, column) for array, column in zip(spec.arrays(), columns, strict=True)]


def _joined(tops: Sequence[TopList]) -> RankedLists:
    lengths = [len(top.items) for top in tops]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if not tops:
        return empty_lists(0)
    items = np.concatenate([np.asarray(top.items) for top in tops])
    return RankedLists(offsets, items, np.concatenate([np.asarray(top.scores) for top in tops]))


def _column(spec: ArraySpec, values: Array | None) -> tuple[str, Array]:
    """Convert to the format's type; raise ModelRejected if a value would change."""
    if values is None:
        raise ModelRejected(f"the artifact has no {spec.name}")
    given, dtype = np.asarray(values), layout.dtype_of(spec)
    if given.size == 0:
        return spec.name, np.zeros(given.shape, dtype=dtype)
    if given.dtype.kind not in ("iuf" if dtype.kind == "f" else "iu"):
        raise ModelRejected(f"{spec.name}: {given.dtype} where {dtype} is needed")
    if dtype.kind != "f" and not _fits(given, np.iinfo(dtype)):
        raise ModelRejected(f"{spec.name}: a value does not fit in {dtype}")
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which the checks refuse
        return spec.name, np.ascontiguousarray(given, dtype=dtype)


def _fits(values: Array, limits: "np.iinfo[Any]") -> bool:
    return bool(values.min() >= limits.min and values.max() <= limits.max)
