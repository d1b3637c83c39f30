"""The table of an event's fields, from which the reader, the document and the files are made."""

from dataclasses import fields

import msgspec
import pytest

from recsvc.cli.drain_files import COLUMNS
from recsvc.domain.errors import BadRequest
from recsvc.domain.events import FIELDS, Event, EventType, read_event
from recsvc.web.routes.events import EventBody

NOW_US = 1_800_000_000_000_000
VALUES = {
    "message_id": "m",
    "type": "view",
    "timestamp": "2026-01-01T00:00:00Z",
    "item_id": "milk",
    "offer_id": "deal",
    "quantity": 1,
    "price": 2,
}


def test_the_table_has_every_field_of_an_event() -> None:
    """An attribute of `Event` without a line in the table could never be set."""
    assert [field.attribute for field in FIELDS.values()] == [field.name for field in fields(Event)]


def test_the_document_describes_the_fields_of_the_table() -> None:
    """The OpenAPI body has the same fields, required ones included."""
    body = msgspec.json.schema(EventBody)["$defs"]["EventBody"]

    assert list(body["properties"]) == list(FIELDS)
    assert set(body["required"]) == {name for name, field in FIELDS.items() if field.is_required}
    assert body["properties"]["type"]["enum"] == sorted(EventType)


def test_every_field_is_drained() -> None:
    """A file of events has a column for each field, and one for the time of arrival."""
    assert sorted(COLUMNS) == sorted([*FIELDS, "received_at"])


@pytest.mark.parametrize("name", FIELDS)
def test_the_reader_and_the_document_accept_the_same_value(name: str) -> None:
    """A valid value of each field passes both."""
    sent = VALUES | {name: VALUES.get(name, "x")}

    assert getattr(read_event(sent, NOW_US), FIELDS[name].attribute) is not None
    msgspec.convert(sent, EventBody)


@pytest.mark.parametrize("name", FIELDS)
def test_the_reader_and_the_document_refuse_the_same_value(name: str) -> None:
    """A list is not a valid value of any field."""
    sent = VALUES | {name: []}

    with pytest.raises(BadRequest, match=f"{name}: "):
        read_event(sent, NOW_US)
    with pytest.raises(msgspec.ValidationError, match=f"\\$.{name}"):
        msgspec.convert(sent, EventBody)
