"""Query parameters: accepted values, and errors that name the field."""

import contextlib
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.errors import BadRequest
from recsvc.web.http.parameters import QueryShape, choice, number_of_items


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


SHAPE: QueryShape[dict[str, Any]] = QueryShape(
    (choice("colour", "Which one", Colour), number_of_items()), dict
)


def test_an_absent_parameter_has_its_default() -> None:
    """An absent choice is the first value, and an absent `n` is ten."""
    assert SHAPE.read("") == {"colour": Colour.RED, "n": 10}


def test_order_and_encoding_do_not_matter() -> None:
    """Parameters are read in any order, with percent-encoded names and values."""
    assert SHAPE.read("%6e=%37&colour=%62lue") == {"colour": Colour.BLUE, "n": 7}


@given(st.integers(min_value=1, max_value=100))
def test_every_number_in_range_is_read(number: int) -> None:
    """Each number from 1 to 100 is accepted."""
    assert SHAPE.read(f"n={number}")["n"] == number


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_any_query_is_read_or_refused(query: str) -> None:
    """Any query is either read or refused with BadRequest."""
    with contextlib.suppress(BadRequest):
        assert set(SHAPE.read(query)) == {"colour", "n"}


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("n=0", "bad_parameter", "n"),
        ("n=\xff", "bad_parameter", "n"),
        ("colour=green", "bad_parameter", "colour"),
        ("colour=red&colour=red", "bad_parameter", "colour"),
        ("color=red", "unknown_parameter", "color"),
        ("n\n=1", "unknown_parameter", "n\\n"),
        ("=1", "unknown_parameter", '""'),
    ],
)
def test_a_refusal_names_the_field(query: str, code: str, field: str) -> None:
    """The error names the field, with control characters escaped or an empty name in quotes."""
    with pytest.raises(BadRequest) as refused:
        SHAPE.read(query)

    assert (refused.value.code, [error.field for error in refused.value.errors]) == (code, [field])
