"""The OpenAPI document and the readers agree on the fields of an offer."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Meta

from recsvc.domain.offers.cap_validation import CAPS
from recsvc.domain.offers.eligibility import ELIGIBILITY
from recsvc.domain.offers.offer_validation import OFFER
from recsvc.domain.values.validation import InvalidValue, ObjectSchema, Rule
from recsvc.web.http.body_structs import body_struct
from recsvc.web.routes.offer_schemas import OfferBody, OfferLine, OfferView

SCHEMAS = [OFFER, CAPS, ELIGIBILITY]


def names(shape: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(shape)}


def numbers(schema: ObjectSchema) -> Iterator[tuple[str, Rule, Meta]]:
    """Yield the fields that the document limits to a range of numbers."""
    for name, rule in schema.fields.items():
        limits = [each for each in get_args(rule.schema)[1:] if isinstance(each, Meta)]
        yield from ((name, rule, each) for each in limits if each.le is not None)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_body_has_the_fields_of_its_table(schema: ObjectSchema) -> None:
    """The document of a body lists every field that the reader accepts, and no other."""
    assert names(body_struct(schema)) == set(schema.fields)


def test_offers_show_every_field_but_their_codes() -> None:
    """A body may repeat the id of its path; an answer adds counters and warnings."""
    assert names(OfferBody) == names(OfferLine) == {*OFFER.fields, "offer_id"}
    assert names(OfferView) == {*OFFER.fields, "offer_id", "state", "warnings"} - {"codes"}


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        pytest.param(rule, limits, id=f"{schema.name}.{name}")
        for schema in SCHEMAS
        for name, rule, limits in numbers(schema)
    ],
)
def test_the_document_and_the_reader_have_the_same_limits(rule: Rule, limits: Meta) -> None:
    """The reader accepts the limits that the document states and refuses numbers beyond them."""
    most: Any = limits.le
    least: Any = limits.gt if limits.ge is None else limits.ge

    assert rule.read(most) == most
    assert limits.ge is None or rule.read(least) == least
    for outside in (most + 1, least - 1, *([] if limits.gt is None else [least])):
        with pytest.raises(InvalidValue):
            rule.read(outside)
