"""Coverage, novelty, popularity and diversity of lists, compared with values by hand."""

import numpy as np
import pytest

from tests.unit.training.builders import training_data
from training.metrics.catalogue_quality import catalogue_of

# Of eight customers, all buy item 0, four of them item 1, two others item 2, one of these item 3.
BUYERS = {"i0": range(8), "i1": range(4), "i2": (4, 5), "i3": (4,)}
SHOP = training_data([(f"c{who}", item, 0.0) for item, buyers in BUYERS.items() for who in buyers])
CATALOGUE = catalogue_of(SHOP.customer_items)


def test_every_measure_by_hand() -> None:
    """Two lists of two, the best seller with the second and with the third, have known values."""
    found = CATALOGUE.exposure(np.array([[0, 1], [0, 2]]))
    cosines = (4 / np.sqrt(8 * 4), 2 / np.sqrt(8 * 2))  # common buyers / √(buyers · buyers)

    assert found.coverage == 3 / 4
    assert found.novelty == pytest.approx((0 + 1 + 0 + 2) / 4)  # half the buyers: one bit more
    assert found.popularity_bias == pytest.approx((1 + 0.75 + 1 + 0.5) / 4)
    assert found.diversity == pytest.approx(1 - np.mean(cosines))


def test_only_the_best_seller_is_no_news() -> None:
    """An item that all customers bought has novelty 0."""
    found = CATALOGUE.exposure(np.array([[0], [0], [0]]))

    assert (found.coverage, found.novelty, found.popularity_bias) == (0.25, 0.0, 1.0)
    assert np.isnan(found.diversity)


def test_items_without_a_common_buyer_are_wholly_different() -> None:
    """Items without a common buyer have dissimilarity 1, items of the same buyers 0."""
    assert CATALOGUE.exposure(np.array([[1, 2]])).diversity == pytest.approx(1)
    assert CATALOGUE.exposure(np.array([[2, 2]])).diversity == pytest.approx(0, abs=1e-6)


def test_a_short_list_counts_for_its_items() -> None:
    """Padding of a short list counts neither as an item nor in a pair."""
    short = CATALOGUE.exposure(np.array([[0, 1, -1], [0, 2, -1]]))

    assert short == CATALOGUE.exposure(np.array([[0, 1], [0, 2]]))


def test_items_after_the_tenth_place_do_not_count() -> None:
    """Items after the tenth place change no measure."""
    first = np.zeros((1, 10), np.int64)

    assert CATALOGUE.exposure(np.append(first, [[3]], axis=1)) == CATALOGUE.exposure(first)
