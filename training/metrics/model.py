"""Name, title and kind of a model, as results and registries refer to it."""

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """Kind of model. BLEND and RANKER are learned; the others are base models."""

    POPULARITY = "popularity"
    PERSONAL = "personal"  # the customer's own purchases
    COLLABORATIVE = "collaborative"  # similar customers or items
    BLEND = "blend"
    RANKER = "ranker"


@dataclass(frozen=True, slots=True)
class Model:
    """`name` is the key, `title` is for people. A baseline is a model in common use."""

    name: str
    title: str
    family: Family
    baseline: bool = False
