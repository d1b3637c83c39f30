"""Recurring order ids: tills that restart their numbering each day, placeholders such as `0`.

An order takes the time of its first line, and all its lines are known from then on. An order that
lasted for months would move later lines into the past, so no order lasts longer than a day.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

_DAY_SECONDS = 86_400
_ORDER = ("customer_id", "order")


def recurring_ids(lines: pl.DataFrame) -> int:
    """Count the order ids of single customers with lines a day or more apart."""
    at = pl.col("at").dt.epoch("s")
    named = lines.lazy().filter(pl.col("order_id").is_not_null(), pl.col("at").is_not_null())
    lasts = named.group_by("customer_id", "order_id").agg((at.max() - at.min()).alias("lasts"))
    return int(lasts.select((pl.col("lasts") >= _DAY_SECONDS).sum()).collect().item())


def split_recurring(placed: pl.DataFrame) -> pl.DataFrame:
    """Split each order that lasts a day or longer (`time` is in µs) into orders of at most a day.

    The parts depend on earlier lines only, so later rows never change the orders known at a cutoff.
    """
    seconds = pl.col("time") // 1_000_000
    lasts = (seconds.max() - seconds.min()).over(*_ORDER)
    wide = placed.with_row_index("place").filter(lasts >= _DAY_SECONDS)
    if wide.is_empty():
        return placed
    numbered = wide.select(
        "place", "order", pl.struct(*_ORDER).rank("dense").alias("group"), seconds.alias("time")
    ).sort("group", "time")
    parts = _parts_of(numbered["group"].to_numpy(), numbered["time"].to_numpy())
    names = numbered.select("place", pl.format("p{}{}", pl.Series(parts), "order").alias("part"))
    return (
        placed.with_row_index("place")
        .join(names, on="place", how="left", maintain_order="left")
        .with_columns(pl.coalesce("part", "order").alias("order"))
        .drop("place", "part")
    )


def _parts_of(groups: NDArray[np.integer], seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the parts of each group. Both arrays are sorted by group, then time.

    A part holds every line within a day of its first one. The loop advances all groups together,
    one part per step.
    """
    spread = int(seconds.max() - seconds.min()) + _DAY_SECONDS + 1
    keys = groups.astype(np.int64) * spread + (seconds - seconds.min())
    first = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    ends = np.append(first[1:], len(keys))
    begins = np.zeros(len(keys), dtype=bool)
    heads = first
    while len(heads):
        begins[heads] = True
        following = np.searchsorted(keys, keys[heads] + _DAY_SECONDS)
        inside = following < ends
        heads, ends = following[inside], ends[inside]
    running = np.cumsum(begins)
    return np.asarray(running - np.repeat(running[first], np.diff(np.append(first, len(keys)))))
