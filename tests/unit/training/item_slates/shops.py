"""A gift shop of style families, and the lists of small shops, by item id."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.values.ids import ItemId
from tests.unit.training.builders import Line, lines
from training.dataset.category_groups import judged_categories
from training.dataset.customer_items import customer_items_of
from training.dataset.interactions import Interactions, from_lines
from training.item_slates.item_properties import properties_of
from training.item_slates.similar import WEIGHTS
from training.item_slates.similar_lists import SimilarLists, similar_lists_of
from training.item_slates.similar_scores import pair_scores
from training.sources.item_catalogue import ItemCatalogue, catalogue_of

_FORMS = ("JUMBO BAG", "LUNCH BOX", "CAKE TIN", "TEA TOWEL", "GREETING CARD")
_STYLES = ("RED RETROSPOT", "PINK POLKADOT", "BLUE SKULLS", "WOODLAND", "DOLLY GIRL", "CIRCUS")

Shop = tuple[Interactions, ItemCatalogue]


def item(item_id: str, **properties: Any) -> CatalogueItem:
    return CatalogueItem(ItemId(item_id), **properties)


def shop(bought: Sequence[Line], items: Sequence[CatalogueItem] = ()) -> Shop:
    catalogue = catalogue_of(items, "file")
    found = from_lines(
        lines(bought),
        timed=True,
        categories=judged_categories(catalogue.categories),
        catalogue=catalogue.not_sensitive,
    )
    return found, catalogue


def fitted(found: Shop, k: int = 1, candidate: str = "blend") -> SimilarLists:
    """Return the lists of every item."""
    interactions, catalogue = found
    history = interactions.history
    properties = properties_of(interactions.item_ids, catalogue)
    scores = pair_scores(history, customer_items_of(history), properties, k)
    rows = np.arange(history.items_total)
    return similar_lists_of(scores, rows, {candidate: WEIGHTS[candidate]})[candidate]


def named_lists(found: Shop, k: int = 1, candidate: str = "blend") -> Mapping[str, list[str]]:
    """Return the ids of each list, by the id of its item."""
    ids, columns = found[0].item_ids, fitted(found, k, candidate).lists.columns
    return {
        name: [ids[row] for row in columns[place] if row >= 0] for place, name in enumerate(ids)
    }


def gift_items(**properties: Any) -> list[CatalogueItem]:
    """Return one item of each form and style; `BA-RE` is the jumbo bag of red retrospot."""
    return [
        item(gift(form, style), title=f"{form} {style}", **properties)
        for form in _FORMS
        for style in _STYLES
    ]


def gift(form: str, style: str) -> str:
    return f"{form.split()[1][:2]}-{style[:2]}"


def gift_orders(customers: int = 120) -> list[Line]:
    """Return one order per customer: most styles of one form, and one item of another form."""
    rng = np.random.default_rng(11)
    bought: list[Line] = []
    for customer in range(customers):
        form, other = (str(each) for each in rng.permutation(_FORMS)[:2])
        styles = [str(each) for each in rng.permutation(_STYLES)[:4]]
        wanted = [gift(form, style) for style in styles] + [gift(other, styles[0])]
        bought += [(f"c{customer:03d}", each, customer / 3.0) for each in wanted]
    return bought
