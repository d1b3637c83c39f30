"""Parse column values: ids as text, times in UTC, finite numbers.

An unreadable value becomes null. Callers count the values that were not null before.
"""

import polars as pl

from recsvc.domain.values.ids import id_fault

_TEXT_MOMENTS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f")
_ZONED_MOMENTS = ("%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%.f%z")

# Integers are seconds, milliseconds, microseconds or nanoseconds since 1970, distinguished
# by size. Numbers before 1990 are rejected: a count of days or weeks would read as 1970.
_EPOCH_UNITS_US = ((10**11, 1_000_000.0), (10**14, 1_000.0), (10**17, 1.0), (10**20, 0.001))
_FIRST_EPOCH_SECOND = 631_152_000
_REPLACEMENT = "\ufffd"


def id_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """Convert an id column to text as the shop wrote it; 123 and 123.0 become `123`."""
    values = pl.col(column)
    if dtype.is_float():
        values = values.fill_nan(None)
        whole = values.is_finite() & (values == values.floor()) & (values.abs() < 2**53)
        text = pl.when(whole).then(values.cast(pl.Int64, strict=False).cast(pl.String))
        return text.otherwise(values.cast(pl.String))
    return values.cast(pl.String)


def moment(column: str, dtype: pl.DataType) -> pl.Expr:
    """Convert a column to UTC with microseconds. A time without a zone is read as UTC."""
    values = pl.col(column)
    utc = pl.Datetime("us", "UTC")
    if isinstance(dtype, pl.Datetime):
        zoned = values if dtype.time_zone else values.dt.replace_time_zone("UTC")
        return zoned.cast(utc)
    if dtype == pl.Date:
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if dtype.is_numeric():
        return pl.coalesce(_compact_date(values.cast(pl.Int64, strict=False)), _epoch(values))
    return _written_moment(values.cast(pl.String).str.strip_chars())


def _written_moment(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    iso = text.str.replace(" ", "T").str.replace("[zZ]$", "+00:00").str.replace("t", "T")
    naive = [iso.str.to_datetime(form, strict=False, time_unit="us") for form in _TEXT_MOMENTS]
    zoned = [iso.str.to_datetime(form, strict=False, time_unit="us") for form in _ZONED_MOMENTS]
    return pl.coalesce(
        *(values.dt.replace_time_zone("UTC") for values in naive),
        *zoned,
        _compact_date(text.cast(pl.Int64, strict=False)),
        _epoch(number),
    )


def _compact_date(number: pl.Expr) -> pl.Expr:
    """Parse integers such as 20171231."""
    dated = pl.when(number.is_between(19_000_101, 21_001_231)).then(number.cast(pl.String))
    return dated.str.to_datetime("%Y%m%d", strict=False, time_unit="us").dt.replace_time_zone("UTC")


def _epoch(number: pl.Expr) -> pl.Expr:
    microseconds = pl.lit(None, pl.Float64)
    for limit, factor in reversed(_EPOCH_UNITS_US):
        microseconds = pl.when(number < limit).then(number * factor).otherwise(microseconds)
    plausible = pl.when(number >= _FIRST_EPOCH_SECOND).then(microseconds)
    return plausible.round(0).cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC"))


def number(column: str, dtype: pl.DataType) -> pl.Expr:
    """Convert a column to finite numbers."""
    values = pl.col(column)
    text = values.str.strip_chars() if dtype == pl.String else values
    parsed = text.cast(pl.Float64, strict=False)
    return pl.when(parsed.is_finite()).then(parsed)


def given(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return whether the column has a value: empty text and NaN are none."""
    values = pl.col(column)
    if dtype == pl.String:
        return values.is_not_null() & (values.str.strip_chars() != "")
    if dtype.is_float():
        return values.is_not_null() & values.is_not_nan()
    return values.is_not_null()


def id_faults(ids: pl.Series) -> dict[str, str]:
    """Return the fault of each distinct invalid id."""
    faults = {}
    for text in ids.drop_nulls().unique():
        fault = text_fault(text)
        if fault is not None:
            faults[text] = fault
    return faults


def text_fault(text: str) -> str | None:
    """Return the fault of an invalid id; None for a valid one."""
    return "not valid UTF-8" if _REPLACEMENT in text else id_fault(text)
