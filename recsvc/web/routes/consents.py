"""Routes of a customer's consent: record a statement, read the status of every purpose."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from flask import Response
from msgspec import UNSET, UnsetType

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.banner_signals import SIGNAL_FIELDS, deny_wins, read_signals
from recsvc.domain.consent.consent import ConsentState, ConsentStatus, Expiry, Purpose
from recsvc.domain.consent.signal_tables import SignalTables
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH, checked_label
from recsvc.domain.values.timestamps import rfc3339
from recsvc.domain.values.validation import FLAG_RULE, mismatch, shown_name
from recsvc.usecases.access.request_access import BrowserAccess, RequestContext, RouteAccess
from recsvc.usecases.customers.consents import ConsentChange
from recsvc.web.http import metrics
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route

# The values are validated below, since msgspec does not report the purpose at fault.
_PURPOSES_SCHEMA = {
    "minProperties": 1,
    "properties": {str(purpose): {"type": "boolean"} for purpose in Purpose},
    "additionalProperties": False,
}

_SEGMENT_SCHEMA = {
    "type": "object",
    "description": "Segment's context.consent",
    "required": ["categoryPreferences"],
    "properties": {
        "categoryPreferences": {"type": "object", "additionalProperties": {"type": "boolean"}}
    },
}
_CONTEXT_SCHEMA = {
    "type": "object",
    "description": "Segment's unchanged context. Only `consent` is read, and nothing is stored; "
    "if `segment` is sent as well, a denial in either wins",
    "required": ["consent"],
    "properties": {"consent": _SEGMENT_SCHEMA},
}
_GOOGLE_SCHEMA = {
    "type": "object",
    "description": "Google's Consent Mode: ad_storage, analytics_storage and others",
    "additionalProperties": {"enum": ["granted", "denied"]},
}
_TCF_SCHEMA = {
    "type": "object",
    "description": "The tcData of __tcfapi, or its consents alone as `purposes`. TCF strings are "
    "not supported",
    "properties": {"purposes": {"type": "object"}, "purpose": {"type": "object"}},
}
_US_PRIVACY_SCHEMA = {
    "type": ["string", "object"],
    "description": "A US Privacy string, as 1YNN, or the object with its `uspString`. An opt-out "
    "of sale denies; anything else states nothing",
}
_GPP_SCHEMA = {
    "type": "object",
    "description": "The data of __gpp with its `parsedSections`. An opt-out of sale, of sharing or "
    "of targeted advertising in a section of a US law denies; anything else states nothing. GPP "
    "strings are not supported",
    "properties": {"parsedSections": {"type": "object"}},
}

Label = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MAX_LABEL_LENGTH, description=LABEL_RULE)
]


class ConsentBody(msgspec.Struct, forbid_unknown_fields=True):
    """A live statement of a customer: by purpose, as reports of a consent banner, or both.

    Only the purposes that it names, or about which a report states something, change. Where two
    sources disagree, the denial wins.
    """

    purposes: (
        Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=_PURPOSES_SCHEMA)] | UnsetType
    ) = UNSET
    segment: Annotated[Any, msgspec.Meta(extra_json_schema=_SEGMENT_SCHEMA)] = UNSET
    context: Annotated[Any, msgspec.Meta(extra_json_schema=_CONTEXT_SCHEMA)] = UNSET
    google: Annotated[Any, msgspec.Meta(extra_json_schema=_GOOGLE_SCHEMA)] = UNSET
    tcf: Annotated[Any, msgspec.Meta(extra_json_schema=_TCF_SCHEMA)] = UNSET
    us_privacy: Annotated[Any, msgspec.Meta(extra_json_schema=_US_PRIVACY_SCHEMA)] = UNSET
    usp: Annotated[Any, msgspec.Meta(extra_json_schema=_US_PRIVACY_SCHEMA)] = UNSET
    gpp: Annotated[Any, msgspec.Meta(extra_json_schema=_GPP_SCHEMA)] = UNSET
    policy_version: Label | None = None
    source: Label | None = None


class PurposeView(msgspec.Struct, frozen=True):
    """The latest statement on one purpose; for secret keys, also if the purpose is permitted now.

    A grant is `expired` from `expires_at` on, and while its `policy_version` is below the minimum;
    `reason`, for secret keys, distinguishes the two. A flag of the customer may deny a granted
    purpose, which is not revealed to browsers.
    """

    state: ConsentState
    permitted: bool | UnsetType = UNSET
    at: str | None = None
    expires_at: str | None = None
    reason: Expiry | UnsetType | None = UNSET
    policy_version: str | None = None
    source: str | None = None


class ConsentView(msgspec.Struct, frozen=True):
    """The consent of one customer by purpose.

    `notes`: why a report of the request left a purpose, or all, as it was.
    """

    purposes: dict[Purpose, PurposeView]
    notes: list[str] | UnsetType = UNSET


def put_consents(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    change = read_change(call.read_body(ConsentBody), call.services.signals)
    status = call.services.consents.put(context, change)
    metrics.count_consents(change.purposes)
    view = _view_for(context, status)
    if change.notes:
        view = msgspec.structs.replace(view, notes=list(change.notes))
    return private_json(view)


def get_consents(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    return private_json(_view_for(context, call.services.consents.get(context)))


def read_change(body: ConsentBody, tables: SignalTables) -> ConsentChange:
    """Validate a body; raise `bad_consent` or `bad_label`."""
    signals = {each: sent for each in SIGNAL_FIELDS if (sent := getattr(body, each)) is not UNSET}
    banners = dict.fromkeys(SIGNAL_FIELDS[each] for each in signals)
    named = {} if body.purposes is UNSET else body.purposes
    if body.purposes is UNSET and not signals:
        raise _refused([FieldError("purposes", f"missing; {_PURPOSES_RULE}")])
    purposes = {} if body.purposes is UNSET else _purposes(named)
    stated = read_signals(signals, tables)
    return ConsentChange(
        deny_wins(purposes, stated.purposes),
        checked_label(body.policy_version, "policy_version"),
        checked_label(body.source, "source") or "+".join(banners) or None,
        tuple(stated.notes),
    )


def _purposes(given: Mapping[str, object]) -> dict[Purpose, bool]:
    """Validate the grants and denials by purpose; raise `bad_consent` with every fault."""
    faults = _faults(given)
    if faults:
        raise _refused(faults)
    return {Purpose(name): granted is True for name, granted in given.items()}


def _refused(faults: list[FieldError]) -> BadRequest:
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
    return BadRequest(detail, code="bad_consent", errors=faults)


def _faults(purposes: Mapping[str, object]) -> list[FieldError]:
    """Return the faults; only literal true and false are valid."""
    if not purposes:
        return [FieldError("purposes", f"{{}} names no purpose; {_PURPOSES_RULE}")]
    unknown = [
        FieldError(_field(name), f"unknown; the purposes are {_PURPOSES}")
        for name in purposes
        if name not in _NAMES
    ]
    unclear = [
        FieldError(_field(name), mismatch(granted, FLAG_RULE))
        for name, granted in purposes.items()
        if granted is not True and granted is not False
    ]
    return unknown or unclear


def _field(purpose: str) -> str:
    return f"purposes.{shown_name(purpose)}"


def _view_for(context: RequestContext, status: ConsentStatus) -> ConsentView:
    return view_of(status, with_verdict=context.key.is_secret)


def view_of(status: ConsentStatus, *, with_verdict: bool) -> ConsentView:
    """Return the view. `with_verdict`: with `permitted` and the reason of an expiry."""
    views = {purpose: _purpose_view(status, purpose) for purpose in Purpose}
    if with_verdict:
        views = {each: _with_verdict(view, status, each) for each, view in views.items()}
    return ConsentView(views)


def _purpose_view(status: ConsentStatus, purpose: Purpose) -> PurposeView:
    consent, state = status.record.purposes.get(purpose), status.state(purpose)
    if consent is None:
        return PurposeView(state)
    expires_at_us = status.expires_at_us(purpose)
    return PurposeView(
        state,
        at=rfc3339(consent.at_us),
        expires_at=None if expires_at_us is None else rfc3339(expires_at_us),
        policy_version=consent.policy_version,
        source=consent.source,
    )


def _with_verdict(view: PurposeView, status: ConsentStatus, purpose: Purpose) -> PurposeView:
    permitted, reason = status.permits(purpose), status.expiry(purpose)
    return msgspec.structs.replace(view, permitted=permitted, reason=reason)


_NAMES = frozenset(str(purpose) for purpose in Purpose)
_PURPOSES = ", ".join(Purpose)
_PURPOSES_RULE = f"it is an object of true and false by purpose, at least one of {_PURPOSES}"
PATH = "/v1/customers/<id:customer_id>/consents"
CONSENT = RouteAccess(Scope.CONSENT, BrowserAccess.OWN_CUSTOMER)

ROUTES = (
    Route(
        "PUT",
        PATH,
        put_consents,
        "Grant or withdraw consent; applies to every request after the answer",
        CONSENT,
        ConsentView,
        body=ConsentBody,
        bypasses_limits=True,
        name="put_consents",
        tag="consents",
    ),
    Route(
        "GET",
        PATH,
        get_consents,
        "Show the customer's consent for every purpose",
        CONSENT,
        ConsentView,
        name="get_consents",
        tag="consents",
    ),
)
