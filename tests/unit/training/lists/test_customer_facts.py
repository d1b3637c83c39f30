"""Facts of each customer for offer decisions."""

from datetime import UTC, datetime

import numpy as np

from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.artifact import Artifact, CustomersPurchases
from tests.unit.training.builders import HASHER, Line, interactions, two_tastes
from tests.unit.training.test_pipeline import trained
from training.dataset.customer_items import customer_items_of
from training.lists.customer_facts import purchased_by
from training.lists.offer_facts import OfferFacts


def of(bought: list[Line], **columns: list[object]) -> CustomersPurchases:
    """Return the facts of all customers, in the order of their ids."""
    history = interactions(bought, **columns).history
    return purchased_by(history, customer_items_of(history), np.arange(history.customers_total))


def test_a_purchase_counts_half_after_90_days() -> None:
    """The weight of a purchase halves in 90 days, counted from the midnight after the last order;
    the greatest weight comes first.
    """
    found = of([("a", "bread", 0), ("a", "milk", 90), ("a", "milk", 179), ("b", "tea", 179)])
    ages = 0.5, 89.5, 179.5  # days are computed by their noons
    last, middle, first = (2 ** (-age / 90) for age in ages)

    assert found.bought.offsets.tolist() == [0, 2, 3]
    assert found.bought.items.tolist() == [1, 0, 2]
    assert np.allclose([last + middle, first, last], found.bought.scores)


def test_the_amount_spent_on_an_item_is_its_weight() -> None:
    """The amount spent on an item is its weight; a missing price is the item's mean price."""
    found = of(
        [("a", "bread", 0), ("a", "milk", 0), ("b", "milk", 0)],
        price=[2.0, 1.5, None],
        quantity=[1.0, 4.0, 2.0],
    )
    fading = 2 ** (-0.5 / 90)

    assert found.bought.items.tolist() == [1, 0, 1]
    assert np.allclose([6 * fading, 2 * fading, 3 * fading], found.bought.scores)


def test_evaluate_offers_uses_the_same_facts() -> None:
    """The model's facts of a customer equal those that `evaluate-offers` computes from
    purchases.
    """
    bought = [("a", "bread", 0), ("a", "milk", 90), ("b", "tea", 3)]
    history = interactions(bought, price=[2.0, 1.5, 4.0]).history
    in_model = purchased_by(history, customer_items_of(history), np.arange(2)).bought
    facts = OfferFacts(history)

    for customer in range(2):
        part = slice(*in_model.offsets[customer : customer + 2])
        theirs = dict(zip(in_model.items[part], in_model.scores[part], strict=True))
        computed = facts.of(customer).bought

        assert theirs == dict(zip(computed.rows, computed.weights, strict=True))


def test_orders_are_counted_and_not_lines() -> None:
    """Two lines of one order count as one order."""
    found = of(
        [("a", "bread", 0), ("a", "milk", 0), ("a", "milk", 3), ("b", "milk", 1)],
        order_id=["1", "1", "2", "3"],
    )

    assert found.orders.tolist() == [2, 1]


def test_the_amount_spent_is_the_sum_of_known_prices() -> None:
    """The amount spent is the sum over lines with a price, and NaN for a customer without any."""
    found = of(
        [("a", "bread", 0), ("a", "milk", 2), ("b", "milk", 1)],
        price=[2.0, 1.5, None],
        quantity=[1.0, 3.0, 1.0],
    )

    assert np.allclose([6.5, np.nan], found.spent, equal_nan=True)
    assert np.isnan(of([("a", "bread", 0)]).spent).all()


def test_the_days_of_the_first_and_the_last_order_are_kept() -> None:
    """The days of the first and the last order are kept per customer."""
    found = of([("a", "bread", 2), ("a", "milk", 7.5), ("b", "milk", 1)])

    assert (found.last - found.first).tolist() == [5.5, 0]
    assert found.last[0] - found.first[1] == 6.5


def test_a_training_stores_the_facts_of_each_customer() -> None:
    """A training stores the facts in the order of the model's customers, without days if there are
    no timestamps.
    """
    artifact, untimed = trained(two_tastes()).artifact, trained(two_tastes(), timed=False).artifact

    assert artifact.purchased is not None
    assert untimed.purchased is not None
    learned = interactions(two_tastes())
    rows = [learned.customer_ids.index(name) for name in _names(artifact)]
    expected = purchased_by(learned.history, customer_items_of(learned.history), np.array(rows))
    assert artifact.purchased.orders.tolist() == expected.orders.tolist()
    assert artifact.purchased.bought.items.tolist() == expected.bought.items.tolist()
    assert artifact.purchased.bought.offsets.tolist() == expected.bought.offsets.tolist()
    assert (artifact.purchased.last < datetime.now(UTC).timestamp() / 86_400).all()
    assert np.isnan(untimed.purchased.last).all()


def _names(artifact: Artifact) -> list[str]:
    """Return the ids of the model's customers, in its order."""
    names = {HASHER.key_of(CustomerId(name)): name for name, _, _ in two_tastes()}
    return [names[key] for key in artifact.customer_keys]
