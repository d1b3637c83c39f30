"""Warnings of items and names that neither catalogue nor model contains."""

from dataclasses import replace

import pytest

from recsvc.domain.offers.eligibility import CONDITIONS, Bought, Eligibility
from recsvc.domain.values.ids import ItemId
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.no_model import no_model
from recsvc.usecases.offers.offers import warnings_of
from tests.offer_builders import offer

NAMES_NO_ITEM = {
    "min_orders",
    "max_orders",
    "min_days_since_last_order",
    "max_days_since_last_order",
    "min_spent",
    "max_spent",
    "segments",
    "attributes",
    "new_customers_only",
    "birthday_month",
    "anniversary_month",
}


@pytest.mark.parametrize("condition", sorted(set(CONDITIONS) - NAMES_NO_ITEM))
def test_every_condition_on_items_warns_of_unknown_ones(condition: str) -> None:
    """A new condition either names no item, or warns of unknown items and categories."""
    unknown = Bought(items=(ItemId("mlik"),), categories=("diary",))
    made = replace(offer("deal"), eligibility=Eligibility(**{condition: unknown}))
    live_items = LiveItems(no_model(), CatalogueColumns(), 0)

    assert [warning.field for warning in warnings_of(made, live_items)] == [
        f"eligibility.{condition}.items",
        f"eligibility.{condition}.categories",
    ]
