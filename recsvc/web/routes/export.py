"""The export of a customer: one JSON document, streamed in parts."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from recsvc.domain.consent.consent import ConsentStatus
from recsvc.domain.values.timestamps import rfc3339
from recsvc.usecases.customers.privacy import PersonalData, erased_at_us
from recsvc.usecases.customers.published_data import HeldModel
from recsvc.web.routes import consent_history, consents, profiles
from recsvc.web.routes.consent_history import HistoryView
from recsvc.web.routes.consents import ConsentView
from recsvc.web.routes.profiles import ProfileView

_PART_BYTES = 16 * 1024


class ExportView(msgspec.Struct, frozen=True):
    """All data of a customer. Documents the schema; the answer is streamed.

    `erased_at`: the time of an earlier erasure. `purchases`: items bought in the last 180 days, the
    number of their purchases and the time of the last. `order`: a keyed hash of the order id.
    """

    customer_id: str
    erased_at: str | None
    consents: ConsentView
    profile: ProfileView
    history: list[HistoryView]
    events: list[dict[str, Any]]
    impressions: list[dict[str, Any]]
    purchases: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    dismissed_items: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    claims: list[dict[str, Any]]
    offer_caps: list[dict[str, Any]]
    campaign_rows: list[dict[str, Any]]
    models: list[HeldModel]


def export_json(customer_id: str, consent: ConsentStatus, data: PersonalData) -> Iterator[bytes]:
    """Yield the document in parts."""
    at_us = erased_at_us(consent.record)
    head = {
        "customer_id": customer_id,
        "erased_at": None if at_us is None else rfc3339(at_us),
        "consents": consents.view_of(consent, with_verdict=True),
        "profile": profiles.view_of(data.profile),
    }
    yield msgspec.json.encode(head).removesuffix(b"}")
    rows = (consent_history.view_of(row, with_actor=True) for row in data.history)
    for name, values in {"history": rows, **data.lists}.items():
        yield f',"{name}":['.encode()
        yield from _parts(values)
        yield b"]"
    yield b"}"


def _parts(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield the values in parts of about 16 KiB, since each part may become a packet."""
    waiting: list[bytes] = []
    size, lead = 0, b""
    for value in values:
        waiting.append(msgspec.json.encode(value))
        size += len(waiting[-1])
        if size >= _PART_BYTES:
            yield lead + b",".join(waiting)
            waiting, size, lead = [], 0, b","
    if waiting:
        yield lead + b",".join(waiting)
