"""The three recommendation routes. Unknown customers and items get popular items, never a 404."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import uuid_utils
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate
from recsvc.usecases.access.request_access import BrowserAccess, RequestContext, RouteAccess
from recsvc.usecases.recommend.answers import Answer, RecommendedItem
from recsvc.web.http import metrics
from recsvc.web.http.list_parameters import list_parameters, list_query, rotate_parameter
from recsvc.web.http.parameters import Parameter, QueryShape, choice
from recsvc.web.http.rendering import JSON, PRIVATE
from recsvc.web.http.route import Call, Route

S = TypeVar("S", CustomerSlate, ItemSlate, AnonymousSlate)

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class ListRequest(Generic[S]):
    """The slate of a request, and its list query."""

    slate: S
    query: ListQuery


_SLATES = [*CustomerSlate, *ItemSlate, *AnonymousSlate]
SlateText = Annotated[str, msgspec.Meta(extra_json_schema={"enum": _SLATES})]


class Recommendation(msgspec.Struct, frozen=True):
    """A list of items. `fallback`: the reason why it is anonymous, for secret keys only.

    `personalized` is false exactly if items and reasons equal those of the anonymous answer.
    `no_consent`: no valid grant of `personalization`, the flag `minor` or `restricted`, or
    `Sec-GPC: 1`.
    """

    recommendation_id: str
    model_version: str | None
    slate: SlateText
    personalized: bool
    fallback: Fallback | None
    items: list[RecommendedItem]


def _list_query(slates: type[S], meaning: str, *more: Parameter) -> QueryShape[ListRequest[S]]:
    def request_of(slate: S, **values: Any) -> ListRequest[S]:
        return ListRequest(slate, list_query(**values))

    parameters = (choice("slate", meaning, slates), *list_parameters(), *more)
    return QueryShape(parameters, request_of)


# Query strings repeat. Their length is bounded by that of a request line.
_CACHED_QUERIES = 256

CUSTOMER_QUERY = _list_query(CustomerSlate, "The slate of the customer", rotate_parameter())
ITEM_QUERY = _list_query(ItemSlate, "The slate of the item")
ANONYMOUS_QUERY = _list_query(AnonymousSlate, "The anonymous slate")

_customer_request = lru_cache(_CACHED_QUERIES)(CUSTOMER_QUERY.read)
_item_request = lru_cache(_CACHED_QUERIES)(ITEM_QUERY.read)
_anonymous_request = lru_cache(_CACHED_QUERIES)(ANONYMOUS_QUERY.read)


def recommend_for_customer(call: Call, customer_id: str) -> Response:
    request = _customer_request(call.query)
    context = call.authorize_for_customer(customer_id, for_rotation=request.query.rotate > 0)
    answer = call.services.recommender.recommend_for(
        context, request.slate, request.query, denied=call.denies_personal_use
    )
    return _private(answer, context)


def recommend_for_item(call: Call, item_id: str) -> Response:
    request, item = _item_request(call.query), call.item(item_id)
    context = call.authorize_request()
    answer = call.services.recommender.neighbours_of(context, item, request.slate, request.query)
    return _anonymous(call, answer, context)


def recommend(call: Call) -> Response:
    request = _anonymous_request(call.query)
    context = call.authorize_request()
    answer = call.services.recommender.anonymous_list(context, request.slate, request.query)
    return _anonymous(call, answer, context)


def _anonymous(call: Call, answer: Answer, context: RequestContext) -> Response:
    return _private(answer, context) if context.key.is_secret else _public(call, answer)


def _private(answer: Answer, context: RequestContext) -> Response:
    return Response(msgspec.json.encode(private_list(answer, context)), headers=PRIVATE)


def _public(call: Call, answer: Answer) -> Response:
    """Return a list that any browser with this key may share; its id is a content hash (ETag)."""
    metrics.count_answer(answer.slate, answer.fallback)
    content = msgspec.json.encode(_body("", answer, None))
    name = hashlib.blake2b(content, digest_size=_ID_BYTES).hexdigest()
    headers = {
        "Content-Type": JSON,
        "Cache-Control": _public_cache(call.services.settings.public_max_age),
        "ETag": f'"{name}"',
        "Vary": "Authorization, Origin",
    }
    return Response(msgspec.json.encode(_body(name, answer, None)), headers=headers)


def _public_cache(max_age: int) -> str:
    return f"public, max-age={max_age}" if max_age else "public, no-cache"


def private_list(answer: Answer, context: RequestContext) -> Recommendation:
    """Return a list for `no-store`; include the fallback for secret keys only."""
    metrics.count_answer(answer.slate, answer.fallback)
    fallback = answer.fallback if context.key.is_secret else None
    return _body(str(uuid_utils.uuid7()), answer, fallback)


def _body(name: str, answer: Answer, fallback: Fallback | None) -> Recommendation:
    return Recommendation(
        name, answer.model_version, answer.slate, answer.personalized, fallback, answer.items
    )


RECOMMEND = RouteAccess(Scope.RECOMMEND, BrowserAccess.ANONYMOUS)
RECOMMEND_OWN = RouteAccess(Scope.RECOMMEND, BrowserAccess.OWN_CUSTOMER)

ROUTES = (
    Route(
        "GET",
        "/v1/customers/<id:customer_id>/recommendations",
        recommend_for_customer,
        "Items for one customer, personal if the customer consents",
        RECOMMEND_OWN,
        Recommendation,
        CUSTOMER_QUERY,
        uses_write_timeout=False,
        name="recommend_for_customer",
        tag="recommendations",
    ),
    Route(
        "GET",
        "/v1/items/<id:item_id>/recommendations",
        recommend_for_item,
        "Items related to one item; popular items if it has none or is unknown",
        RECOMMEND,
        Recommendation,
        ITEM_QUERY,
        also=(304,),
        remark="`similar` of an item without neighbours has the best items of its category and of "
        "the parent categories. An item of which nothing is known is answered with popular items: "
        "`slate` is `popular`, and `fallback` is `unknown_item` for secret keys.",
        uses_write_timeout=False,
        name="recommend_for_item",
        tag="recommendations",
    ),
    Route(
        "GET",
        "/v1/recommendations",
        recommend,
        "Items for anonymous visitors",
        RECOMMEND,
        Recommendation,
        ANONYMOUS_QUERY,
        also=(304,),
        uses_write_timeout=False,
        name="recommend",
        tag="recommendations",
    ),
)
