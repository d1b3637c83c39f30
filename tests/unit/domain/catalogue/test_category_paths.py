"""Category paths: normalisation, parents and refusals."""

import pytest

from recsvc.domain.catalogue.category_paths import (
    InvalidPath,
    ancestors,
    covers,
    lenient,
    lineage,
    normalised,
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Tea", "Tea"),
        ("  Tea ", "Tea"),
        ("Apparel>Shoes", "Apparel > Shoes"),
        ("Apparel >  Shoes> Boots", "Apparel > Shoes > Boots"),
        ("Home\u00a0> Café & Bar", "Home > Café & Bar"),
    ],
)
def test_the_space_around_separators_is_normalised(text: str, path: str) -> None:
    """The names stay as they are written."""
    assert normalised(text) == path
    assert lenient(text) == path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (">", "an empty name"),
        ("A > > B", "an empty name"),
        ("A >", "an empty name"),
        ("> A", "an empty name"),
        (">".join("abcdefghi"), "9 levels"),
        ("A > " + "b" * 129, "129 characters"),
        ("A > b\x00", "control character"),
        ("A > \ud800", "not valid UTF-8"),
        (">".join(["ü" * 60] * 5), "512 bytes"),
        ("A" + " " * 1024, "512 bytes"),
    ],
)
def test_other_texts_are_refused_with_the_reason(text: str, reason: str) -> None:
    """A text that was stored before paths existed stays one name."""
    with pytest.raises(InvalidPath, match=reason):
        normalised(text)
    assert lenient(text) == text


def test_parents_are_named_from_the_nearest_to_the_top() -> None:
    """A top category has no parent."""
    assert ancestors("A > B > C") == ("A > B", "A")
    assert lineage("A > B") == ("A > B", "A")
    assert ancestors("A") == ()


def test_a_category_covers_itself_and_its_children() -> None:
    """A name that only begins alike is another category."""
    assert covers("A", "A")
    assert covers("A", "A > B > C")
    assert not covers("A > B", "A")
    assert not covers("A", "Ab > C")
