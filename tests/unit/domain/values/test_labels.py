"""Validation of labels."""

import pytest

from recsvc.domain.errors import BadRequest
from recsvc.domain.values.labels import checked_label, label_fault


@pytest.mark.parametrize("label", ["a", "2024-05, § 3", "日本語", " ", "a" * 128])
def test_any_short_text_is_a_label(label: str) -> None:
    """A label may hold any script, spaces and symbols."""
    assert label_fault(label) is None
    assert checked_label(label, "source") == label


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("a" * 129, "129 characters long"),
        ("a\0", "contains a control character"),
        ("\t", "contains a control character"),
        ("a\x9f", "contains a control character"),
        ("\udcff", "not valid UTF-8"),
    ],
)
def test_an_invalid_label_is_refused_with_its_field(text: str, fault: str) -> None:
    """Control characters and texts outside the limits are refused, so stored labels can be shown as
    they are.
    """
    with pytest.raises(BadRequest) as refused:
        checked_label(text, "source")

    (error,) = refused.value.errors
    assert (error.field, refused.value.code) == ("source", "bad_label")
    assert fault in error.detail


def test_a_missing_label_is_valid() -> None:
    """Labels are optional."""
    assert checked_label(None, "source") is None
