"""The live catalogue: what a shop says of its items now. Pure."""

from dataclasses import dataclass

from recsvc.domain.ids import ItemId


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item. `sensitive`: never a reason, never mailed, never learned from."""

    item_id: ItemId
    title: str | None = None
    url: str | None = None
    image_url: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    currency: str | None = None
    in_stock: bool = True
    hidden: bool = False
    sensitive: bool = False
