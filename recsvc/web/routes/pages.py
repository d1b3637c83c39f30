"""Lists requested with a body: for a basket, and all lists of a page at once."""

from typing import Annotated, Any, Literal, get_args

import msgspec
from flask import Response
from msgspec import Meta

from recsvc.domain.api_keys import Scope
from recsvc.domain.catalogue.category_paths import (
    MAX_PATH_BYTES,
    PATH_RULE,
    InvalidPath,
    normalised,
)
from recsvc.domain.catalogue.list_query import (
    DEFAULT_ITEMS,
    MAX_EXCLUDED,
    MAX_ITEMS,
    MAX_NAMES,
    MAX_OFFSET,
    Filters,
    ListQuery,
)
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate, Slate
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.currencies import CURRENCY_PATTERN, CURRENCY_RULE, is_currency
from recsvc.domain.values.ids import ID_RULE, CustomerId, IdText, ItemId, checked_id, checked_ids
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH, label_fault
from recsvc.domain.values.validation import mismatch, shortened_json
from recsvc.usecases.access.request_access import BrowserAccess, RequestContext, RouteAccess
from recsvc.usecases.recommend.built_lists import Placement
from recsvc.web.http.list_parameters import offset_fault, range_fault
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.recommendations import Recommendation, private_list

MAX_PLACEMENTS = 20
MAX_BASKET = 200

CatalogueField = Literal[
    "title",
    "description",
    "url",
    "image_url",
    "category",
    "categories",
    "brand",
    "price",
    "currency",
    "attributes",
    "item_group_id",
]
SlateName = Literal[
    "for_you", "discover", "buy_again", "similar", "bought_together", "popular", "trending"
]
Label = Annotated[
    str, Meta(min_length=1, max_length=MAX_LABEL_LENGTH, description=f"A text of {LABEL_RULE}")
]
# The lengths are checked with the path, since it counts bytes and spaces do not count.
CategoryText = Annotated[
    str,
    Meta(description=PATH_RULE, extra_json_schema={"minLength": 1, "maxLength": MAX_PATH_BYTES}),
]
Price = Annotated[float, Meta(ge=0)]
CurrencyCode = Annotated[str, Meta(pattern=CURRENCY_PATTERN, description=CURRENCY_RULE)]


