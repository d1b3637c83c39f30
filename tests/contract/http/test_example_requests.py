"""The service accepts the example of each body of the OpenAPI document, also as a JSON array."""

import json
import re

import pytest

from recsvc.web.app import ROUTES
from recsvc.web.document.body_examples import BODY_EXAMPLES
from tests.contract.grocery import Service

WITH_BODY = [route for route in ROUTES if route.body is not None]
OFFER = {"title": "A deal", "kind": "free_shipping"}


@pytest.fixture
def prepared(bare_service: Service) -> Service:
    """A shop with a customer, the item and the offer of the paths, and a held claim."""
    bare_service.consent("bert")
    bare_service.item("milk", title="Milk")
    assert bare_service.send("PUT", "/v1/offers/sale", OFFER).status_code == 200
    return bare_service


@pytest.mark.parametrize("name", [route.name for route in WITH_BODY])
def test_the_example_of_a_body_is_accepted(prepared: Service, name: str) -> None:
    """A request with the example succeeds, and so does each line of a bulk route."""
    route = next(route for route in WITH_BODY if route.name == name)
    claim = prepared.send("POST", "/v1/customers/bert/offers/sale/claim", {})
    ids = {"customer_id": "bert", "item_id": "milk", "offer_id": "sale"}
    ids["claim_id"] = claim.json["claim_id"]
    path = re.sub(r"<id:(\w+)>", lambda found: ids[found[1]], route.path)
    example = BODY_EXAMPLES[route.body.__name__]
    is_bulk = route.body_kind.also is not None
    reply = prepared.send(route.method, path, [example] if is_bulk else example)

    assert reply.status_code == route.status, reply.data
    assert [each["status"] for each in reply.json.get("results", [])] in ([], [201], [201, 201])


@pytest.mark.parametrize(
    "name", [route.name for route in WITH_BODY if route.body_kind.also is not None]
)
def test_a_json_array_has_the_results_of_its_lines(bare_service: Service, name: str) -> None:
    """A bulk route answers the same for a JSON array as for its elements as NDJSON lines."""
    route = next(route for route in WITH_BODY if route.name == name)
    elements = [BODY_EXAMPLES[route.body.__name__], {"customer_id": "a/../\x00"}, 3, None]
    lines = bare_service.send("POST", route.path, elements)
    headers = {
        "Authorization": f"Bearer {bare_service.keys.secret.text}",
        "Content-Type": "application/json",
    }
    array = bare_service.client.post(route.path, data=json.dumps(elements), headers=headers)
    one = bare_service.client.post(route.path, data="{}", headers=headers)

    assert array.status_code == 200
    assert [each.get("code") for each in array.json["results"]] == [
        each.get("code") for each in lines.json["results"]
    ]
    assert (one.status_code, one.json["code"]) == (400, "bad_body")
