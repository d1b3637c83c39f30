"""Ids in a list are checked together, with the result of checking each."""

from hypothesis import example, given
from hypothesis import strategies as st

from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import checked_id, checked_ids

id_texts = st.text(st.sampled_from("ab./\n\x00\x7f\x9f\ud800é 😀"), max_size=4) | st.sampled_from(
    ["x" * 128, "x" * 129, "é" * 64, "é" * 65]
)


def one_by_one(texts: list[str]) -> list[str] | str:
    """Return the ids, or the detail of the first invalid one."""
    for place, text in enumerate(texts):
        try:
            checked_id(text, f"items[{place}]")
        except BadRequest as error:
            return error.detail
    return texts


@given(st.lists(id_texts, max_size=5))
@example(["a", "."])
@example([".."])
@example(["a", "", "b"])
@example(["a\nb"])
@example([])
def test_ids_are_checked_together_as_one_by_one(texts: list[str]) -> None:
    """The joined check accepts and refuses exactly as the check of each id does."""
    try:
        found: list[str] | str = checked_ids(texts, "items")
    except BadRequest as error:
        found = error.detail

    assert one_by_one(texts) == found
