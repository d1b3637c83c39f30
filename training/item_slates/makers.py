"""The item slates that the trainer judges and publishes."""

from collections.abc import Sequence

from training.item_slates.item_properties import properties_of
from training.item_slates.maker import ItemData, ItemSlateMaker
from training.item_slates.similar import Similar
from training.item_slates.together import BoughtTogether


def makers_of(data: ItemData) -> Sequence[ItemSlateMaker]:
    """Return the makers for the items of one training."""
    properties = properties_of(data.interactions.item_ids, data.catalogue)
    return Similar(properties), BoughtTogether(properties)
