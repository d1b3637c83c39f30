"""The live catalogue: what a shop says of its items now. Pure."""

from dataclasses import dataclass

from recsvc.domain.values.ids import ItemId


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item. `sensitive`: never a reason, never mailed, never learned from.

    It is offered from `available_from_us` on and no longer at `available_until_us`, both in
    microseconds since 1970.
    """

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
    available_from_us: int | None = None
    available_until_us: int | None = None


def is_offered(item: CatalogueItem, now_us: int) -> bool:
    """Whether the item may stand in an answer now."""
    if item.hidden or not item.in_stock:
        return False
    begun = item.available_from_us is None or item.available_from_us <= now_us
    return begun and (item.available_until_us is None or now_us < item.available_until_us)
