"""An array that does not match the format exactly is refused with the reason."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.model_builders import replace_array
from tests.unit.model.refusals import refusal

Damage = Callable[[Path], None]


def damage(name: str, array: np.ndarray, *, forge: bool = True) -> Damage:
    return lambda folder: replace_array(folder, name, array, forge=forge)


DAMAGED: dict[str, tuple[Damage, str]] = {
    "shape not the manifest's": (
        damage("popular_scores", np.ones(3, np.float32), forge=False),
        "popular_scores.npy: holds <f4 of shape (3,), not <f4 of shape (4,)",
    ),
    "shape not the other arrays'": (
        damage("popular_scores", np.ones(3, np.float32)),
        "popular_scores: 3 elements, which does not fit 4 popular",
    ),
    "offsets for another number of rows": (
        damage("similar_offsets", np.array([0, 4])),
        "similar_offsets: 2 elements, which does not fit 4 items",
    ),
    "two axes": (
        damage("popular_scores", np.ones((4, 1), np.float32)),
        "the manifest cannot be read",
    ),
    "two axes behind the manifest's back": (
        damage("popular_scores", np.ones((4, 1), np.float32), forge=False),
        "popular_scores.npy: holds <f4 of shape (4, 1)",
    ),
    "type not the manifest's": (
        damage("popular_scores", np.ones(4, np.float64), forge=False),
        "popular_scores.npy: holds <f8 of shape (4,)",
    ),
    "type not the format's": (
        damage("popular_scores", np.ones(4, np.float64)),
        "popular_scores: the manifest has <f8",
    ),
    "other byte order": (
        damage("popular_scores", np.ones(4, ">f4")),
        "popular_scores: the manifest has >f4",
    ),
    "column order": (
        damage("popular_scores", np.asfortranarray(np.ones((2, 2), np.float32)), forge=False),
        "popular_scores.npy: its header does not describe a plain array",
    ),
    "NaN": (
        damage("popular_scores", np.array([1, np.nan, 1, 1], np.float32)),
        "popular_scores: a score is not a finite number",
    ),
    "infinity": (
        damage("for_you_scores", np.array([1, 1, np.inf], np.float32)),
        "for_you_scores: a score is not a finite number",
    ),
    "an interval of no time": (
        damage("item_interval_days", np.array([7, 0, 1, 1], np.float32)),
        "item_interval_days: neither a number of days above 0 nor NaN",
    ),
    "an infinite interval": (
        damage("item_interval_days", np.array([7, np.inf, 1, 1], np.float32)),
        "item_interval_days: neither a number of days above 0 nor NaN",
    ),
    "fewer than no orders": (
        damage("customer_orders", np.array([-1, 3], np.int32)),
        "customer_orders: a number below 0, or infinite",
    ),
    "infinite spending": (
        damage("customer_spent", np.array([1, np.inf], np.float32)),
        "customer_spent: a number below 0, or infinite",
    ),
    "a day at the end of time": (
        damage("customer_last_order", np.array([1, np.inf], np.float32)),
        "customer_last_order: an infinite number",
    ),
    "another customer's purchases": (
        damage("bought_offsets", np.array([0, 3, 2], np.int64)),
        "bought_offsets: from 0 to 2 where 0 to 3 is right",
    ),
    "a pickled object": (
        damage("popular_scores", np.array([{}, {}, {}, {}], object), forge=False),
        "popular_scores.npy: holds |O of shape (4,)",
    ),
    "a pickled object that the manifest admits to": (
        damage("popular_scores", np.array([{}, {}, {}, {}], object)),
        "popular_scores: the manifest has |O",
    ),
    "item row too high": (
        damage("popular_items", np.array([0, 1, 2, 4], np.int32)),
        "popular_items: a row outside 0..3",
    ),
    "item row below zero": (
        damage("similar_items", np.array([0, 1, 2, -1], np.int32)),
        "similar_items: a row outside 0..3",
    ),
    "reason's item too high": (
        damage("for_you_reason_items", np.array([4, -1, -1], np.int32)),
        "for_you_reason_items: a row outside -1..3",
    ),
    "reason without its item": (
        damage("for_you_reason_items", np.array([-1, -1, -1], np.int32)),
        "for_you_reason_items: an item with a reason that names none, or the reverse",
    ),
    "unknown reason": (
        damage("for_you_reasons", np.array([2, 99, 1], np.uint8)),
        "for_you_reasons: an unknown reason",
    ),
    "decreasing offsets": (
        damage("for_you_offsets", np.array([0, 4, 3])),
        "for_you_offsets: decreasing",
    ),
    "offsets that end early": (
        damage("for_you_offsets", np.array([0, 1, 2])),
        "for_you_offsets: from 0 to 2 where 0 to 3 is right",
    ),
    "offsets that begin late": (
        damage("for_you_offsets", np.array([1, 2, 3])),
        "for_you_offsets: from 1 to 3 where 0 to 3 is right",
    ),
    "no offsets at all": (
        damage("for_you_offsets", np.zeros(0, np.int64)),
        "for_you_offsets: 0 elements, which does not fit",
    ),
    "unsorted ids": (
        damage("item_ids", np.array(["b", "a", "c", "d"], "S")),
        "item_ids: not sorted, or not unique",
    ),
    "an id twice": (
        damage("item_ids", np.array(["a", "b", "b", "d"], "S")),
        "item_ids: not sorted, or not unique",
    ),
    "an id that is none": (
        damage("item_ids", np.array(["a", "b", "c/.", "d"], "S")),
        "item_ids: b'c/.' is contains the part '.'",
    ),
    "an id of broken UTF-8": (
        damage("item_ids", np.array([b"a", b"b", b"c", b"\xff"], "S")),
        "item_ids: b'\\xff' is not valid UTF-8",
    ),
    "ids too wide": (
        damage("item_ids", np.array(["a", "b", "c", "d"], "S129")),
        "item_ids: the manifest has |S129",
    ),
    "a customer twice": (
        damage("customer_keys", np.array([b"k" * 16, b"k" * 16])),
        "customer_keys: not sorted, or not unique",
    ),
    "an unnamed category": (
        damage("category_names", np.array([b"", b"stone"], "S5")),
        "category_names: b'' is empty",
    ),
}


@pytest.mark.parametrize(("damage_it", "reason"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_array_is_refused_at_load(folder: Path, damage_it: Damage, reason: str) -> None:
    """A damaged array is refused even if the manifest was adapted to it."""
    damage_it(folder)

    assert reason in refusal(folder).detail


def test_a_shortened_file_is_refused(folder: Path) -> None:
    """A read past the end of a mapped file would kill the process, so the size is checked."""
    file = folder / "popular_scores.npy"
    os.truncate(file, file.stat().st_size - 1)

    assert refusal(folder).detail == "popular_scores.npy: 143 bytes long where 144 are right"


def test_a_lengthened_file_is_refused(folder: Path) -> None:
    with (folder / "popular_scores.npy").open("ab") as stream:
        stream.write(b"\0")

    assert refusal(folder).detail == "popular_scores.npy: 145 bytes long where 144 are right"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x02\x00" + bytes(200),
        b"\x80\x04\x95pickle.",
        b"PK\x03\x04" + bytes(200),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000,
        b"\x93NUMPY\x01\x00\xe8\x03" + b"(" * 1000,
        b"\x93NUMPY\x01\x00\x10\x00" + b"__import__('os')",
        b"\x93NUMPY\x01\x00\x02\x00{}",
        b"\x93NUMPY\x01\x00\x07\x00{[]: 1}",
        b"\x93NUMPY\x01\x00\x02\x00\0\0",
    ],
)
def test_a_malformed_npy_file_is_refused(folder: Path, content: bytes) -> None:
    """A header is parsed without executing it, and every malformed header is refused."""
    (folder / "popular_scores.npy").write_bytes(content)

    assert refusal(folder).detail.startswith("popular_scores.npy: ")
