"""Everything that is held of a customer, as one JSON document, written part by part."""

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
    """What is held, for the document: it is never in memory as a whole.

    `erased_at`: when the customer was erased before, which is never forgotten.
    """

    customer_id: str
    erased_at: str | None
    consents: ConsentView
    profile: ProfileView
    history: list[HistoryView]
    events: list[dict[str, Any]]
    purchases: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    claims: list[dict[str, Any]]
    offer_caps: list[dict[str, Any]]
    campaign_rows: list[dict[str, Any]]
    models: list[HeldModel]


def export_json(customer_id: str, consent: ConsentStatus, held: PersonalData) -> Iterator[bytes]:
    """Yield the document."""
    at_us = erased_at_us(consent.record)
    known = {
        "customer_id": customer_id,
        "erased_at": None if at_us is None else rfc3339(at_us),
        "consents": consents.view_of(consent, with_verdict=True),
        "profile": profiles.view_of(held.told),
    }
    yield msgspec.json.encode(known).removesuffix(b"}")
    rows = (consent_history.view_of(row, with_actor=True) for row in held.history)
    for name, values in {"history": rows, **held.lists}.items():
        yield f',"{name}":['.encode()
        yield from _parts(values)
        yield b"]"
    yield b"}"


def _parts(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield the values, some at once: each part may be a packet of its own."""
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
