"""The columns of a purchases file: required, optional, and renamed with `--map`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from training.errors import InputUnreadable

_REQUIRED = ("customer_id", "item_id")
_OPTIONAL = ("timestamp", "quantity", "price", "order_id", "channel")
_KNOWN = _REQUIRED + _OPTIONAL

SWITCHED_OFF = {
    "timestamp": "decay by age, trending, daily baskets and a split by time (row order is all "
    "there is)",
    "quantity": "weights by quantity and the netting of returns",
    "price": "price level",
    "order_id": "baskets by order (a customer's day counts as one)",
}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """`source` is the table's column for each of ours; `ignored` are its other columns."""

    source: Mapping[str, str]
    ignored: tuple[str, ...]


def parse_renames(pairs: Sequence[str]) -> dict[str, str]:
    """Parse `customer_id=household_id` pairs: our column on the left, the file's on the right."""
    renames: dict[str, str] = {}
    for pair in pairs:
        ours, _, theirs = pair.partition("=")
        if ours not in _KNOWN or not theirs:
            raise InputUnreadable(
                f"--map {pair!r}: write OURS=YOURS, where OURS is one of {', '.join(_KNOWN)}",
                code="bad_map",
            )
        if ours in renames:
            raise InputUnreadable(f"--map names {ours} twice", code="bad_map")
        renames[ours] = theirs
    return renames


def map_columns(found: Sequence[str], renames: Mapping[str, str], file: str) -> ColumnMap:
    """Find our columns among the columns `found`. A `--map` takes precedence over an equal name."""
    wanted = {ours: renames.get(ours, ours) for ours in _KNOWN}
    source = {ours: theirs for ours, theirs in wanted.items() if theirs in found}
    for ours in (*_REQUIRED, *renames):
        if ours not in source:
            raise InputUnreadable(
                f"{file} has no column {wanted[ours]!r} for {ours}. "
                f"{there_are(found, wanted.values())}. "
                f"Name it with --map {ours}=YOUR_COLUMN",
                code="missing_column",
            )
    used = set(source.values())
    for theirs in used:
        both = [name for name, column in source.items() if column == theirs]
        if len(both) > 1:
            raise InputUnreadable(
                f"--map: {' and '.join(both)} would both be read from the column {theirs!r} of "
                f"{file}; name another column with --map {both[-1]}=YOUR_COLUMN",
                code="bad_map",
            )
    return ColumnMap(source, tuple(name for name in found if name not in used))


def there_are(found: Sequence[str], expected: Collection[str]) -> str:
    """List the columns of a file, unless its first line may be data instead of a header."""
    if set(found).isdisjoint(expected):
        return f"Its first line holds none of {', '.join(expected)} (is it a header?)"
    return f"It has: {', '.join(found)}"
