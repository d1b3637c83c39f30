"""Sums of votes, as the service and the evaluation of the trainer compute them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.model.kernels.kernels import MAX_SHARE, MAX_VOTED_ITEMS
from recsvc.model.registry.vote_tally import appeal_of, tally, top_share

ballots = st.lists(
    st.tuples(st.integers(0, 60), st.floats(-1, 5, width=32), st.integers(0, 7)), max_size=128
)


@given(ballots)
def test_each_item_has_the_sum_of_its_votes_and_its_top_voter(
    cast: list[tuple[int, float, int]],
) -> None:
    """Sums are in descending order; a vote of zero or less does not count."""
    items, votes, voters = (
        (np.array(column) for column in zip(*cast, strict=True))
        if cast
        else (np.zeros(0, int),) * 3
    )
    counted = tally(items, votes.astype(float), voters)
    valid = [(item, vote, voter) for item, vote, voter in cast if vote > 0]
    sums = {item: sum(v for i, v, _ in valid if i == item) for item, _, _ in valid}
    loudest = {item: max(v for i, v, _ in valid if i == item) for item in sums}

    assert len(counted.items) == min(len(sums), MAX_VOTED_ITEMS)
    assert np.allclose(counted.sums, sorted(sums.values(), reverse=True)[: len(counted.items)])
    assert np.allclose(counted.sums, [sums[item] for item in counted.items.tolist()])
    for item, voter in zip(counted.items.tolist(), counted.top_voters.tolist(), strict=True):
        assert (item, loudest[item], voter) in valid


def test_popularity_scales_a_vote_by_its_square_root() -> None:
    """The factor of the most popular item is 1; without any popularity all factors are 1."""
    assert appeal_of(np.array([4.0, 1.0, 0.0, -1.0])).tolist() == [1, 0.5, 0, 0]
    assert appeal_of(np.zeros(2)).tolist() == [1, 1]
    assert appeal_of(np.zeros(0)).tolist() == []


def test_the_top_share_is_the_sum_of_weights_up_to_a_limit() -> None:
    """One view gives less than a cart, and many events give no more than the limit."""
    assert top_share(np.array([0.4])) == 0.4
    assert top_share(np.array([0.4, 0.4])) == MAX_SHARE
