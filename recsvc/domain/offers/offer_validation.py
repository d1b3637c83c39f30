"""Validation of an offer's fields as the shop sends them. Pure.

`OFFER` is the table of fields. The reader and the OpenAPI bodies follow from it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from msgspec import Meta

from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.offers.cap_validation import CAPS, read_caps
from recsvc.domain.offers.eligibility import ELIGIBILITY
from recsvc.domain.offers.eligibility_validation import read_eligibility
from recsvc.domain.offers.field_rules import (
    AMOUNT,
    CATEGORIES,
    ITEMS,
    LABEL,
    LABELS,
    TIME,
    URL,
    Label,
    flag,
    text,
)
from recsvc.domain.offers.offer import Kind, Offer
from recsvc.domain.values import validation as readers
from recsvc.domain.values.ids import OfferId
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH
from recsvc.domain.values.timestamps import rfc3339
from recsvc.domain.values.validation import (
    OBJECT_RULE,
    InvalidMembers,
    InvalidValue,
    ObjectSchema,
    Rule,
    mismatch,
    missing_members,
    read_object,
    shortened_json,
)

BAD_OFFER = "bad_offer"

MAX_TITLE_LENGTH = 512
MAX_DESCRIPTION_LENGTH = 4096
MAX_PRIORITY = 1_000_000
MAX_WEIGHT = 1e6
MAX_CODES = 1_000_000
_KINDS_WITH_VALUE = frozenset({Kind.PERCENT_OFF, Kind.AMOUNT_OFF})
_MAX_CODE_FAULTS = 3  # an error must not be larger than the request

_ID_FIELD = "offer_id"
_TIME_FIELDS = {"starts_at": "starts_at_us", "ends_at": "ends_at_us"}


def read_offer(offer_id: OfferId, given: Mapping[str, Any]) -> Offer:
    """Return the offer; raise `bad_offer` naming every fault."""
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    sent = dict(given)
    if _ID_FIELD in sent and sent.pop(_ID_FIELD) != offer_id:
        faults.append(FieldError(_ID_FIELD, mismatch(given[_ID_FIELD], "the id in the path")))
    try:
        values = read_object(sent, OFFER.fields)
    except InvalidMembers as found:
        faults += found.faults
    not_null = {name: value for name, value in sent.items() if value is not None}
    faults += missing_members(not_null, OFFER.fields, *OFFER.required)
    faults = faults or _contradictions(values)
    if faults:
        raise bad_offer(faults)
    values.pop("all", None)
    for name, attribute in _TIME_FIELDS.items():
        if name in values:
            values[attribute] = values.pop(name)
    return Offer(offer_id, **values)


def bad_offer(faults: list[FieldError]) -> BadRequest:
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
    return BadRequest(detail, code=BAD_OFFER, errors=faults)


def offer_as_sent(offer: Offer) -> dict[str, Any]:
    """Return the offer as it was sent, without its codes: only a claim returns a code."""
    sent: dict[str, Any] = _as_json(asdict(offer))
    for name, attribute in _TIME_FIELDS.items():
        at_us = sent.pop(attribute)
        sent[name] = None if at_us is None else rfc3339(at_us)
    del sent["codes"]
    derived = {"all": offer.is_for_all_items, "kind": str(offer.kind)}
    return sent | derived | {"codes_total": len(offer.codes)}


def _as_json(value: Any) -> Any:
    """Turn tuples into lists, and empty ones into null."""
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()} or None
    return (list(value) or None) if isinstance(value, tuple) else value


def _contradictions(values: Mapping[str, Any]) -> list[FieldError]:
    return [*_time_faults(values), *_value_faults(values), *_coverage_faults(values)]


def _time_faults(values: Mapping[str, Any]) -> list[FieldError]:
    starts, ends = values.get("starts_at"), values.get("ends_at")
    if starts is None or ends is None or starts < ends:
        return []
    return [FieldError("ends_at", f"{rfc3339(ends)} is not after starts_at, {rfc3339(starts)}")]


def _value_faults(values: Mapping[str, Any]) -> list[FieldError]:
    kind, value = values["kind"], values.get("value")
    if value is None and kind in _KINDS_WITH_VALUE:
        return [FieldError("value", f"missing; an offer of kind {kind} needs its value")]
    if kind is Kind.PERCENT_OFF and value is not None and value > 100:
        return [FieldError("value", f"{value:g} percent is more than the price")]
    return []


def _coverage_faults(values: Mapping[str, Any]) -> list[FieldError]:
    named = [name for name in ("items", "categories", "brands") if name in values]
    if values.get("all") is True and named:
        return [FieldError("all", f"true, but {' and '.join(named)} restrict the items")]
    if values.get("all") is False and not named:
        return [FieldError("all", "false, but there are no items, categories or brands")]
    return []


def _kind(value: Any) -> Kind:
    if not isinstance(value, str) or value not in _KINDS:
        raise InvalidValue
    return Kind(value)


def _codes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidValue
    if len(value) > MAX_CODES:
        raise InvalidMembers([FieldError("", f"{len(value):,} codes; at most {MAX_CODES:,}")])
    places: dict[str, int] = {}
    faults: list[FieldError] = []
    for place, code in enumerate(value):
        field = f"[{place}]"
        try:
            first = places.setdefault(readers.label(code), place)
        except InvalidValue:
            faults.append(FieldError(field, mismatch(code, f"a text of {LABEL_RULE}")))
            continue
        if first < place:
            detail = f"{shortened_json(code)}: duplicate of codes[{first}]; a code is used once"
            faults.append(FieldError(field, detail))
    if faults:
        raise InvalidMembers(faults[:_MAX_CODE_FAULTS])
    return tuple(places)


_KINDS = frozenset(str(kind) for kind in Kind)

OFFER = ObjectSchema(
    "OfferBody",
    "An offer. Without items, categories and brands it covers all items.",
    {
        "title": text(MAX_TITLE_LENGTH),
        "kind": Rule(f"one of {', '.join(Kind)}", _kind, Kind),
        "description": text(MAX_DESCRIPTION_LENGTH),
        "url": URL,
        "image_url": URL,
        "value": AMOUNT,
        "items": ITEMS,
        "categories": CATEGORIES,
        "brands": LABELS,
        "all": flag(),
        "channels": LABELS,
        "starts_at": TIME,
        "ends_at": TIME,
        "priority": Rule(
            f"a whole number within ±{MAX_PRIORITY}",
            readers.whole(-MAX_PRIORITY, MAX_PRIORITY),
            Annotated[int, Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY)],
            default=0,
        ),
        "weight": Rule(
            f"a number above 0 and at most {MAX_WEIGHT:.0f}",
            readers.number(0, MAX_WEIGHT, above=True),
            Annotated[float, Meta(gt=0, le=MAX_WEIGHT)],
            default=1.0,
        ),
        "margin": AMOUNT,
        "caps": Rule(f"{OBJECT_RULE} of caps", read_caps, CAPS),
        "codes": Rule(
            f"a list of different texts of 1 to {MAX_LABEL_LENGTH} characters",
            _codes,
            Annotated[list[Label], Meta(max_length=MAX_CODES)],
        ),
        "reuse_codes": flag(default=False),
        "eligibility": Rule(f"{OBJECT_RULE} of conditions", read_eligibility, ELIGIBILITY),
        "exclusive_group": LABEL,
        "fallback": flag(default=False),
    },
    required=("title", "kind"),
)
