"""Lists with few items of one category at the start, and with one variant of each product."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.model.ranking.category_limit import (
    FIRST,
    first_variants,
    spread_categories,
    starts_spread,
)

codes = st.lists(st.integers(-1, 4), max_size=30)


@pytest.mark.parametrize(
    ("categories", "places"),
    [
        ([0, 1, 1, 1, 2, 3], [0, 1, 2, 4, 5, 3]),
        ([0, 0, 0, 0], [0, 1, 2, 3]),
        ([-1, -1, -1, 0], [0, 1, 2, 3]),
        ([], []),
    ],
)
def test_the_third_item_of_a_category_follows_the_first_five(
    categories: list[int], places: list[int]
) -> None:
    """Later items of other categories move up; items without a category are not limited."""
    assert places == spread_categories(categories)


@given(codes)
def test_the_first_five_have_two_of_a_category_if_the_list_has_others(codes: list[int]) -> None:
    """No item is lost; a third item of a category is among the first only without others."""
    places = spread_categories(codes)
    first = Counter(codes[place] for place in places[:FIRST] if codes[place] >= 0)
    room = sum(min(count, 2) if code >= 0 else count for code, count in Counter(codes).items())

    assert sorted(places) == list(range(len(codes)))
    assert max(first.values(), default=0) <= 2 or room < FIRST


@given(codes)
def test_a_start_within_the_limit_stays_as_it_is(codes: list[int]) -> None:
    """Such a list needs no other order."""
    if starts_spread(codes):
        assert spread_categories(codes) == list(range(len(codes)))
    else:
        assert max(Counter(code for code in codes[:FIRST] if code >= 0).values()) > 2


@given(codes)
def test_a_product_has_one_variant(codes: list[int]) -> None:
    """The first variant stays in its place; items without variants all stay."""
    kept = [codes[place] for place in first_variants(codes)]

    assert [code for code in kept if code < 0] == [code for code in codes if code < 0]
    assert Counter(code for code in kept if code >= 0) == Counter({*codes} - {-1})
