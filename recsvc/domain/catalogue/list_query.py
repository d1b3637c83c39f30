"""What a list is asked to hold, and what not. Pure."""

from dataclasses import dataclass

from recsvc.domain.values.ids import ItemId

MAX_ITEMS = 100
DEFAULT_ITEMS = 10
MAX_NAMES = 20  # categories, and brands, in one filter
MAX_EXCLUDED = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """An item passes when it is in one of the categories, of one of the brands and in the range.

    An item of which the catalogue does not know what is asked for does not pass. Empty: all do.
    """

    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    min_price: float | None = None
    max_price: float | None = None

    @property
    def is_empty(self) -> bool:
        prices = self.min_price is None and self.max_price is None
        return prices and not self.categories and not self.brands


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """How much of a list, through which filters, around which item, and with which fields."""

    n: int = DEFAULT_ITEMS
    filters: Filters = NO_FILTERS
    exclude: tuple[ItemId, ...] = ()
    context_item: ItemId | None = None
    fields: tuple[str, ...] = ()
    diversity: float = 0.0

    @property
    def narrows(self) -> bool:
        """Whether a list may be short because of what was asked for."""
        return bool(self.exclude) or not self.filters.is_empty
