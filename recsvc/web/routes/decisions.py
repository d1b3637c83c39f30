"""Route of decision records: the offers of a decision, with reasons."""

import msgspec
from flask import Response
from msgspec import UNSET, UnsetType

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import NotFound
from recsvc.domain.values.timestamps import rfc3339
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.usecases.offers.answers import ReasonText
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route


class DecisionConsent(msgspec.Struct, frozen=True):
    """The grant of one purpose that applied."""

    at: str
    policy_version: str | None


class DecidedOffer(msgspec.Struct, frozen=True):
    """One offer of a decision; the scores are absent in a decision without a model."""

    offer_id: str
    revision: int
    reason: ReasonText
    probability: float | UnsetType = UNSET
    worth: float | UnsetType = UNSET


class DecisionRecord(msgspec.Struct, frozen=True):
    """The record of a decision. Documents the schema; the stored text is the answer."""

    channel: str | None
    placement: str | None
    consent: dict[str, DecisionConsent]
    model_version: str | None
    offers_epoch: int
    offered: list[DecidedOffer]
    refused: dict[str, list[str]]
    considered: int


class DecisionView(msgspec.Struct, frozen=True):
    """One decision: offered and refused offers, with reasons and the consent that applied."""

    decision_id: str
    at: str
    decision: DecisionRecord


class StoredDecision(msgspec.Struct, frozen=True):
    """A `DecisionView` whose record is sent as it is stored."""

    decision_id: str
    at: str
    decision: msgspec.Raw


def get_decision(call: Call, decision_id: str) -> Response:
    context, name = call.authorize_request(), call.decision(decision_id)
    found = call.services.decisions.get(context, name)
    if found is None:
        raise NotFound(
            "no such decision: it is too old, generic, or the customer has not granted analytics",
            code="no_such_decision",
        )
    content = msgspec.Raw(found.content)
    return private_json(StoredDecision(found.decision_id, rfc3339(found.at_us), content))


ROUTES = (
    Route(
        "GET",
        "/v1/decisions/<id:decision_id>",
        get_decision,
        "Explain the offers of a decision",
        RouteAccess(Scope.OFFERS),
        DecisionView,
        also=(404,),
        remark="Decisions of customers with consent to `analytics` are stored for "
        "RECSVC_DECISION_DAYS. They are written within a second of the answer; a worker that "
        "stops waits at most a second for them.",
        name="get_decision",
        tag="decisions",
    ),
)
