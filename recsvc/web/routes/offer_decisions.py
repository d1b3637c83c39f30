"""Route of next-best offers. An unknown customer gets the generic offers."""

from dataclasses import replace
from functools import lru_cache

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import Forbidden
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH, label_fault
from recsvc.usecases.access.request_access import BrowserAccess, RouteAccess
from recsvc.usecases.offers.answers import OffersAnswer
from recsvc.usecases.offers.decide import OffersQuery
from recsvc.web.http import metrics
from recsvc.web.http.parameters import Misread, Parameter, QueryShape, number_of_items
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

_CACHED_QUERIES = 256


def offers_for_customer(call: Call, customer_id: str) -> Response:
    query = _read_query(call.query)
    context = call.authorize_for_customer(customer_id, for_offers=True)
    if query.explain and not context.key.is_secret:
        raise Forbidden("explain needs a secret key", code="secret_key_needed")
    answer = call.services.offer_decider.decide_for(context, query, denied=call.denies_offers)
    metrics.count_answer("offers", answer.fallback)
    if not context.key.is_secret:
        answer = msgspec.structs.replace(answer, fallback=None)
    return private_json(answer)


def _read_label(text: str) -> str:
    if label_fault(text) is not None:
        raise Misread
    return text


def _read_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Misread
    return text == "true"


def _label(name: str, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        meaning=meaning,
        rule=f"a text of {LABEL_RULE}",
        read=_read_label,
        default=None,
        schema={"type": "string", "minLength": 1, "maxLength": MAX_LABEL_LENGTH},
    )


OFFERS_QUERY = QueryShape(
    (
        _label("channel", "Channel of the offers, such as web; absent: offers of every channel"),
        replace(number_of_items(), meaning="Maximum number of offers"),
        _label("placement", "Position on the page; recorded with the decision"),
        Parameter(
            name="explain",
            meaning="Explain the verdict on every offer; secret keys only",
            rule="true or false",
            read=_read_flag,
            default=False,
            schema={"type": "boolean", "default": False},
        ),
    ),
    OffersQuery,
)

# Few distinct queries occur. Their size is bounded by that of a request line.
_read_query = lru_cache(_CACHED_QUERIES)(OFFERS_QUERY.read)

ROUTES = (
    Route(
        "GET",
        "/v1/customers/<id:customer_id>/offers",
        offers_for_customer,
        "Get the best offers for a customer; personal with consent",
        RouteAccess(Scope.OFFERS, BrowserAccess.OWN_CUSTOMER),
        OffersAnswer,
        OFFERS_QUERY,
        remark="Personal with consent to `personalization` and `offers`; otherwise generic offers "
        "(no eligibility, no codes), the same for every customer. The request uses up no cap: send "
        "`offer_shown` with the `decision_id`, and claim the offer that the customer takes. "
        "`fallback` and `considered` are for secret keys.",
        uses_write_timeout=False,
        name="offers_for_customer",
        tag="offer_decisions",
    ),
)
