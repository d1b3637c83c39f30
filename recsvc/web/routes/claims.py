"""Routes that make and release claims.

Publishable keys see three refusals: nothing left, cap reached, claim ended. Every other refusal,
and an unknown offer, is `not_available`, so that a browser cannot probe an offer's conditions.
"""

import re
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import BadRequest, Conflict, FieldError, NotFound, Unprocessable
from recsvc.domain.offers.claims import (
    VISIBLE_TO_BROWSERS,
    Claim,
    ClaimFailure,
    ClaimRefusal,
    ClaimState,
)
from recsvc.domain.offers.decision_ids import MAX_DECISION_ID_LENGTH
from recsvc.domain.values.labels import MAX_LABEL_LENGTH, checked_label
from recsvc.domain.values.timestamps import rfc3339
from recsvc.usecases.access.request_access import BrowserAccess, RouteAccess
from recsvc.usecases.offers.claims import ClaimRequest
from recsvc.usecases.offers.offers import no_such_offer
from recsvc.web.http import metrics
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

CREATED = 201
KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
NOT_AVAILABLE = "not_available"

_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}", re.ASCII)
_DETAILS = {
    ClaimRefusal.NO_CONSENT: "the customer has not granted the consent that this offer needs",
    ClaimRefusal.NOT_ELIGIBLE: "the customer is not eligible for this offer",
    ClaimRefusal.CHANNEL: "the offer is not valid in this channel",
    ClaimRefusal.ITEMS: "no item that the offer covers is available",
    ClaimRefusal.WINDOW: "the offer is not valid at this time",
    ClaimRefusal.CAPPED: "the customer has reached the cap of this offer",
    ClaimRefusal.NOTHING_LEFT: "nothing is left of this offer",
    ClaimRefusal.ENDED: f"the claim of this {KEY_HEADER} has ended; send a new key",
}


DecisionText = Annotated[str, Meta(min_length=1, max_length=MAX_DECISION_ID_LENGTH)]


class ClaimBody(msgspec.Struct, forbid_unknown_fields=True):
    """The channel of the claim, and the decision that contained the offer."""

    channel: Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_LENGTH)] | None = None
    decision_id: DecisionText | None = None


class ReleaseBody(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object."""


class ClaimView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A redemption held until `expires_at`, with a code if the offer has codes."""

    claim_id: str
    expires_at: str
    code: str | None = None


class ReleasedClaim(msgspec.Struct, frozen=True):
    """A released claim."""

    claim_id: str
    state: ClaimState = ClaimState.RELEASED


def post_claim(call: Call, customer_id: str, offer_id: str) -> Response:
    context, offer = call.authorize_for_customer(customer_id, for_offers=True), call.offer(offer_id)
    key = _idempotency_key(call)
    body = call.read_body(ClaimBody)
    channel = checked_label(body.channel, "channel")
    request = ClaimRequest(offer, channel, body.decision_id, key)
    result = call.services.claims.claim(context, request, denied=call.denies_offers)
    metrics.count_claim(_outcome(result))
    if isinstance(result, Claim):
        view = ClaimView(result.claim_id, rfc3339(result.expires_at_us), result.code)
        return private_json(view, CREATED)
    raise _refusal(result, is_secret=context.key.is_secret)


def post_release(call: Call, claim_id: str) -> Response:
    context = call.authorize_request()
    claim = call.claim(claim_id)
    call.read_body(ReleaseBody)
    state = call.services.claims.release(context, claim, call.token_customer(context))
    if state is ClaimFailure.NOT_FOUND:
        raise NotFound("no such claim", code="no_such_claim")
    if state is ClaimState.REDEEMED:
        detail = "only a secret key can release a redeemed claim"
        raise Conflict(detail, code="already_redeemed")
    return private_json(ReleasedClaim(claim))


def _idempotency_key(call: Call) -> str | None:
    text: str | None = call.request.headers.get(KEY_HEADER)
    if text is None or _KEY.fullmatch(text):
        return text
    rule = f"1 to {MAX_KEY_LENGTH} visible characters of ASCII"
    raise BadRequest(
        f"{KEY_HEADER} must be {rule}",
        code="bad_idempotency_key",
        errors=[FieldError(KEY_HEADER, f"must be {rule}")],
    )


def _outcome(result: Claim | ClaimRefusal | ClaimFailure) -> str:
    if isinstance(result, Claim):
        return "held"
    if isinstance(result, ClaimRefusal):
        return str(result)
    return "key_reused" if result is ClaimFailure.KEY_REUSED else "no_such_offer"


def _refusal(
    result: ClaimRefusal | ClaimFailure, *, is_secret: bool
) -> Conflict | NotFound | Unprocessable:
    if result is ClaimFailure.KEY_REUSED:
        return Unprocessable(
            f"this {KEY_HEADER} was used for a different request; send a new key",
            code="idempotency_key_reused",
        )
    if isinstance(result, ClaimRefusal) and (is_secret or result in VISIBLE_TO_BROWSERS):
        return Conflict(_DETAILS[result], code=str(result))
    if is_secret:
        return no_such_offer()
    return Conflict("offer not available", code=NOT_AVAILABLE)


ROUTES = (
    Route(
        "POST",
        "/v1/customers/<id:customer_id>/offers/<id:offer_id>/claim",
        post_claim,
        "Claim an offer: hold one redemption for a customer",
        RouteAccess(Scope.OFFERS, BrowserAccess.OWN_CUSTOMER),
        ClaimView,
        body=ClaimBody,
        body_is_optional=True,
        status=CREATED,
        also=(404, 409, 422),
        takes_idempotency_key=True,
        remark=f"Send an `{KEY_HEADER}`. A repeated request with the same key returns the same "
        "claim for a day, or 409 `claim_ended` after its hold has ended; a different request with "
        "the same key is 422. Without a key, a repeated request may hold twice. 409: the claim "
        "was refused; refusals are not stored. An `offer_redeemed` event with the `claim_id` "
        "confirms the claim; without it, the customer's oldest open claim on the offer. A claim "
        "that is not confirmed before `expires_at` is released.",
        name="post_claim",
        tag="claims",
    ),
    Route(
        "POST",
        "/v1/claims/<id:claim_id>/release",
        post_release,
        "Release a claim",
        RouteAccess(Scope.OFFERS, BrowserAccess.WITH_TOKEN),
        ReleasedClaim,
        body=ReleaseBody,
        body_is_optional=True,
        also=(404, 409),
        remark="Releasing an ended or released claim again returns the same. A secret key also "
        "releases a redeemed claim: the redemption is cancelled, like by the event "
        "`offer_redemption_cancelled`. 409: it was redeemed, and the key is publishable.",
        name="post_release",
        tag="claims",
    ),
)
