"""Query parameters: what is read, and how a misread is told."""

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


def test_what_is_absent_is_the_default() -> None:
    """The first choice, and ten."""
    assert SHAPE.read("") == {"colour": Colour.RED, "n": 10}


def test_order_and_encoding_do_not_matter() -> None:
    """Names and values may be percent-encoded."""
    assert SHAPE.read("%6e=%37&colour=%62lue") == {"colour": Colour.BLUE, "n": 7}


@given(st.integers(min_value=1, max_value=100))
def test_every_number_in_range_is_read(number: int) -> None:
    """From 1 to 100."""
    assert SHAPE.read(f"n={number}")["n"] == number


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_any_query_is_read_or_refused(query: str) -> None:
    """Whatever bytes arrive, there is an answer and never another exception."""
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
    ],
)
def test_a_refusal_names_the_field(query: str, code: str, field: str) -> None:
    """By its name as sent, made harmless."""
    with pytest.raises(BadRequest) as refused:
        SHAPE.read(query)

    assert (refused.value.code, [error.field for error in refused.value.errors]) == (code, [field])
