"""The arrays of each format version are frozen: an array that is added takes a new minor."""

from itertools import pairwise

from recsvc.model.artifact.format import ALL_ARRAYS, FORMAT, OPTIONAL_GROUPS, REQUIRED_ARRAYS

_NAMES = """
item_ids customer_keys category_names item_interval_days
for_you_offsets for_you_items for_you_scores for_you_reasons for_you_reason_items
discover_offsets discover_items discover_scores discover_reasons discover_reason_items
buy_again_offsets buy_again_items buy_again_scores buy_again_reasons buy_again_reason_items
similar_offsets similar_items similar_scores
bought_together_offsets bought_together_items bought_together_scores
category_popular_offsets category_popular_items category_popular_scores
popular_items popular_scores trending_items trending_scores
bought_offsets bought_items bought_scores
customer_orders customer_spent customer_first_order customer_last_order
"""
_FIRST = frozenset(_NAMES.split())

_HISTORY_SCORES = """
item_weights_offsets item_weights_items item_weights_scores
item_own_worth item_new_worth history_weights
"""

# Format 1.1 made arrays optional and added none.
ARRAYS = {
    "1.0": _FIRST,
    "1.1": _FIRST,
    "1.2": _FIRST | frozenset(_HISTORY_SCORES.split()),
}


def test_the_arrays_of_the_current_format_are_frozen() -> None:
    """An array is added together with a new minor format.

    If this test fails after an array was added: add 1 to `MINOR` in `format.py`, and add the new
    set here under the new number. Never change the set of a published format. An array that is
    removed or changed takes a new major.
    """
    assert frozenset(ALL_ARRAYS) == ARRAYS.get(FORMAT)


def test_every_older_version_has_the_required_arrays() -> None:
    """A required array must be in every format of the major; otherwise it must be optional."""
    assert all(names >= REQUIRED_ARRAYS.keys() for names in ARRAYS.values())


def test_a_minor_format_only_adds_whole_groups() -> None:
    """A newer minor has all arrays of the older ones, and a group is whole or absent."""
    versions = list(ARRAYS.values())
    groups = [frozenset(spec.name for spec in group) for group in OPTIONAL_GROUPS]

    assert all(old <= new for old, new in pairwise(versions))
    assert all(group <= names or not group & names for names in versions for group in groups)
