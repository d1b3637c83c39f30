"""Statements of the OpenAPI document that a client acts on: defaults, limits, descriptions."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from recsvc.domain.values.ids import PATH_PARTS, id_fault
from recsvc.web.app import ROUTES, all_routes
from recsvc.web.openapi import document
from tests.contract.grocery import Service

DOCUMENT = document(all_routes())
SCHEMAS = DOCUMENT["components"]["schemas"]
ANNA = "/v1/customers/anna"
PROFILE = {"attributes": {"a": 1}, "segments": ["s"], "birth_month": 3, "minor": True}
PROFILE |= {"restricted": True, "objects_to_marketing": True, "customer_since": "2020-01-01"}
ITEM = {"title": "Milk", "in_stock": False, "hidden": True, "sensitive": True, "price": 2}
ITEM |= {"attributes": {"a": 1}, "categories": ["Dairy"], "currency": "EUR"}
OFFER = {"title": "A deal", "kind": "free_shipping"}
FULL_OFFER = {**OFFER, "priority": 3, "weight": 2, "fallback": True, "codes": ["A"]}
FULL_OFFER |= {"caps": {"total_shown": 3}, "eligibility": {"min_orders": 1}}
EVENT = {"message_id": "1", "type": "view", "item_id": "milk"}
# By operation: the minimal body, and the requests before that set every field.
MINIMAL: Mapping[str, tuple[Any, list[tuple[str, str, Any]]]] = {
    "put_profile": ({}, [("PUT", f"{ANNA}/profile", PROFILE)]),
    "patch_profile": ({}, [("PUT", f"{ANNA}/profile", PROFILE)]),
    "post_customers": ([{"customer_id": "anna"}], [("PUT", f"{ANNA}/profile", PROFILE)]),
    "put_item": ({}, [("PUT", "/v1/items/milk", ITEM)]),
    "patch_item": ({}, [("PUT", "/v1/items/milk", ITEM)]),
    "post_items": ([{"item_id": "milk"}], [("PUT", "/v1/items/milk", ITEM)]),
    "put_offer": (OFFER, [("PUT", "/v1/offers/sale", FULL_OFFER)]),
    "post_offers": ([{"offer_id": "sale", **OFFER}], [("PUT", "/v1/offers/sale", FULL_OFFER)]),
    "put_consents": (
        {"purposes": {"email": False}},
        [("PUT", f"{ANNA}/consents", {"purposes": {"email": True, "offers": True}})],
    ),
    "post_consents": (
        [{"customer_id": "anna", "purposes": {"email": True}, "at": "2020-01-01T00:00:00Z"}],
        [],
    ),
    "post_events": ({"events": [EVENT]}, []),
    "recommend_for_basket": ({"items": ["item-00"]}, []),
    "recommend_for_page": ({"placements": [{"name": "top"}]}, []),
    "rank_items": ({"items": ["item-03", "item-01"]}, []),
    "post_claim": ({}, [("PUT", "/v1/offers/sale", OFFER)]),
    "post_release": ({}, []),
    "post_merge": ({"into": "bert"}, []),
}
READ = [f"{ANNA}/profile", "/v1/items/milk", "/v1/offers/sale", f"{ANNA}/consents"]
CHANGING = {"revision", "recommendation_id", "claim_id", "expires_at", "at", "recorded_at"}


@pytest.mark.parametrize("operation", [route.name for route in ROUTES if route.body is not None])
def test_absent_means_the_documented_default(bare_service: Service, operation: str) -> None:
    """A body with the values that the document states for absent fields does the same."""
    route = next(route for route in ROUTES if route.name == operation)
    minimal, before = MINIMAL[operation]
    path = re.sub(r"<id:(\w+)>", lambda found: IDS[found[1]], route.path)
    found = []
    full = with_defaults(minimal, SCHEMAS[route.body.__name__])
    for body in (minimal, minimal, full):  # twice: a repetition of some is a duplicate
        for method, earlier, sent in before:
            assert bare_service.send(method, earlier, sent).status_code == 200
        reply = bare_service.send(route.method, path, body)
        state = [bare_service.get(each).json for each in READ]
        found.append([reply.status_code, *map(stable, [reply.json, *state])])

    assert found[1] == found[2]


def test_no_default_of_the_document_lifts_a_flag() -> None:
    """The document states no value for an absent flag, since the flag is unchanged."""
    flags = {"minor", "restricted", "objects_to_marketing"}
    bodies = [SCHEMAS[route.body.__name__] for route in ROUTES if route.body is not None]
    named = [
        body["properties"][flag] for body in bodies for flag in flags & set(body["properties"])
    ]

    assert len(named) == 3 * len(flags)
    assert all(stated_default(each) is None for each in named)


def test_no_description_names_the_code() -> None:
    """Descriptions are for users of the API: they name no module, class or function."""
    internal = re.compile(
        r"\b(domain|usecases|stores|wiring|web|routes|recsvc|msgspec)\.[a-z_]+|\bmsgspec\b|docstring"
    )

    assert [text for text in descriptions(DOCUMENT) if internal.search(text)] == []


def test_every_body_states_its_own_size_limit() -> None:
    """The limit of a body stands beside the body, and no text states another."""
    stated = {
        operation["operationId"]: operation["requestBody"]["description"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    }

    assert stated == {
        route.name: f"At most {route.body_kind.most_bytes} bytes."
        for route in ROUTES
        if route.body is not None
    }
    assert "65536" not in DOCUMENT["info"]["description"]


IDS = {"customer_id": "anna", "item_id": "milk", "offer_id": "sale", "claim_id": "c-1"}


def test_a_body_with_defaults_is_a_longer_one() -> None:
    """The comparison above sends the defaults of nested objects too."""
    page = with_defaults({"placements": [{"name": "top"}]}, SCHEMAS["PageBody"])

    assert page["placements"][0].items() >= {"name": "top", "n": 10, "slate": "for_you"}.items()


def with_defaults(body: Any, schema: Mapping[str, Any]) -> Any:
    """Return the body with every value that the schema states for an absent field."""
    if isinstance(body, list):
        return [with_defaults(each, schema) for each in body]
    resolved = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if not isinstance(body, dict) or "properties" not in resolved:
        items = resolved.get("items")
        return with_defaults(body, items) if items else body
    fields = resolved["properties"]
    stated = {name: stated_default(field) for name, field in fields.items()}
    defaults = {name: value for name, value in stated.items() if value is not None}
    sent = {
        name: [with_defaults(each, fields[name].get("items", {})) for each in value]
        if isinstance(value, list)
        else value
        for name, value in body.items()
    }
    return defaults | sent


def stated_default(field: Mapping[str, Any]) -> Any:
    """Return the value that the description states for an absent field; None without one."""
    found = re.search(r"If absent: `(.*)`", field["description"])
    return json.loads(found[1]) if found else None


def stable(answer: Any) -> Any:
    """Return an answer without times and generated ids."""
    if isinstance(answer, dict):
        return {name: stable(each) for name, each in answer.items() if name not in CHANGING}
    return [stable(each) for each in answer] if isinstance(answer, list) else answer


def descriptions(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, each in part.items():
            if name in ("description", "summary", "title") and isinstance(each, str):
                yield each
            else:
                yield from descriptions(each)
    elif isinstance(part, list):
        for each in part:
            yield from descriptions(each)


def test_ids_have_the_same_rule_in_text_schema_and_code() -> None:
    """The pattern of an id accepts what the code accepts, in parameters and bodies."""
    texts = ["a", "/", ".", "..", "...", ".a", "a b", "é", "%2F", "\x00", "a\n", "\x85", ""]
    texts += ["a/b", "gid://x/Y/1", "/a", "a/", "a/.", "../a", "a/..b", "offers/a", "a/offersx"]
    texts += [f"a/{part}{end}" for part in PATH_PARTS for end in ("", "/b")]
    paths, ids = DOCUMENT["paths"], []
    for methods in paths.values():
        for operation in methods.values():
            ids += [each for each in operation.get("parameters", []) if is_id(each["name"])]
    fields = [
        field
        for route in ROUTES
        if route.body is not None
        for name, field in SCHEMAS[route.body.__name__]["properties"].items()
        if is_id(name)
    ]

    assert len(ids) > 20
    assert len(fields) > 8
    for each in [*(each["schema"] for each in ids), *fields]:
        (schema,) = patterns(each)
        pattern = schema["pattern"].replace("$", r"\Z")  # the `$` of ECMA-262 is Python's `\Z`
        accepted = [text for text in texts if re.search(pattern, text)]
        assert accepted == [text for text in texts if id_fault(text) is None]


def is_id(name: str) -> bool:
    names = ("customer_id", "item_id", "offer_id", "into", "context_item", "exclude")
    return name in (*names, "item_group_id")


def patterns(schema: Any) -> list[Any]:
    """Return the parts of a schema that have a pattern."""
    if isinstance(schema, list):
        return [found for each in schema for found in patterns(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if "pattern" in schema else []
    return own + [found for each in schema.values() for found in patterns(each)]
