"""Ids to rows and back: exact matches only, and None for unknown ids."""

import numpy as np
import pytest

from recsvc.model.registry.id_map import CustomerMap, IdMap

IDS = ["Zebra", "apple", "apples", "äpfel", "日本"]


def id_map(ids: list[str] = IDS) -> IdMap:
    return IdMap(np.array([text.encode() for text in ids], dtype="S"))


def test_every_id_has_its_row_and_every_row_its_id() -> None:
    ids = id_map()

    assert list(range(5)) == [ids.row(text) for text in IDS]
    assert ids.ids(range(5)) == IDS


@pytest.mark.parametrize(
    "unknown",
    [
        "",
        "appl",
        "applesauce",
        "apple\0",
        "APPLE",
        "zzzz",
        "a",
        "日本日本日本",
        "日",
        "apples" * 50,
    ],
)
def test_an_unknown_id_is_none(unknown: str) -> None:
    """An unknown id is None, even if it equals a known id after truncation or padding."""
    assert id_map().row(unknown) is None


def test_a_lone_surrogate_is_none() -> None:
    """A lone surrogate has no UTF-8 encoding, so it is no known id."""
    assert id_map().row("\ud800") is None


def test_an_empty_map_knows_nothing() -> None:
    assert IdMap(np.zeros(0, "S1")).row("a") is None


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_out_of_range_is_an_error(row: int) -> None:
    """Row −1 raises an error instead of returning the last id."""
    with pytest.raises(IndexError):
        id_map().id(row)


def test_keys_that_end_in_nul_are_distinct() -> None:
    """numpy drops trailing NULs, but a key of 16 bytes keeps them."""
    keys = [bytes(16), b"a" + bytes(15), b"a\0b" + bytes(13), b"a" * 15 + b"\0", b"a" * 16]
    customers = CustomerMap(np.array(keys, dtype="S16"))

    assert [customers.row(key) for key in keys] == [0, 1, 2, 3, 4]
    assert customers.row(b"a" * 14 + b"\0\0") is None


def test_every_key_of_many_has_its_row() -> None:
    """Keys are found in more than one group of the two searches, other keys are not."""
    keys = sorted(bytes(np.random.default_rng(row).bytes(16)) for row in range(300))
    customers = CustomerMap(np.array(keys, dtype="S16"))

    assert [customers.row(key) for key in keys] == list(range(300))
    assert [customers.row(bytes([*key[:15], key[15] ^ 1])) for key in keys] == [None] * 300


@pytest.mark.parametrize("key", [b"", b"a", b"a" * 15, b"a" * 17])
def test_a_key_of_another_length_is_none(key: bytes) -> None:
    customers = CustomerMap(np.array([b"", b"a", b"a" * 15, b"a" * 16], dtype="S16"))

    assert customers.row(key) is None
