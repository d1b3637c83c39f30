"""The items of an answer: in the order of the lists, without repeated and excluded items."""

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.model.registry.candidates import Candidates, accept_all, assemble, fill
from tests.model_builders import candidates


def test_earlier_lists_come_first_and_no_item_twice() -> None:
    ranked = assemble(5, candidates(4, 2), candidates(2, 7, 4, 1))

    assert ranked.items == [4, 2, 7, 1]


def test_the_answer_ends_at_n() -> None:
    assert assemble(3, candidates(4, 2), candidates(7, 1)).items == [4, 2, 7]


@pytest.mark.parametrize("n", [0, 1, 3, 100])
def test_excluded_items_are_left_out(n: int) -> None:
    ranked = assemble(n, candidates(5, 6, 7, 8), excluded_rows=(5, 7))

    assert [6, 8][:n] == ranked.items


def test_everything_excluded_leaves_nothing() -> None:
    assert len(assemble(10, candidates(1, 2), candidates(2), excluded_rows={1, 2})) == 0


def test_scores_and_reasons_stay_with_their_item() -> None:
    """An excluded item is left out together with its reason and reason item."""
    own = Candidates(
        items=np.array([3, 1, 2], np.int32),
        scores=np.array([0.75, 0.5, 0.25], np.float32),
        reasons=np.array([2, 3, 2], np.uint8),
        reason_items=np.array([9, -1, 8], np.int32),
    )

    ranked = assemble(3, own, candidates(3, 6), excluded_rows=(3,))

    assert ranked.items == [1, 2, 6]
    assert ranked.reasons == [
        ReasonCode.BUY_AGAIN_DUE,
        ReasonCode.BECAUSE_YOU_BOUGHT,
        ReasonCode.POPULAR,
    ]
    assert ranked.reason_items == [None, 8, None]


def test_a_list_with_repeated_items_is_read_further() -> None:
    """A list with many repeated items still fills the answer."""
    assert assemble(3, candidates(*[1] * 500, 2, *[1] * 500, 3)).items == [1, 2, 3]


def test_a_long_list_is_read_only_as_far_as_needed() -> None:
    """The cost of an answer does not grow with the catalogue."""
    million = candidates(*range(1_000_000))
    read = Candidates(million.items, million.scores[:5], million.reasons[:5])

    assert fill(3, [read], {0, 2}, accept_all(1_000_000)).items == [1, 3, 4]
    with pytest.raises(IndexError):
        fill(4, [read], {0, 2}, accept_all(1_000_000))
