"""An item of the live catalogue. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recsvc.domain.values.attributes import Value
from recsvc.domain.values.ids import ItemId


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item. `sensitive`: never named as a reason, not mailed, not used in training.

    `category` and `categories` (further ones) are paths, see `category_paths`. Items with the same
    `item_group_id` are variants of one product. Available from `available_from_us` until before
    `available_until_us`, in microseconds since 1970.
    """

    item_id: ItemId
    title: str | None = None
    description: str | None = None
    url: str | None = None
    image_url: str | None = None
    category: str | None = None
    categories: tuple[str, ...] = ()
    brand: str | None = None
    price: float | None = None
    currency: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    item_group_id: str | None = None
    in_stock: bool = True
    hidden: bool = False
    sensitive: bool = False
    available_from_us: int | None = None
    available_until_us: int | None = None
