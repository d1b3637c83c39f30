"""The item slates that the trainer judges and publishes."""

from collections.abc import Sequence

from training.item_slates.item_properties import properties_of
from training.item_slates.maker import ItemData, ItemSlateMaker
from training.item_slates.similar import Similar


def makers_of(data: ItemData) -> Sequence[ItemSlateMaker]:
    """Return the makers for the items of one training."""
    return (Similar(properties_of(data.interactions.item_ids, data.catalogue)),)
