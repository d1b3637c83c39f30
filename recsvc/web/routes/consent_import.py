"""Route that imports consents collected elsewhere: one line per statement with its time."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.signal_tables import SignalTables
from recsvc.domain.consent.statements import ImportOutcome
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.ids import CustomerId, IdText, checked_id
from recsvc.domain.values.timestamps import RFC3339_RULE, parse_rfc3339, rfc3339
from recsvc.domain.values.validation import mismatch, shortened_json
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.usecases.customers.consents import DatedChange
from recsvc.web.http.bodies import NDJSON_BODY, convert, parse_json
from recsvc.web.http.problems import FieldProblem, field_problems
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.consents import ConsentBody, read_change

APPLIED = 201
SUPERSEDED = 200
UNREADABLE = 409
REFUSED = 422

_AFTER_1970 = "a time after 1970-01-01T00:00:00Z"

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ConsentLine(ConsentBody, forbid_unknown_fields=True, kw_only=True):
    """One line: a customer's statement and its time."""

    customer_id: IdText
    at: Moment


class ImportResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one line.

    201: applied. 200, a duplicate: already stored, or superseded by a later statement; with the
    code `customer_erased`: superseded by an erasure, after which only a live grant counts. 200 with
    the code `nothing_stated`: the report of a consent banner changes no purpose. 409: the
    stored record is unreadable, which denies. 422: invalid; `errors` lists the faults.
    """

    status: int
    duplicate: bool = False
    code: str | None = None
    errors: list[FieldProblem] = []


class ImportResults(msgspec.Struct, frozen=True):
    """One result per line in order; blank lines have none."""

    results: list[ImportResult]


def post_consents(call: Call) -> Response:
    context = call.authorize_request()
    read = [_line(line, call.services.signals) for line in call.read_lines()]
    changes = [each for each in read if isinstance(each, DatedChange)]
    outcomes = iter(call.services.consents.import_many(context, changes))
    return private_json(ImportResults(list(_results(read, outcomes))))


def _line(line: bytes, tables: SignalTables) -> DatedChange | ImportResult:
    """Read a line; a fault becomes its result."""
    try:
        return read_line(line, tables)
    except BadRequest as fault:  # not kept: it would keep its stack frames alive
        return _refusal(fault)


def read_line(text: bytes, tables: SignalTables) -> DatedChange:
    """Validate a line; raise BadRequest with its faults."""
    line = convert(parse_json(text), ConsentLine)
    at_us = parse_rfc3339(line.at)
    if at_us is None or at_us <= 0:
        rule = RFC3339_RULE if at_us is None else _AFTER_1970
        detail = mismatch(line.at, rule)
        raise BadRequest(detail, code="bad_time", errors=[FieldError("at", detail)])
    customer = CustomerId(checked_id(line.customer_id, "customer_id"))
    return DatedChange(customer, at_us, read_change(line, tables))


def _results(
    read: Sequence[DatedChange | ImportResult], outcomes: Iterator[ImportOutcome]
) -> Iterator[ImportResult]:
    for each in read:
        yield _result(each, next(outcomes)) if isinstance(each, DatedChange) else each


def _result(change: DatedChange, outcome: ImportOutcome) -> ImportResult:
    if outcome is ImportOutcome.IN_FUTURE:
        shown = shortened_json(rfc3339(change.at_us))
        return _error(
            REFUSED, "in_future", "at", f"{shown} is in the future; it is the time of the statement"
        )
    return _OF[outcome]


def _refusal(fault: BadRequest) -> ImportResult:
    return ImportResult(REFUSED, code=fault.code, errors=field_problems(fault.errors))


def _error(status: int, code: str, field: str, detail: str) -> ImportResult:
    return ImportResult(status, code=code, errors=[FieldProblem(field, detail)])


_OF: dict[ImportOutcome, ImportResult] = {
    ImportOutcome.APPLIED: ImportResult(APPLIED),
    ImportOutcome.SUPERSEDED: ImportResult(SUPERSEDED, duplicate=True),
    ImportOutcome.ERASED: ImportResult(SUPERSEDED, duplicate=True, code="customer_erased"),
    ImportOutcome.SILENT: ImportResult(SUPERSEDED, code="nothing_stated"),
    ImportOutcome.NO_TIME: _error(REFUSED, "bad_time", "at", f"it is {_AFTER_1970}"),
    ImportOutcome.UNREADABLE: _error(
        UNREADABLE,
        "unreadable",
        "purposes",
        "the stored value of one is unreadable, which denies; only a live statement replaces it",
    ),
}

ROUTES = (
    Route(
        "POST",
        "/v1/consents",
        post_consents,
        "Import consents collected elsewhere, one statement per line with its time",
        RouteAccess(Scope.CONSENT),
        ImportResults,
        body=ConsentLine,
        body_kind=NDJSON_BODY,
        remark="The latest statement wins; on a tie, denial wins. So neither the order nor a "
        "repetition of lines changes the result. A call that is answered with 503 may be partly "
        "applied; send it again.",
        name="post_consents",
        tag="consent_import",
    ),
)
