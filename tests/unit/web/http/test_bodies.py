"""The JSON reader: strict for any input."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.errors import BadRequest
from recsvc.web.http.bodies import parse_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(-1e9, 1e9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_valid_json_is_read_back(value: Any) -> None:
    """Values written by `json.dumps`, escaped or not, are read back unchanged."""
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Any bytes are either read or refused with BadRequest."""
    with contextlib.suppress(BadRequest):
        parse_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"-1e400",
        b"9" * 20,
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'["\\ud800"]',
        b'{"\\uDFFF": 1}',
        b'"\\udc00\\ud800"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff",
        b"{} {}",
        b"'a'",
    ],
)
def test_ambiguous_json_is_refused(body: bytes) -> None:
    """Duplicate keys, numbers beyond 64 bits, lone surrogates and deep nesting are refused."""
    with pytest.raises(BadRequest):
        parse_json(body)


def test_a_surrogate_pair_is_one_character() -> None:
    """A complete surrogate pair is read as one character."""
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"
