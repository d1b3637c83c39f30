"""The live catalogue over HTTP: one item at a time, or many as lines."""

from typing import Annotated, Any

import msgspec
from flask import Response
from msgspec import UNSET, Meta, UnsetType

from recsvc.domain.api_keys import Scope
from recsvc.domain.catalogue import item_validation as item_fields
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import ItemId, pop_id
from recsvc.domain.values.validation import MAX_URL_LENGTH
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web.http.bodies import NDJSON_BODY, convert, parse_json
from recsvc.web.http.problems import FieldProblem
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

WRITTEN = 201
REFUSED = 422

Title = Annotated[str, Meta(min_length=1, max_length=item_fields.MAX_TITLE_LENGTH)]
Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL_LENGTH)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Price = Annotated[float, Meta(ge=0, le=item_fields.MAX_PRICE)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ItemBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a shop says of an item. null says that there is none of it.

    For the document: `domain.item_fields` reads, since it can say what is wrong and what right.
    """

    item_id: str | UnsetType = UNSET
    title: Title | None = None
    url: Url | None = None
    image_url: Url | None = None
    category: Label | None = None
    brand: Label | None = None
    price: Price | None = None
    currency: Currency | None = None
    in_stock: bool = True
    hidden: bool = False
    sensitive: bool = False
    available_from: Moment | None = None
    available_until: Moment | None = None


class ItemLine(ItemBody, forbid_unknown_fields=True, kw_only=True):
    """One line: an item with its id."""

    item_id: str


class ItemView(msgspec.Struct, frozen=True):
    """An item as the catalogue has it."""

    item_id: str
    title: str | None
    url: str | None
    image_url: str | None
    category: str | None
    brand: str | None
    price: float | None
    currency: str | None
    in_stock: bool
    hidden: bool
    sensitive: bool
    available_from: str | None
    available_until: str | None


class DeletedItem(msgspec.Struct, frozen=True):
    """An item that is in no answer from now on, until it is put again."""

    item_id: str
    deleted: bool = True


class LineResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one line: 201, or 422 with what is wrong."""

    status: int
    code: str | None = None
    errors: list[FieldProblem] = []


class LineResults(msgspec.Struct, frozen=True):
    """One result per line, in the order of the lines; blank lines are none."""

    results: list[LineResult]


def put_item(call: Call, item_id: str) -> Response:
    context, item = call.authorize_request(), call.item(item_id)
    made = item_fields.read_item(item, call.read_body(dict[str, Any]))
    call.services.catalogue.put(context, made)
    return private_json(_view(made))


def patch_item(call: Call, item_id: str) -> Response:
    context, item = call.authorize_request(), call.item(item_id)
    given = call.read_body(dict[str, Any])
    return private_json(_view(call.services.catalogue.patch(context, item, given)))


def get_item(call: Call, item_id: str) -> Response:
    context, item = call.authorize_request(), call.item(item_id)
    return private_json(_view(call.services.catalogue.get(context, item)))


def delete_item(call: Call, item_id: str) -> Response:
    context, item = call.authorize_request(), call.item(item_id)
    call.services.catalogue.delete(context, item)
    return private_json(DeletedItem(item))


def post_items(call: Call) -> Response:
    context = call.authorize_request()
    read = [_line(line) for line in call.read_lines()]
    call.services.catalogue.put_many(context, [i for i in read if isinstance(i, CatalogueItem)])
    return private_json(
        LineResults([_WRITTEN if isinstance(i, CatalogueItem) else i for i in read])
    )


def _line(line: bytes) -> CatalogueItem | LineResult:
    """Read a line; what is wrong with it is its result and no other's."""
    try:
        given = convert(parse_json(line), dict[str, Any])
        return item_fields.read_item(ItemId(pop_id(given, "item_id")), given)
    except BadRequest as fault:  # not kept itself: it holds on to the frames that it came through
        errors = [FieldProblem(error.field, error.detail) for error in fault.errors]
        return LineResult(REFUSED, fault.code, errors)


def _view(item: CatalogueItem) -> ItemView:
    return ItemView(**item_fields.shown(item))


_WRITTEN = LineResult(WRITTEN)
CATALOGUE = RouteAccess(Scope.CATALOGUE)
PATH = "/v1/items/<id:item_id>"
IN_FORCE = "The change is in force for every request that starts after the answer, on any worker."

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_item,
        "Put an item in place of what was known of it",
        CATALOGUE,
        ItemView,
        body=ItemBody,
        remark=IN_FORCE,
        name="put_item",
        tag="items",
    ),
    Route(
        "PATCH",
        PATH,
        patch_item,
        "Change some fields of an item, as its price or stock",
        CATALOGUE,
        ItemView,
        body=ItemBody,
        also=(404,),
        remark=f"{IN_FORCE} Fields that are not named stay; null clears one.",
        name="patch_item",
        tag="items",
    ),
    Route(
        "GET",
        PATH,
        get_item,
        "Show an item",
        CATALOGUE,
        ItemView,
        also=(404,),
        name="get_item",
        tag="items",
    ),
    Route(
        "DELETE",
        PATH,
        delete_item,
        "Have an item shown no more, also where a model knows it",
        CATALOGUE,
        DeletedItem,
        remark=IN_FORCE,
        name="delete_item",
        tag="items",
    ),
    Route(
        "POST",
        "/v1/items",
        post_items,
        "Put many items, one per line",
        CATALOGUE,
        LineResults,
        body=ItemLine,
        body_kind=NDJSON_BODY,
        remark="Lines that can be read are written, the others are told. A call that is answered "
        "with 503 may have been taken in in part; send it again.",
        name="post_items",
        tag="items",
    ),
)
