"""The live catalogue over HTTP: one item at a time, or many as NDJSON lines."""

from typing import Any

import msgspec
from flask import Response
from msgspec import UNSET, UnsetType

from recsvc.domain.api_keys import Scope
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.item_validation import FIELDS, ItemField, read_item, shown
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import IdText, ItemId, pop_id
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web.http.bodies import NDJSON_BODY, convert, parse_json
from recsvc.web.http.body_structs import plain_type, struct
from recsvc.web.http.problems import FieldProblem, field_problems
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

WRITTEN = 201
REFUSED = 422

_DEFAULTS = CatalogueItem(ItemId(""))


def _body_field(name: str, field: ItemField) -> tuple[str, Any, Any]:
    annotation = field.schema | None if field.may_be_null else field.schema
    return name, annotation, getattr(_DEFAULTS, field.attribute)


def _view_field(name: str, field: ItemField) -> tuple[str, Any]:
    annotation = plain_type(field.schema)
    may_be_null = getattr(_DEFAULTS, field.attribute) is None
    return name, annotation | None if may_be_null else annotation


def _patch_field(name: str, field: ItemField) -> tuple[str, Any, Any]:
    annotation = field.schema | None if field.may_be_null else field.schema
    return name, annotation | UnsetType, UNSET


_BODY_FIELDS = [_body_field(name, field) for name, field in FIELDS.items()]
_VIEW_FIELDS = [_view_field(name, field) for name, field in FIELDS.items()]

# Only for the OpenAPI document: `domain.catalogue` reads items, with better messages.
_ID_IN_PATH = ("item_id", IdText | UnsetType, UNSET)
ItemBody = struct(
    "ItemBody",
    "The fields of an item. null is the same as an absent field, except for `in_stock`, `hidden` "
    "and `sensitive`, which are never null.",
    [_ID_IN_PATH, *_BODY_FIELDS],
    is_body=True,
)
ItemPatch = struct(
    "ItemPatch",
    "The fields of an item to change. An absent field or attribute keeps its value. null clears "
    "one, except `in_stock`, `hidden` and `sensitive`, which are never null.",
    [_ID_IN_PATH, *(_patch_field(name, field) for name, field in FIELDS.items())],
    is_body=True,
)
ItemLine = struct(
    "ItemLine", "One line: an item with its id.", [("item_id", IdText), *_BODY_FIELDS], is_body=True
)
ItemView = struct("ItemView", "An item of the catalogue.", [("item_id", str), *_VIEW_FIELDS])


class DeletedItem(msgspec.Struct, frozen=True):
    """A deleted item. It is in no answer until it is put again."""

    item_id: str
    deleted: bool = True


class LineResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one line: 201, or 422 with the faults."""

    status: int
    code: str | None = None
    errors: list[FieldProblem] = []


class LineResults(msgspec.Struct, frozen=True):
    """One result per line, in the order of the lines; blank lines have none."""

    results: list[LineResult]


def put_item(call: Call, item_id: str) -> Response:
    context, item = call.authorize_request(), call.item(item_id)
    read = read_item(item, call.read_body(dict[str, Any]))
    call.services.catalogue.put(context, read)
    return private_json(_view(read))


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
    results = [_WRITTEN if isinstance(each, CatalogueItem) else each for each in read]
    return private_json(LineResults(results))


def _line(line: bytes) -> CatalogueItem | LineResult:
    """Read a line; a fault becomes the result of this line alone."""
    try:
        given = convert(parse_json(line), dict[str, Any])
        return read_item(ItemId(pop_id(given, "item_id")), given)
    except BadRequest as fault:  # not stored: an exception keeps the frames it passed alive
        return LineResult(REFUSED, fault.code, field_problems(fault.errors))


def _view(item: CatalogueItem) -> msgspec.Struct:
    return ItemView(**shown(item))


_WRITTEN = LineResult(WRITTEN)
CATALOGUE = RouteAccess(Scope.CATALOGUE)
PATH = "/v1/items/<id:item_id>"
EFFECTIVE = "The change applies to every request that starts after the answer, on any worker."

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_item,
        "Create or replace an item",
        CATALOGUE,
        ItemView,
        body=ItemBody,
        remark=EFFECTIVE,
        name="put_item",
        tag="items",
    ),
    Route(
        "PATCH",
        PATH,
        patch_item,
        "Change some fields of an item, such as its price or stock",
        CATALOGUE,
        ItemView,
        body=ItemPatch,
        also=(404,),
        remark=f"{EFFECTIVE} Absent fields and attributes keep their value.",
        name="patch_item",
        tag="items",
    ),
    Route(
        "GET",
        PATH,
        get_item,
        "Return an item",
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
        "Delete an item; no answer contains it, even if a model knows it",
        CATALOGUE,
        DeletedItem,
        remark=EFFECTIVE,
        name="delete_item",
        tag="items",
    ),
    Route(
        "POST",
        "/v1/items",
        post_items,
        "Create or replace many items, one per line",
        CATALOGUE,
        LineResults,
        body=ItemLine,
        body_kind=NDJSON_BODY,
        remark="Valid lines are written; the results name the faults of the others. After a 503 "
        "some lines may have been written; send the request again.",
        name="post_items",
        tag="items",
    ),
)
