"""A list request: number of items, filters, exclusions, context item, fields. Pure."""

from dataclasses import dataclass

from recsvc.domain.values.ids import ItemId

MAX_ITEMS = 100
DEFAULT_ITEMS = 10
MAX_NAMES = 20  # categories, and brands, in one filter
MAX_EXCLUDED = 200
MAX_OFFSET = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """An item passes if it matches every filter that is given; empty filters pass every item.

    It must be in one of `categories` (normalised paths) or in a child of one, by its category or
    its further categories, and have one of `brands`, a price in the range, and the currency. An
    item without the filtered property does not pass.
    """

    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    min_price: float | None = None
    max_price: float | None = None
    currency: str | None = None

    @property
    def has_prices(self) -> bool:
        return self.min_price is not None or self.max_price is not None

    @property
    def is_empty(self) -> bool:
        return not (self.categories or self.brands or self.has_prices or self.currency)


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A request for one list: `n` items after the first `offset`.

    `diversity`: 0 keeps the ranking, 1 avoids similar items. None: lists that are equal for all
    customers begin with few items of one category, all other lists keep the ranking. `rotate`: 0
    ignores impressions, 1 puts the next page before items that were shown without a reaction.
    """

    n: int = DEFAULT_ITEMS
    filters: Filters = NO_FILTERS
    exclude: tuple[ItemId, ...] = ()
    context_item: ItemId | None = None
    fields: tuple[str, ...] = ()
    diversity: float | None = None
    offset: int = 0
    rotate: float = 0.0

    @property
    def narrows(self) -> bool:
        """Whether filters or exclusions can leave the list short."""
        return bool(self.exclude) or not self.filters.is_empty
