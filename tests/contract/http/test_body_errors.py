"""Errors of JSON bodies name the field and the correct form, on every route that has a body."""

from typing import Any

import pytest

from recsvc.web.app import ROUTES
from recsvc.web.http.bodies import NDJSON_TYPE
from recsvc.web.http.route import Route
from tests.contract.grocery import Service

WITH_BODY = [route for route in ROUTES if route.body is not None]
NUMERIC_IDS: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/customers", [{"customer_id": 123}], "customer_id"),
    ("POST", "/v1/consents", [{"customer_id": 123}], "customer_id"),
    ("POST", "/v1/customers/anna/merge", {"into": 123}, "into"),
    ("POST", "/v1/events", {"events": [{"item_id": 123}]}, "item_id"),
    ("POST", "/v1/events", {"events": [{"customer_id": 123}]}, "customer_id"),
    ("POST", "/v1/events", {"events": [{"message_id": 123}]}, "message_id"),
    ("PUT", "/v1/items/milk", {"item_id": 123}, "item_id"),
    ("POST", "/v1/items", [{"item_id": 123}], "item_id"),
    ("PUT", "/v1/offers/sale", {"offer_id": 123}, "offer_id"),
    ("PUT", "/v1/offers/sale", {"items": ["milk", 123]}, "items[1]"),
    ("POST", "/v1/offers", [{"offer_id": 123}], "offer_id"),
    ("POST", "/v1/basket/recommendations", {"items": ["milk", 123]}, "items[1]"),
    ("POST", "/v1/basket/recommendations", {"items": [], "customer_id": 123}, "customer_id"),
    ("POST", "/v1/basket/recommendations", {"items": [], "exclude": [123]}, "exclude[0]"),
    ("POST", "/v1/pages", {"placements": [{"name": "top"}], "customer_id": 123}, "customer_id"),
    (
        "POST",
        "/v1/pages",
        {"placements": [{"name": "top", "context_item": 123}]},
        "placements[0].context_item",
    ),
    ("POST", "/v1/customers/anna/offers/sale/claim", {"decision_id": 123}, "decision_id"),
]
UNNAMED: list[tuple[str, str, Any, str]] = [
    ("PUT", "/v1/offers/sale", {"eligibility": {"": 1}}, 'eligibility.""'),
    ("PUT", "/v1/offers/sale", {"eligibility": {"bought": {"": 1}}}, 'eligibility.bought.""'),
    (
        "PUT",
        "/v1/offers/sale",
        {"eligibility": {"attributes": {"": 1}}},
        'eligibility.attributes.""',
    ),
    ("PUT", "/v1/offers/sale", {"caps": {"": 1}}, 'caps.""'),
    ("PUT", "/v1/customers/anna/consents", {"purposes": {"": True}}, 'purposes.""'),
    ("PUT", "/v1/customers/anna/consents", {"google": {"": 1}}, 'google.""'),
    ("POST", "/v1/pages", {"placements": [{"name": "top", "": 1}]}, 'placements[0].""'),
    (
        "POST",
        "/v1/events",
        {"events": [{"message_id": "1", "type": "view", "item_id": "milk", "": 1}]},
        '""',
    ),
    ("PATCH", "/v1/customers/anna/profile", {"attributes": {" ": []}}, 'attributes." "'),
]


def errors_of(reply: Any) -> dict[str, str]:
    """Return the errors of a problem, or of the one line or event of a batch, by field."""
    found = reply.json["results"][0] if reply.status_code == 200 else reply.json
    assert found.get("status") in (400, 422)
    return {error["field"]: error["detail"] for error in found["errors"]}


def path_of(route: Route) -> str:
    path = route.path
    for name in ("customer_id", "item_id", "offer_id", "claim_id"):
        path = path.replace(f"<id:{name}>", "milk")
    return path


def errors_with(service: Service, route: Any, member: str) -> dict[str, str]:
    """Send a body with one unknown member and return the errors by field."""
    service.item("milk")
    body: Any = {member: 1}
    if route.body_kind.media_type == NDJSON_TYPE:  # the id of a line is read first
        (name,) = {"customer_id", "item_id", "offer_id"} & set(route.body.__struct_fields__)
        body = [{name: "milk", **body}]
    return errors_of(service.send(route.method, path_of(route), body))


@pytest.mark.parametrize("route", WITH_BODY, ids=[route.name for route in WITH_BODY])
def test_an_unknown_field_is_refused_with_the_known_fields(service: Service, route: Any) -> None:
    """Every route with a body refuses an unknown top-level field and lists the known ones."""
    errors = errors_with(service, route, "strange")

    assert errors["strange"].startswith(
        ("unknown; the fields are ", "unknown; this object has no fields")
    )


@pytest.mark.parametrize(("name", "shown"), [("", '""'), (" ", '" "'), ("title ", '"title "')])
@pytest.mark.parametrize("route", WITH_BODY, ids=[route.name for route in WITH_BODY])
def test_the_name_of_an_unknown_field_can_be_seen(
    service: Service, route: Any, name: str, shown: str
) -> None:
    """A name that is empty, or begins or ends with a space, is in quotes on every route."""
    errors = errors_with(service, route, name)

    beginnings = ("unknown; the fields are ", "unknown; this object has no fields")
    assert errors[shown].startswith(beginnings)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"), UNNAMED, ids=[row[3] for row in UNNAMED]
)
def test_the_path_of_a_member_without_a_name_has_quotes(
    service: Service, method: str, path: str, body: Any, field: str
) -> None:
    """The path of a nested member whose name is empty ends in two quotes."""
    service.item("milk")

    assert field in errors_of(service.send(method, path, body))


def test_the_text_of_the_problem_shows_an_empty_name(service: Service) -> None:
    """The detail of the whole problem begins with the quoted name."""
    reply = service.send("POST", "/v1/basket/recommendations", {"items": [], "": 1})

    assert reply.json is not None
    assert reply.json["detail"].startswith('"": unknown; the fields are ')


@pytest.mark.parametrize(("method", "path", "body", "field"), NUMERIC_IDS)
def test_a_numeric_id_is_refused_with_the_correct_form(
    service: Service, method: str, path: str, body: Any, field: str
) -> None:
    """A number in place of an id is refused with the id as a string."""
    errors = errors_of(service.send(method, path, body))

    assert errors[field].startswith('123 is not a string; ids are strings: "123"')


def test_the_error_lists_the_fields_of_the_inner_object(service: Service) -> None:
    """An unknown field within a list is reported with its path and that object's fields."""
    body = {"placements": [{"name": "top", "strange": 1}]}
    errors = errors_of(service.send("POST", "/v1/pages", body))

    assert errors["placements[0].strange"].endswith("diversity, offset, name, slate, rotate")
