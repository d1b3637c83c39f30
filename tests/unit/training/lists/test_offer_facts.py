"""Inputs of offer decisions from purchases."""

import numpy as np

from recsvc.model.offers.coverage import covered_rows
from tests.offer_builders import offer
from tests.unit.training.builders import history, lines
from training.dataset.history import History
from training.dataset.interactions import from_lines
from training.lists.customer_facts import spent
from training.lists.offer_facts import OfferFacts, PurchasedItems

LINES = [("c0", "milk", 0.0), ("c0", "tea", 90.0), ("c1", "milk", 90.0), ("c1", "nuts", 90.0)]


def of(prices: list[float | None]) -> History:
    return history(LINES, price=prices, quantity=[2.0, 1.0, 3.0, 1.0])


def test_a_line_costs_its_price_times_its_quantity() -> None:
    """A line's amount is price times quantity; a missing price is the item's mean, else the
    shop's.
    """
    found = spent(of([4.0, 1.0, None, None]))

    np.testing.assert_allclose(found, [8.0, 1.0, 12.0, 2.5])


def test_without_any_price_a_line_counts_one() -> None:
    """Without any price a line counts one, because quantities may be in grams."""
    assert spent(of([None] * 4)).tolist() == [1.0] * 4


def test_the_amount_spent_halves_in_90_days() -> None:
    """The weight of an amount halves in 90 days, counted from the midnight after the last line."""
    found = OfferFacts(of([4.0] * 4)).of(0).bought

    expected = [8 * 0.5 ** (90.5 / 90), 4 * 0.5 ** (0.5 / 90)]

    assert found.rows.tolist() == [0, 2]
    np.testing.assert_allclose(found.weights, expected, rtol=1e-5)


def test_an_offer_on_a_parent_covers_the_items_of_its_children() -> None:
    """Further categories count, and an item without a category is in none."""
    bought = from_lines(lines(LINES), timed=True, categories={"milk": "Food > Dairy"})
    memberships = {"milk": ("Food > Dairy",), "tea": ("Drinks", "Food")}
    items = PurchasedItems(bought, bought.history, memberships)

    def covered(*categories: str) -> list[int]:
        return covered_rows(offer("o", categories=categories), items).tolist()

    assert covered("Food") == [0, 2]
    assert covered("Food > Dairy", "Drinks") == [0, 2]
    assert covered("Dairy") == []
