"""Consent over HTTP: written purpose by purpose, shown for all of them."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent import ConsentRecord, ConsentState, Purpose
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.labels import LABEL_RULE, MAX_LABEL_LENGTH, checked_label
from recsvc.domain.moments import rfc3339
from recsvc.usecases.consents import ConsentChange
from recsvc.usecases.entrance import Access, Browser
from recsvc.web import metrics
from recsvc.web.rendering import private_json
from recsvc.web.routes import Call, Route

# The values are judged below, since msgspec would not say which purpose is at fault.
_PURPOSES_SCHEMA = {
    "minProperties": 1,
    "properties": {str(purpose): {"type": "boolean"} for purpose in Purpose},
    "additionalProperties": False,
}

Label = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MAX_LABEL_LENGTH, description=LABEL_RULE)
]


class ConsentBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a customer says now. Only the purposes that are named change."""

    purposes: Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=_PURPOSES_SCHEMA)]
    policy_version: Label | None = None
    source: Label | None = None


class PurposeView(msgspec.Struct, frozen=True):
    """The latest word on one purpose. `expires_at` is null: nothing expires yet."""

    state: ConsentState
    at: str | None = None
    expires_at: str | None = None
    policy_version: str | None = None
    source: str | None = None


class ConsentView(msgspec.Struct, frozen=True):
    """Where one customer stands on every purpose."""

    purposes: dict[Purpose, PurposeView]


def put_consents(call: Call, customer_id: str) -> Response:
    visit = call.enter_for(customer_id)
    change = _change(call.read_body(ConsentBody))
    record = call.services.consents.put(visit, change)
    metrics.count_consents(change.purposes)
    return private_json(_view(record))


def get_consents(call: Call, customer_id: str) -> Response:
    visit = call.enter_for(customer_id)
    record = call.services.consents.get(visit)
    return private_json(_view(record))


def _change(body: ConsentBody) -> ConsentChange:
    faults = [*_faults(body.purposes)]
    if faults:
        detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
        raise BadRequest(detail, code="bad_consent", errors=faults)
    purposes = {Purpose(name): granted for name, granted in body.purposes.items()}
    return ConsentChange(
        purposes,
        checked_label(body.policy_version, "policy_version"),
        checked_label(body.source, "source"),
    )


def _faults(purposes: Mapping[str, object]) -> list[FieldError]:
    """Say what is wrong: consent is true or false, and nothing that looks like it."""
    if not purposes:
        return [FieldError("purposes", f"names none of {_PURPOSES}")]
    unknown = [
        FieldError(_field(name), f"unknown; the purposes are {_PURPOSES}")
        for name in purposes
        if name not in _NAMES
    ]
    unclear = [
        FieldError(_field(name), "must be true or false")
        for name, granted in purposes.items()
        if granted is not True and granted is not False
    ]
    return unknown or unclear


def _field(purpose: str) -> str:
    return f"purposes.{purpose[:64]}"


def _view(record: ConsentRecord) -> ConsentView:
    return ConsentView({purpose: _purpose_view(record, purpose) for purpose in Purpose})


def _purpose_view(record: ConsentRecord, purpose: Purpose) -> PurposeView:
    consent = record.purposes.get(purpose)
    if consent is None:
        return PurposeView(record.state(purpose))
    return PurposeView(
        state=consent.state,
        at=rfc3339(consent.at_us),
        policy_version=consent.policy_version,
        source=consent.source,
    )


_NAMES = frozenset(str(purpose) for purpose in Purpose)
_PURPOSES = ", ".join(Purpose)
PATH = "/v1/customers/<id:customer_id>/consents"
CONSENT = Access(Scope.CONSENT, Browser.OWN_CUSTOMER)

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_consents,
        "Grant or withdraw consent; in force for every request after the answer",
        CONSENT,
        ConsentView,
        body=ConsentBody,
        gives_way=False,
    ),
    Route(
        "GET",
        PATH,
        get_consents,
        "Where the customer stands on every purpose",
        CONSENT,
        ConsentView,
    ),
)
