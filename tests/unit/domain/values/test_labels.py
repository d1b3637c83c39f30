"""Labels: what is one, and how one that is none is named."""

import pytest

from recsvc.domain.errors import BadRequest
from recsvc.domain.values.labels import checked_label, label_fault


@pytest.mark.parametrize("label", ["a", "2024-05, § 3", "日本語", " ", "a" * 128])
def test_any_short_text_is_a_label(label: str) -> None:
    """Of any script, spaces and signs included."""
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
def test_a_text_that_is_none_is_named_with_its_field(text: str, fault: str) -> None:
    """Whoever shows a label later must not have to clean it."""
    with pytest.raises(BadRequest) as refused:
        checked_label(text, "source")

    (error,) = refused.value.errors
    assert (error.field, refused.value.code) == ("source", "bad_label")
    assert error.detail.startswith(fault)


def test_no_label_is_no_fault() -> None:
    """Labels are optional everywhere."""
    assert checked_label(None, "source") is None
