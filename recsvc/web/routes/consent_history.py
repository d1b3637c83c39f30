"""Route of a customer's consent history: statements, flags and erasures in recorded order."""

from dataclasses import dataclass

import msgspec
from flask import Response

from recsvc.domain.consent.hash_chain import HistoryRow, RowKind
from recsvc.domain.values.timestamps import rfc3339
from recsvc.web.http.parameters import QueryShape, whole_number
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.consents import CONSENT, PATH

MAX_ROWS = 1000
ROWS = 100
MAX_CURSOR = 999_999_999


@dataclass(frozen=True, slots=True)
class HistoryPage:
    cursor: int
    limit: int


class HistoryView(msgspec.Struct, frozen=True):
    """One change. `said_at` is the time of the statement itself, which an import supplies.

    `actor`, for secret keys only, is the id of the API key, or `cli`.
    """

    n: int
    at: str
    kind: RowKind
    subject: str
    word: str
    said_at: str | None
    policy_version: str | None
    source: str | None
    actor: str | None


class HistoryAnswer(msgspec.Struct, frozen=True):
    """The rows, newest last. `next_cursor` is null on the last page."""

    rows: list[HistoryView]
    next_cursor: int | None


def get_history(call: Call, customer_id: str) -> Response:
    context, asked = call.authorize_for_customer(customer_id), QUERY.read(call.query)
    rows = call.services.consents.history(context, asked.cursor, asked.limit)
    views = [view_of(row, with_actor=context.key.is_secret) for row in rows]
    next_cursor = asked.cursor + asked.limit if len(rows) == asked.limit else None
    return private_json(HistoryAnswer(views, next_cursor))


def view_of(row: HistoryRow, *, with_actor: bool) -> HistoryView:
    return HistoryView(
        row.n,
        rfc3339(row.at),
        row.kind,
        row.subject,
        row.word,
        None if row.said_at is None else rfc3339(row.said_at),
        row.policy_version,
        row.source,
        row.actor if with_actor else None,
    )


QUERY = QueryShape(
    (
        whole_number(
            "cursor", "Start of the page: `next_cursor` of the previous one", 0, MAX_CURSOR, 0
        ),
        whole_number("limit", "Maximum number of rows", 1, MAX_ROWS, ROWS),
    ),
    HistoryPage,
)

ROUTES = (
    Route(
        "GET",
        f"{PATH}/history",
        get_history,
        "List every change of the customer's consents and flags, newest last",
        CONSENT,
        HistoryAnswer,
        query=QUERY,
        remark="Changes of flags are shown to secret keys only.",
        name="get_history",
        tag="consent_history",
    ),
)
