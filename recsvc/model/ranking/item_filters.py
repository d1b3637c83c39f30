"""The filter of a request as arrays and codes, for the kernels."""

from collections.abc import Sequence

import numpy as np

from recsvc.domain.catalogue.list_query import Filters
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import (
    HAS_BRANDS,
    HAS_CATEGORIES,
    HAS_CURRENCY,
    HAS_MAX_PRICE,
    HAS_MIN_PRICE,
    ItemFilter,
)
from recsvc.model.ranking.catalogue_columns import UNKNOWN_LABEL, CatalogueColumns

_NO_CODES = np.zeros(0, np.int32)


def compiled_filter(
    filters: Filters,
    unavailable: Array,
    category_sets: Array,
    catalogue_rows: Array,
    columns: CatalogueColumns,
) -> ItemFilter:
    """Return the filter that available items matching `filters` pass.

    The first three arrays are by item row: (items,) flags, codes of sets, catalogue rows.
    """
    table = columns.table
    lowest, highest, currency = filters.min_price, filters.max_price, filters.currency
    return (
        unavailable,
        category_sets,
        catalogue_rows,
        table["brand"],
        table["price"],
        table["currency"],
        columns.categories.wanted(filters.categories),
        _codes(columns.brand_codes(filters.brands)),
        0.0 if lowest is None else lowest,
        0.0 if highest is None else highest,
        UNKNOWN_LABEL if currency is None else columns.currency_code(currency),
        (HAS_CATEGORIES if filters.categories else 0)
        | (HAS_BRANDS if filters.brands else 0)
        | (0 if lowest is None else HAS_MIN_PRICE)
        | (0 if highest is None else HAS_MAX_PRICE)
        | (0 if currency is None else HAS_CURRENCY),
    )


def _codes(codes: Sequence[int]) -> Array:
    return np.array(codes, np.int32) if codes else _NO_CODES
