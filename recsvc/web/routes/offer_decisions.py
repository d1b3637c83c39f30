"""Next-best offers over HTTP. An unknown customer is answered with what everybody gets."""

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
        raise Forbidden("explain is for secret keys", code="secret_key_needed")
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
        rule=LABEL_RULE,
        read=_read_label,
        default=None,
        schema={"type": "string", "minLength": 1, "maxLength": MAX_LABEL_LENGTH},
    )


OFFERS_QUERY = QueryShape(
    (
        _label("channel", "Only offers for this channel, as web; without it, those for any"),
        replace(number_of_items(), meaning="How many offers to answer"),
        _label("placement", "Where the offers will stand; written down with the decision"),
        Parameter(
            name="explain",
            meaning="Tell of every offer why it is in the answer or not; for secret keys",
            rule="true or false",
            read=_read_flag,
            default=False,
            schema={"type": "boolean", "default": False},
        ),
    ),
    OffersQuery,
)

# What is asked for is asked for again and again. The texts are bounded: a request line is.
_read_query = lru_cache(_CACHED_QUERIES)(OFFERS_QUERY.read)

ROUTES = (
    Route(
        "GET",
        "/v1/customers/<id:customer_id>/offers",
        offers_for_customer,
        "The best offers for one customer now, personal where the customer permits it",
        RouteAccess(Scope.OFFERS, BrowserAccess.OWN_CUSTOMER),
        OffersAnswer,
        OFFERS_QUERY,
        remark="Personal with consent to `personalization` and `offers`; without it, offers for "
        "everybody (no eligibility, no codes), the same for all. Looking spends nothing: send "
        "`offer_shown` with the `decision_id`, and claim what the customer takes. `fallback` and "
        "`considered` are for secret keys.",
        uses_write_timeout=False,
        name="offers_for_customer",
        tag="offer_decisions",
    ),
)
