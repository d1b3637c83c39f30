"""Decisions over HTTP: why this was offered, and that was not."""

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import NotFound
from recsvc.domain.values.timestamps import rfc3339
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route


class DecisionView(msgspec.Struct, frozen=True):
    """One decision: what was offered, what was refused and why, and under which consent."""

    decision_id: str
    at: str
    decision: msgspec.Raw


def get_decision(call: Call, decision_id: str) -> Response:
    context, name = call.authorize_request(), call.decision(decision_id)
    found = call.services.decisions.get(context, name)
    if found is None:
        raise NotFound(
            "there is no such decision: it is too old, was for nobody, or its customer does not "
            "permit that it is kept",
            code="no_such_decision",
        )
    content = msgspec.Raw(found.content)
    return private_json(DecisionView(found.decision_id, rfc3339(found.at_us), content))


ROUTES = (
    Route(
        "GET",
        "/v1/decisions/<id:decision_id>",
        get_decision,
        "Why this was offered to a customer, and that was not",
        RouteAccess(Scope.OFFERS),
        DecisionView,
        also=(404,),
        remark="Decisions for customers who permit `analytics` are kept for RECSVC_DECISION_DAYS; "
        "they are written within a second of the answer; a worker that is stopped takes a second "
        "at most for those that wait.",
        name="get_decision",
        tag="decisions",
    ),
)
