"""The item slates that the trainer judges and publishes."""

from collections.abc import Sequence

from training.item_slates.maker import ItemSlateMaker

MAKERS: Sequence[ItemSlateMaker] = ()
