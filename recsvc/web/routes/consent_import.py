"""Consents said elsewhere, over HTTP: one line per word, each with its own time."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.banner_signals import SignalTables
from recsvc.domain.consent.statements import ImportOutcome
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.ids import CustomerId, checked_id
from recsvc.domain.values.timestamps import RFC3339_RULE, parse_rfc3339
from recsvc.usecases.access.request_access import RouteAccess
from recsvc.usecases.customers.consents import DatedChange
from recsvc.web.http.bodies import NDJSON_BODY, convert, parse_json
from recsvc.web.http.problems import FieldProblem
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.consents import ConsentBody, read_change

TAKEN = 201
KNOWN = 200
UNREADABLE = 409
REFUSED = 422

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ConsentLine(ConsentBody, forbid_unknown_fields=True, kw_only=True):
    """One line: what a customer said, and when."""

    customer_id: str
    at: Moment


class ImportResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one line.

    201: it counts; 200, a duplicate: it was known, or a later word has overtaken it; 409: it met a
    record that nobody can read, which denies; 422: it was refused, with what is wrong.
    """

    status: int
    duplicate: bool = False
    code: str | None = None
    errors: list[FieldProblem] = []


class ImportResults(msgspec.Struct, frozen=True):
    """One result per line, in the order of the lines; blank lines are none."""

    results: list[ImportResult]


def post_consents(call: Call) -> Response:
    context = call.authorize_request()
    read = [_line(line, call.services.signals) for line in call.read_lines()]
    changes = [each for each in read if isinstance(each, DatedChange)]
    outcomes = iter(call.services.consents.import_many(context, changes))
    return private_json(ImportResults(list(_results(read, outcomes))))


def _line(line: bytes, tables: SignalTables) -> DatedChange | ImportResult:
    """Read a line; what is wrong with it is its result and no other's."""
    try:
        return read_line(line, tables)
    except BadRequest as fault:  # not kept itself: it holds on to the frames that it came through
        return _refusal(fault)


def read_line(text: bytes, tables: SignalTables) -> DatedChange:
    """Read what a line says; raise BadRequest naming what is wrong with it."""
    line = convert(parse_json(text), ConsentLine)
    at_us = parse_rfc3339(line.at)
    if at_us is None or at_us <= 0:
        detail = f"must be {RFC3339_RULE}"
        raise BadRequest(detail, code="bad_time", errors=[FieldError("at", detail)])
    customer = CustomerId(checked_id(line.customer_id, "customer_id"))
    return DatedChange(customer, at_us, read_change(line, tables))


def _results(
    read: Sequence[DatedChange | ImportResult], outcomes: Iterator[ImportOutcome]
) -> Iterator[ImportResult]:
    for each in read:
        yield _OF[next(outcomes)] if isinstance(each, DatedChange) else each


def _refusal(fault: BadRequest) -> ImportResult:
    errors = [FieldProblem(error.field, error.detail) for error in fault.errors]
    return ImportResult(REFUSED, code=fault.code, errors=errors)


def _wrong(status: int, code: str, field: str, detail: str) -> ImportResult:
    return ImportResult(status, code=code, errors=[FieldProblem(field, detail)])


_OF: dict[ImportOutcome, ImportResult] = {
    ImportOutcome.APPLIED: ImportResult(TAKEN),
    ImportOutcome.SUPERSEDED: ImportResult(KNOWN, duplicate=True),
    ImportOutcome.IN_FUTURE: _wrong(REFUSED, "in_future", "at", "lies in the future"),
    ImportOutcome.NO_TIME: _wrong(REFUSED, "bad_time", "at", "must be after 1970"),
    ImportOutcome.UNREADABLE: _wrong(
        UNREADABLE,
        "unreadable",
        "purposes",
        "what is stored of one cannot be read and denies; only a live word replaces it",
    ),
}

ROUTES = (
    Route(
        "POST",
        "/v1/consents",
        post_consents,
        "Import what customers said elsewhere, one word per line with its own time",
        RouteAccess(Scope.CONSENT),
        ImportResults,
        body=ConsentLine,
        body_kind=NDJSON_BODY,
        remark="The latest word wins, and a no among equals: any order and any repetition of the "
        "same lines ends the same. A call that is answered with 503 may have been taken in in "
        "part; send it again.",
        name="post_consents",
        tag="consent_import",
    ),
)
