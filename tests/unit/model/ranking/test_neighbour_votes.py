"""The neighbours of several items: the voters that count, and the sums of their votes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.catalogue.slates import ItemSlate, ReasonCode
from recsvc.model.kernels.kernels import ItemFilter
from recsvc.model.ranking.neighbour_votes import MAX_VOTERS, votes
from recsvc.model.registry.candidates import UNFILTERED, Candidates
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP, large_shop, published

APPLE, BANANA, CHERRY, DAMSON = range(4)  # similar: 0 → 1, 2; 1 → 0; 3 → 2
BOUGHT = ReasonCode.BECAUSE_YOU_BOUGHT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder: Path = published(tmp_path_factory.mktemp("models"))
    return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


@pytest.fixture(scope="module")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = published(tmp_path_factory.mktemp("models"), large_shop(customers=50, items=100))
    return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


def only(*passing: int) -> ItemFilter:
    """Return a filter that some of four items pass."""
    _, *others = UNFILTERED
    return (~np.isin(range(4), passing), *others)


def columns_of(found: Candidates) -> list[list[float]]:
    assert found.reason_items is not None
    columns = (found.items, found.scores, found.reasons, found.reason_items)
    return [column.tolist() for column in columns]


def test_votes_for_one_item_are_added_up(model: LoadedModel) -> None:
    """Cherry has 0.5 from the apple and 1 from the damson, which is its top voter."""
    found = votes(model, ItemSlate.SIMILAR, [APPLE, DAMSON])

    assert found.items.tolist() == [CHERRY, BANANA]
    assert found.scores.tolist() == [1.5, 1.0]
    assert found.reason_items is not None
    assert found.reason_items.tolist() == [DAMSON, APPLE]


def test_equal_votes_leave_the_lower_row_first(model: LoadedModel) -> None:
    found = votes(model, ItemSlate.SIMILAR, [DAMSON, BANANA])

    assert found.items.tolist() == [APPLE, CHERRY]


def test_an_item_votes_once(model: LoadedModel) -> None:
    """A voter that is named twice counts once."""
    once = votes(model, ItemSlate.SIMILAR, [APPLE, DAMSON], reason=BOUGHT)
    twice = votes(model, ItemSlate.SIMILAR, [APPLE, DAMSON, APPLE], reason=BOUGHT)

    assert once.scores.tolist() == twice.scores.tolist()


@pytest.mark.parametrize("voters", [[APPLE], [APPLE, DAMSON], [DAMSON, BANANA, CHERRY]])
@given(passing=st.sets(st.integers(0, 3)))
def test_an_item_that_fails_the_filter_gets_no_votes(
    model: LoadedModel, voters: list[int], passing: set[int]
) -> None:
    """All other items keep the sums, the order and the reasons that they have without a filter."""
    every = votes(model, ItemSlate.SIMILAR, voters, reason=BOUGHT)
    kept = every.at(np.isin(every.items, list(passing)).nonzero()[0])

    found = votes(model, ItemSlate.SIMILAR, voters, reason=BOUGHT, item_filter=only(*passing))

    assert columns_of(found) == columns_of(kept)


def test_voters_beyond_the_limit_are_not_read(large_model: LoadedModel) -> None:
    """The iterator of voters is not read beyond the maximum."""
    asked: list[int] = []

    def voters() -> Iterator[int]:
        for row in range(100):
            asked.append(row)
            yield row

    votes(large_model, ItemSlate.SIMILAR, voters())

    assert len(asked) == MAX_VOTERS


def test_the_number_of_voters_is_the_callers(model: LoadedModel) -> None:
    """All items of a basket vote, of a customer's items the first 20."""
    one = votes(model, ItemSlate.SIMILAR, [APPLE, DAMSON], reason=BOUGHT, most_voters=1)
    both = votes(model, ItemSlate.SIMILAR, [APPLE, DAMSON], reason=BOUGHT, most_voters=2)

    assert (one.scores.sum(), both.scores.sum()) == (1.5, 2.5)