class FilterFields(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Filters and catalogue fields: the same as the query parameters of these names."""

    category: Annotated[list[CategoryText], Meta(max_length=MAX_NAMES)] = []
    brand: Annotated[list[Label], Meta(max_length=MAX_NAMES)] = []
    min_price: Price | None = None
    max_price: Price | None = None
    currency: CurrencyCode | None = None
    exclude: Annotated[list[IdText], Meta(max_length=MAX_EXCLUDED)] = []
    fields: Annotated[list[CatalogueField], Meta(max_length=len(get_args(CatalogueField)))] = []

    def filters(self, where: str = "") -> Filters:
        if None not in (self.min_price, self.max_price) and self.min_price > self.max_price:  # type: ignore[operator]
            raise _wrong(f"{where}max_price", range_fault(self.min_price, self.max_price))  # type: ignore[arg-type]
        if self.currency is not None and not is_currency(self.currency):
            raise _wrong(f"{where}currency", mismatch(self.currency, CURRENCY_RULE))
        categories = _categories(self.category, where)
        brands = _labels(self.brand, f"{where}brand")
        return Filters(categories, brands, self.min_price, self.max_price, self.currency)

    def excluded(self, where: str = "") -> tuple[ItemId, ...]:
        return _items(self.exclude, f"{where}exclude")

    def catalogue_fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.fields))


class ListFields(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """Number of items, filters and ranking: the same as the query parameters of these names."""

    n: Annotated[int, Meta(ge=1, le=MAX_ITEMS)] = DEFAULT_ITEMS
    context_item: IdText | None = None
    diversity: Annotated[float, Meta(ge=0, le=1)] | None = None
    offset: Annotated[int, Meta(ge=0, le=MAX_OFFSET)] = 0

    def query(self, where: str = "", rotate: float = 0.0) -> ListQuery:
        filters, context_item = self.filters(where), self.context_item
        if self.offset and self.diversity:
            raise _wrong(f"{where}offset", offset_fault(self.offset))
        return ListQuery(
            self.n,
            filters,
            self.excluded(where),
            None
            if context_item is None
            else ItemId(checked_id(context_item, f"{where}context_item")),
            self.catalogue_fields(),
            self.diversity,
            self.offset,
            rotate,
        )


class BasketBody(ListFields, forbid_unknown_fields=True, kw_only=True):
    """The items in a basket, and the customer if known."""

    items: Annotated[list[IdText], Meta(max_length=MAX_BASKET)]
    customer_id: IdText | None = None


class PlacementBody(ListFields, forbid_unknown_fields=True, kw_only=True):
    """One list of a page. `similar` and `bought_together` refer to its `context_item`."""

    name: Label
    slate: SlateName = "for_you"
    rotate: Annotated[float, Meta(ge=0, le=1)] = 0.0

    def placed_query(self, where: str) -> ListQuery:
        if self.offset and self.rotate:
            raise _wrong(f"{where}offset", offset_fault(self.offset))
        return self.query(where, self.rotate)


class PageBody(msgspec.Struct, forbid_unknown_fields=True):
    """The lists of a page, the most important first: an item is in one list at most."""

    placements: Annotated[list[PlacementBody], Meta(min_length=1, max_length=MAX_PLACEMENTS)]
    customer_id: IdText | None = None


class PlacedList(Recommendation, frozen=True, kw_only=True):
    """A list with the name of its placement."""

    name: str


class Page(msgspec.Struct, frozen=True):
    placements: list[PlacedList]


def recommend_for_basket(call: Call) -> Response:
    body = call.read_body_first(BasketBody)
    query, items = body.query(), _items(body.items, "items")
    context = authorize(call, body.customer_id)
    answer = call.services.recommender.complete_basket(
        context, items, query, denied=call.denies_personal_use
    )
    return private_json(private_list(answer, context))


def recommend_for_page(call: Call) -> Response:
    body = call.read_body_first(PageBody)
    check_names([each.name for each in body.placements])
    placements = [_placement(each, place) for place, each in enumerate(body.placements)]
    rotates = any(each.rotate > 0 for each in body.placements)
    context = authorize(call, body.customer_id, for_rotation=rotates)
    answers = call.services.recommender.fill_page(
        context, placements, denied=call.denies_personal_use
    )
    lists = [private_list(answer, context) for answer in answers]
    named = zip(body.placements, lists, strict=True)
    return private_json(Page([_placed(each.name, listed) for each, listed in named]))


def authorize(call: Call, customer_id: str | None, *, for_rotation: bool = False) -> RequestContext:
    if customer_id is None:
        return call.authorize_request()
    customer = CustomerId(checked_id(customer_id, "customer_id"))
    return call.authorize_request(customer, for_rotation=for_rotation)


def _placement(body: PlacementBody, place: int) -> Placement:
    where = f"placements[{place}]."
    slate = _SLATES[body.slate]
    if isinstance(slate, ItemSlate) and body.context_item is None:
        raise _wrong(
            f"{where}context_item", f"missing; {slate} refers to an item: an id of {ID_RULE}"
        )
    return Placement(slate, body.placed_query(where))


def _placed(name: str, listed: Recommendation) -> PlacedList:
    return PlacedList(name=name, **_members(listed))


def _members(listed: Recommendation) -> dict[str, Any]:
    return {member: getattr(listed, member) for member in Recommendation.__struct_fields__}


def _categories(texts: list[str], where: str) -> tuple[str, ...]:
    paths = []
    for place, text in enumerate(texts):
        try:
            paths.append(normalised(text))
        except InvalidPath as fault:
            detail = f"{shortened_json(text)} {fault}; it is {PATH_RULE}"
            raise _wrong(f"{where}category[{place}]", detail) from None
    return tuple(paths)


def _labels(texts: list[str], field: str) -> tuple[str, ...]:
    for place, text in enumerate(texts):
        if label_fault(text) is not None:
            raise _wrong(f"{field}[{place}]", mismatch(text, f"a text of {LABEL_RULE}"))
    return tuple(texts)


def check_names(names: list[str]) -> None:
    """Refuse names of placements that are no labels, and repeated ones: answers carry them."""
    for place, name in enumerate(names):
        field = f"placements[{place}].name"
        if label_fault(name) is not None:
            raise _wrong(field, mismatch(name, f"a text of {LABEL_RULE}"))
        first = names.index(name)
        if first < place:
            detail = f"{shortened_json(name)} is the name of placements[{first}]; names differ"
            raise _wrong(field, detail)


def _items(ids: list[str], field: str) -> tuple[ItemId, ...]:
    return tuple(map(ItemId, checked_ids(ids, field)))


def _wrong(field: str, fault: str) -> BadRequest:
    return BadRequest(f"{field}: {fault}", code="bad_body", errors=[FieldError(field, fault)])


_SLATES: dict[str, Slate] = {
    str(slate): slate for kind in (CustomerSlate, ItemSlate, AnonymousSlate) for slate in kind
}
ACCESS = RouteAccess(Scope.RECOMMEND, BrowserAccess.ANYBODY_OR_OWN)

ROUTES = (
    Route(
        "POST",
        "/v1/basket/recommendations",
        recommend_for_basket,
        "Items that complete a basket, with or without a customer",
        ACCESS,
        Recommendation,
        body=BasketBody,
        uses_write_timeout=False,
        remark="Every item of the basket adds the scores of its own list; the largest sums come "
        "first. No item of the basket is in the answer, and no variant of one (`item_group_id`).",
        name="recommend_for_basket",
        tag="pages",
    ),
    Route(
        "POST",
        "/v1/pages",
        recommend_for_page,
        "All lists of a page at once, without repeated items",
        ACCESS,
        Page,
        body=PageBody,
        remark="A customer slate without `customer_id` is answered with popular items.",
        uses_write_timeout=False,
        name="recommend_for_page",
        tag="pages",
    ),
)
