"""Checks of an artifact's arrays, before publication and at every load.

Offsets are always read completely: a wrong offset would give a customer another customer's list.
Other arrays are sampled at load, so that the cost does not depend on their size; a full check
reads all.
"""

from collections.abc import Collection, Iterator

import numpy as np

from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.ids import id_fault
from recsvc.model.artifact.format import (
    ALL_ARRAYS,
    NO_ITEM,
    OPTIONAL_ARRAYS,
    OPTIONAL_GROUPS,
    REQUIRED_ARRAYS,
    SLATES,
    Array,
    ArrayKind,
    Arrays,
    ArraySpec,
)

_SAMPLED_BLOCKS = 8
_SAMPLED_BLOCK = 256  # elements
_FULL_BLOCK = 1 << 20

_KNOWN_REASON = np.zeros(256, dtype=bool)
_KNOWN_REASON[list(ReasonCode)] = True
_NAMES_AN_ITEM = np.zeros(256, dtype=bool)
_NAMES_AN_ITEM[[code for code in ReasonCode if code.names_an_item]] = True


def check_arrays(arrays: Arrays, *, full: bool) -> None:
    """Raise ModelRejected for the first fault, with the name of the array."""
    check_names(arrays, "array")
    _check_groups(arrays)
    lengths = _lengths(arrays)
    for name, spec in _present(arrays).items():
        _check_content(spec, arrays[name], lengths, full=full)
    for slate in SLATES.values():
        if slate.is_in(arrays):
            _check_reasons(slate.name, arrays, full=full)


def check_names(
    found: Collection[str],
    kind: str,
    expected: Collection[str] = REQUIRED_ARRAYS,
    optional: Collection[str] = OPTIONAL_ARRAYS,
) -> None:
    """Raise ModelRejected if an expected name is missing, or a name is neither of the two."""
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected) - set(optional))
    if missing:
        raise ModelRejected(f"missing {kind}: {', '.join(missing)}")
    if extra:
        raise ModelRejected(f"unexpected {kind}: {', '.join(name[:80] for name in extra[:5])}")


def _check_groups(arrays: Arrays) -> None:
    """Raise ModelRejected for an optional group of which only some arrays are there."""
    for group in OPTIONAL_GROUPS:
        names = {spec.name for spec in group}
        missing = sorted(names - set(arrays))
        if missing and len(missing) < len(names):
            raise ModelRejected(f"missing array: {', '.join(missing)}")


def _present(arrays: Arrays) -> dict[str, ArraySpec]:
    return {name: spec for name, spec in ALL_ARRAYS.items() if name in arrays}


def _lengths(arrays: Arrays) -> dict[str, int]:
    """Return the length of every dimension; raise ModelRejected if two arrays disagree on one."""
    lengths: dict[str, int] = {}
    for name, spec in _present(arrays).items():
        array = arrays[name]
        if array.ndim != 1 or not spec.admits(array.dtype.str):
            raise ModelRejected(f"{name}: {array.ndim} axes of {array.dtype.str}")
        length = len(array) - spec.extra
        if lengths.setdefault(spec.dimension, length) != length or length < 0:
            raise ModelRejected(
                f"{name}: {len(array)} elements, which does not fit "
                f"{max(lengths[spec.dimension], 0)} {spec.dimension}"
            )
    return lengths


def _check_content(spec: ArraySpec, array: Array, lengths: dict[str, int], *, full: bool) -> None:
    items = lengths["items"]
    match spec.kind:
        case ArrayKind.OFFSETS:
            _check_offsets(spec, array, lengths[spec.name.replace("_offsets", "_entries")])
        case ArrayKind.ITEM_ROWS:
            _check_range(spec, array, 0, items, full=full)
        case ArrayKind.REASON_ITEMS:
            _check_range(spec, array, NO_ITEM, items, full=full)
        case ArrayKind.SCORES:
            _check_finite(spec, array, full=full)
        case ArrayKind.DAYS:
            _check_days(spec, array, full=full)
        case ArrayKind.COUNTS | ArrayKind.AMOUNTS:
            _check_not_negative(spec, array, full=full)
        case ArrayKind.MOMENTS:
            _check_not_infinite(spec, array, full=full)
        case ArrayKind.IDS | ArrayKind.NAMES | ArrayKind.KEYS:
            _check_sorted(spec, array, full=full)
            _check_texts(spec, array, full=full)
        case ArrayKind.REASONS:
            pass  # checked with their items, in _check_reasons


