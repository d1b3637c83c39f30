"""Query parameters of a list: number of items, filters, exclusions, ranking, catalogue fields."""

import re

from recsvc.domain.catalogue.category_paths import (
    MAX_PATH_BYTES,
    PATH_RULE,
    InvalidPath,
    normalised,
)
from recsvc.domain.catalogue.list_query import (
    MAX_EXCLUDED,
    MAX_NAMES,
    MAX_OFFSET,
    Filters,
    ListQuery,
)
from recsvc.domain.values.currencies import CURRENCY_PATTERN, CURRENCY_RULE, is_currency
from recsvc.domain.values.ids import ID_RULE, ItemId, id_fault, id_schema
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH, label_fault
from recsvc.usecases.recommend.answers import CATALOGUE_FIELDS
from recsvc.web.http.parameters import (
    Misread,
    Parameter,
    bad_parameter,
    number_of_items,
    whole_number,
)


def offset_fault(offset: int) -> str:
    return f"{offset} cannot be combined with diversity or rotate above 0"


def range_fault(min_price: float, max_price: float) -> str:
    return f"{max_price:g} is not min_price, {min_price:g}, or more"


_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,32})?|-0(\.0{1,6})?", re.ASCII)
_ID_SCHEMA = id_schema()


def list_parameters() -> tuple[Parameter, ...]:
    """Return the parameters of every list, as `list_query` takes them."""
    return (
        number_of_items(),
        whole_number(
            "offset",
            "Number of items to leave out at the start of the list: continues an earlier answer "
            "of the same `model_version`; not with `diversity` above 0",
            0,
            MAX_OFFSET,
            0,
        ),
        Parameter(
            name="category",
            meaning="Only items of this category and its children; repeat it to allow several",
            rule=f"{PATH_RULE}; at most {MAX_NAMES} times",
            read=_read_category,
            default=(),
            schema={
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_PATH_BYTES,
                "example": "Apparel > Shoes",
            },
            most=MAX_NAMES,
        ),
        Parameter(
            name="brand",
            meaning="Only items of this brand; repeat it to allow several",
            rule=f"a text of {LABEL_RULE}; at most {MAX_NAMES} times",
            read=_read_brand,
            default=(),
            schema={"type": "string", "minLength": 1, "maxLength": MAX_LABEL_LENGTH},
            most=MAX_NAMES,
        ),
        _price("min_price", "Only items at this price or above"),
        _price("max_price", "Only items at this price or below"),
        Parameter(
            name="currency",
            meaning="Only items with a price in this currency. A price filter needs it if the "
            "catalogue names several for its prices; with one, prices without a currency count too",
            rule=CURRENCY_RULE,
            read=_read_currency,
            default=None,
            schema={"type": "string", "pattern": CURRENCY_PATTERN, "example": "EUR"},
        ),
        *_ranking_parameters(),
    )


def _ranking_parameters() -> tuple[Parameter, ...]:
    return (
        Parameter(
            name="exclude",
            meaning="An item that must not be in the answer",
            rule=f"an id of {ID_RULE}; at most {MAX_EXCLUDED} times",
            read=_read_id,
            default=(),
            schema=_ID_SCHEMA,
            most=MAX_EXCLUDED,
        ),
        Parameter(
            name="context_item",
            meaning="The item on the visitor's page: its neighbours come first",
            rule=f"an id of {ID_RULE}",
            read=_read_id,
            default=None,
            schema=_ID_SCHEMA,
        ),
        Parameter(
            name="diversity",
            meaning="How much the items of a list should differ, by category and neighbours; 0 "
            "keeps the ranking; absent: `popular` and `trending` have at most two items of a "
            "category among the first five",
            rule="a decimal number from 0 to 1",
            read=_read_share,
            default=None,
            schema={"type": "number", "minimum": 0, "maximum": 1},
        ),
        Parameter(
            name="fields",
            meaning="Catalogue fields to add to each item, joined with commas",
            rule="a list of fields, joined with commas, of " + ",".join(CATALOGUE_FIELDS),
            read=_read_fields,
            default=(),
            schema={"type": "string", "example": "title,price"},
        ),
    )


def rotate_parameter() -> Parameter:
    """Return the parameter of customers' lists that uses their impressions."""
    return Parameter(
        name="rotate",
        meaning="How far an item moves back for each impression of the last 7 days without a later "
        "view, cart or purchase: 0 ignores impressions, 1 shows the next page; not with `offset`",
        rule="a decimal number from 0 to 1",
        read=_read_share,
        default=0.0,
        schema={"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    )


def list_query(
    n: int,
    offset: int,
    category: tuple[str, ...],
    brand: tuple[str, ...],
    min_price: float | None,
    max_price: float | None,
    currency: str | None,
    exclude: tuple[ItemId, ...],
    context_item: ItemId | None,
    diversity: float | None,
    fields: tuple[str, ...],
    rotate: float = 0.0,
) -> ListQuery:
    if offset and (diversity or rotate):
        raise bad_parameter("offset", offset_fault(offset))
    if min_price is not None and max_price is not None and min_price > max_price:
        raise bad_parameter("max_price", range_fault(min_price, max_price))
    filters = Filters(category, brand, min_price, max_price, currency)
    return ListQuery(n, filters, exclude, context_item, fields, diversity, offset, rotate)


def _price(name: str, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        meaning=meaning,
        rule="a decimal number from 0, as 19.99",
        read=_read_decimal,
        default=None,
        schema={"type": "number", "minimum": 0},
    )


def _read_brand(text: str) -> str:
    if label_fault(text) is not None:
        raise Misread
    return text


def _read_category(text: str) -> str:
    try:
        return normalised(text)
    except InvalidPath:
        raise Misread from None


def _read_currency(text: str) -> str:
    if not is_currency(text):
        raise Misread
    return text


def _read_id(text: str) -> ItemId:
    if id_fault(text) is not None:
        raise Misread
    return ItemId(text)


def _read_decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise Misread
    return float(text) or 0.0  # −0.0 is 0, as in bodies


def _read_share(text: str) -> float:
    number = _read_decimal(text)
    if number > 1:
        raise Misread
    return number


def _read_fields(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(CATALOGUE_FIELDS):
        raise Misread
    return names
