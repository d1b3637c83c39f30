"""The artifact of a trainer is converted and checked before anything is written."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.errors import ModelRejected
from recsvc.model.artifact.artifact import Artifact, TopList, empty_lists
from recsvc.model.artifact.format import ALL_ARRAYS
from tests.model_builders import customer, fruit_shop, top


def test_the_arrays_are_those_of_the_format() -> None:
    """The arrays have the types of the format, for any integer and float types of the trainer."""
    arrays = fruit_shop().to_arrays()

    assert ALL_ARRAYS.keys() == arrays.keys()
    assert all(spec.admits(arrays[name].dtype.str) for name, spec in ALL_ARRAYS.items())


def test_categories_are_sorted_by_name() -> None:
    arrays = fruit_shop().to_arrays()

    assert arrays["category_names"].tolist() == [b"pome", b"stone"]
    assert arrays["category_popular_offsets"].tolist() == [0, 1, 3]
    assert arrays["category_popular_items"].tolist() == [0, 3, 2]


WRONG: dict[str, tuple[Mapping[str, Any], str]] = {
    "unsorted items": (
        {"item_ids": ["b", "a", "c", "d"]},
        "item_ids: not sorted, or not unique",
    ),
    "long id": (
        {"item_ids": ["a", "b", "c", "d" * 129]},
        "item_ids: 1 axes of |S129",
    ),
    "id ending in NUL": ({"item_ids": ["a", "b", "c", "d\0"]}, "item_ids: a text ends in NUL"),
    "id with a lone surrogate": (
        {"item_ids": ["a", "b", "c", "\ud800"]},
        "item_ids: b'\\xed\\xa0\\x80' is not valid UTF-8",
    ),
    "short key": (
        {"customer_keys": [b"x", customer(2)]},
        "customer_keys: a key is not 16 bytes long",
    ),
    "a missing slate": (
        {"slates": {CustomerSlate.FOR_YOU: empty_lists(2)}},
        "the artifact has no discover; pass empty_lists(rows) for none",
    ),
    "a popular item without a score": (
        {"popular": TopList(np.array([1, 2]), np.array([1.0]))},
        "popular_scores: 1 elements, which does not fit 2 popular",
    ),
    "scores for other items": (
        {"trending": TopList(np.array([1]), np.array([1.0, 2.0]))},
        "trending_scores: 2 elements, which does not fit 1 trending",
    ),
    "NaN": (
        {"trending": TopList(np.array([1]), np.array([np.nan]))},
        "trending_scores: a score is not a finite number",
    ),
    "too large for float32": (
        {"trending": TopList(np.array([1]), np.array([1e300]))},
        "trending_scores: a score is not a finite number",
    ),
    "a row that would wrap around": (
        {"trending": TopList(np.array([2**32]), np.array([1.0]))},
        "trending_items: a value does not fit in int32",
    ),
    "rows that are no integers": (
        {"trending": TopList(np.array([1.5]), np.array([1.0]))},
        "trending_items: float64 where int32 is needed",
    ),
    "an unnamed category": ({"categories": {"": top(1)}}, "category_names: b'' is empty"),
}


@pytest.mark.parametrize(("changes", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_artifact_is_refused(changes: Mapping[str, Any], reason: str) -> None:
    artifact: Artifact = replace(fruit_shop(), **changes)

    with pytest.raises(ModelRejected) as caught:
        artifact.to_arrays()

    assert reason == caught.value.detail


def test_customers_lists_need_reasons() -> None:
    unreasoned = replace(empty_lists(2), reasons=None)
    slates = dict.fromkeys(CustomerSlate, unreasoned)

    with pytest.raises(ModelRejected) as caught:
        replace(fruit_shop(), slates=slates).to_arrays()

    assert caught.value.detail == "the artifact has no for_you_reasons"