def _check_offsets(spec: ArraySpec, offsets: Array, entries: int) -> None:
    if offsets[0] != 0 or offsets[-1] != entries:
        raise ModelRejected(
            f"{spec.name}: from {offsets[0]} to {offsets[-1]} where 0 to {entries} is right"
        )
    if (offsets[1:] < offsets[:-1]).any():
        raise ModelRejected(f"{spec.name}: decreasing")


def _check_range(spec: ArraySpec, rows: Array, low: int, high: int, *, full: bool) -> None:
    for block in blocks(len(rows), full=full):
        if rows[block].min() < low or rows[block].max() >= high:
            raise ModelRejected(f"{spec.name}: a row outside {low}..{high - 1}")


def _check_finite(spec: ArraySpec, scores: Array, *, full: bool) -> None:
    for block in blocks(len(scores), full=full):
        if not np.isfinite(scores[block]).all():
            raise ModelRejected(f"{spec.name}: a score is not a finite number")


def _check_days(spec: ArraySpec, days: Array, *, full: bool) -> None:
    for block in blocks(len(days), full=full):
        part = days[block]
        if not (np.isnan(part) | (np.isfinite(part) & (part > 0))).all():
            raise ModelRejected(f"{spec.name}: neither a number of days above 0 nor NaN")


def _check_not_negative(spec: ArraySpec, numbers: Array, *, full: bool) -> None:
    for block in blocks(len(numbers), full=full):
        part = numbers[block]
        if (part < 0).any() or np.isinf(part).any():
            raise ModelRejected(f"{spec.name}: a number below 0, or infinite")


def _check_not_infinite(spec: ArraySpec, moments: Array, *, full: bool) -> None:
    for block in blocks(len(moments), full=full):
        if np.isinf(moments[block]).any():
            raise ModelRejected(f"{spec.name}: an infinite number")


def _check_sorted(spec: ArraySpec, texts: Array, *, full: bool) -> None:
    for block in blocks(len(texts) - 1, full=full):
        following = slice(block.start + 1, block.stop + 1)
        if (texts[following] <= texts[block]).any():
            raise ModelRejected(f"{spec.name}: not sorted, or not unique")


def _check_texts(spec: ArraySpec, texts: Array, *, full: bool) -> None:
    if spec.kind is ArrayKind.KEYS:
        return
    for block in blocks(len(texts), full=full):
        for encoded in texts[block].tolist():
            fault = _text_fault(spec.kind, encoded)
            if fault:
                raise ModelRejected(f"{spec.name}: {encoded[:40]!r} is {fault}")


def _text_fault(kind: ArrayKind, encoded: bytes) -> str | None:
    try:
        text = encoded.decode()
    except UnicodeDecodeError:
        return "not valid UTF-8"
    if kind is ArrayKind.IDS:
        return id_fault(text)
    return None if text else "empty"


def _check_reasons(slate: str, arrays: Arrays, *, full: bool) -> None:
    """Check that each reason is known, and has an item if and only if it names one."""
    reasons, reason_items = arrays[f"{slate}_reasons"], arrays[f"{slate}_reason_items"]
    for block in blocks(len(reasons), full=full):
        if not _KNOWN_REASON[reasons[block]].all():
            raise ModelRejected(f"{slate}_reasons: an unknown reason")
        if (_NAMES_AN_ITEM[reasons[block]] != (reason_items[block] != NO_ITEM)).any():
            raise ModelRejected(
                f"{slate}_reason_items: an item with a reason that names none, or the reverse"
            )


def blocks(length: int, *, full: bool) -> Iterator[slice]:
    """Yield the slices to read: all, or samples spread from the first element to the last."""
    if full or length <= _SAMPLED_BLOCKS * _SAMPLED_BLOCK:
        for start in range(0, length, _FULL_BLOCK):
            yield slice(start, min(start + _FULL_BLOCK, length))
        return
    last = length - _SAMPLED_BLOCK
    for block in range(_SAMPLED_BLOCKS):
        start = last * block // (_SAMPLED_BLOCKS - 1)
        yield slice(start, start + _SAMPLED_BLOCK)
