"""Requests that schemathesis generates from the OpenAPI document, with each kind of key.

The requests are the same in each run. No answer is a 5xx or has a status that the document lacks,
and a request that is valid by its schema is refused only by a rule that the document has in words.
"""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from werkzeug.test import TestResponse

from recsvc.web.app import all_routes
from recsvc.web.openapi import document
from tests.contract.grocery import ANNA, Service

DOCUMENT = document(all_routes())
OPERATIONS = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
}
HAS_INPUT = [name for name, each in OPERATIONS.items() if "{" in each.path or each.body]
KEYS = ("secret", "publishable", "customer", "none")
REQUEST_PARTS = ("method", "url", "headers", "params", "data", "json")
# Refusals by rules that no schema can state, as code and part of the error; and the same in words.
IN_WORDS = {
    ("bad_parameter", "decimal number"): "no exponent",
    ("bad_parameter", "next_cursor"): "`next_cursor`",
    ("bad_parameter", "min_price"): "min_price",
    ("bad_parameter", "offset"): "not with `diversity`",
    ("bad_parameter", "category"): "separated by '>'",
    ("bad_body", "category"): "separated by '>'",
    ("bad_body", "min_price"): "Only items of at least this price",
    ("bad_body", "offset"): "same as the query parameters",
    ("bad_body", "context_item"): "refer to its `context_item`",
    ("bad_body", "same name"): "The name of the placement",
    ("bad_json", "digits"): "at most 19 digits",
    ("bad_json", "out of range"): "at most 19 digits",
    ("bad_consent", "missing"): "a body has this or a signal",
    ("bad_consent", ""): "A signal without any word of its table is refused",
    ("bad_item", "URL"): "http or https URL",
    ("bad_offer", ""): "contradict each other",
    ("merge_into_itself", ""): "another id",
    ("bad_id", "bytes"): "bytes of valid UTF-8",
}
SETTINGS = settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_valid_request_is_refused_only_by_a_documented_rule(
    service: Service, operation: str
) -> None:
    """A request that is valid by its schema gets no 5xx and no refusal without a reason."""
    text = str(OPERATIONS[operation].definition.raw) + str(DOCUMENT["components"])
    known = text + DOCUMENT["info"]["description"]

    @SETTINGS
    @given(OPERATIONS[operation].as_strategy(), st.sampled_from(KEYS))
    def check(case: Any, key: str) -> None:
        reply = send(service, case, key)
        refused = reply.status_code in (400, 413, 415, 422)

        assert reply.status_code < 500
        assert reply.status_code in documented(operation)
        assert not refused or is_in_words(reply, known), reply.data

    check()


@pytest.mark.parametrize("operation", HAS_INPUT)
def test_an_invalid_request_has_a_documented_status(service: Service, operation: str) -> None:
    """A request that breaks its schema gets no 5xx and no status that the document lacks."""
    strategy = OPERATIONS[operation].as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @SETTINGS
    @given(strategy, st.sampled_from(KEYS))
    def check(case: Any, key: str) -> None:
        assert send(service, case, key).status_code < 500  # the client knows the other statuses

    check()


def send(service: Service, case: Any, key: str) -> TestResponse:
    """Send the request as the client library writes it, with the credentials of the kind of key."""
    parts = case.as_transport_kwargs(base_url="http://localhost")
    sent = {name: value for name, value in parts.items() if name in REQUEST_PARTS}
    prepared = requests.Request(**sent).prepare()
    kept = {"content-type", "idempotency-key", "sec-gpc", "if-none-match", "x-request-id"}
    headers = {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in prepared.headers.items()
        if name.lower() in kept
    }
    return service.client.open(
        prepared.path_url,
        method=prepared.method,
        data=prepared.body,
        headers={**headers, **credentials(service, key)},
    )


def credentials(service: Service, key: str) -> dict[str, str]:
    if key == "none":
        return {}
    if key == "secret":
        return {"Authorization": f"Bearer {service.keys.secret.text}"}
    browser = {"Authorization": f"Bearer {service.keys.browser.text}"}
    token = {"X-Customer-Token": service.keys.token(ANNA)}
    return browser | token if key == "customer" else browser


def documented(operation: str) -> set[int]:
    return set(map(int, OPERATIONS[operation].definition.raw["responses"]))


def is_in_words(reply: TestResponse, known: str) -> bool:
    """Return True if a documented rule explains the refusal."""
    problem = reply.json
    assert problem is not None
    return any(
        problem["code"] == code and part in problem["detail"] and words in known
        for (code, part), words in IN_WORDS.items()
    )


def test_numbers_as_client_libraries_write_them_are_read(grocery_service: Service) -> None:
    """A whole number may end in `.0` in a body, and a parameter may have 16 decimal places."""
    body = {"items": ["item-00"], "n": 2.0}
    basket = grocery_service.send("POST", "/v1/basket/recommendations", body)
    listed = grocery_service.get("/v1/recommendations?diversity=0.3495048294081547")
    half = grocery_service.send("POST", "/v1/basket/recommendations", {**body, "n": 2.5})

    assert (basket.status_code, len(basket.json["items"])) == (200, 2)
    assert listed.status_code == 200
    assert (half.status_code, half.json["errors"][0]["field"]) == (400, "n")
