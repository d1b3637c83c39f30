"""Each part of the OpenAPI document is described, typed, bounded and shown by an example."""

import json
import re
from collections.abc import Iterator
from typing import Any

from openapi_schema_validator import OAS31Validator, oas31_format_checker

from recsvc.web.app import all_routes
from recsvc.web.openapi import document

DOCUMENT = document(all_routes())
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
REQUESTS = [
    (f"{name} {media_type}", content)
    for name, operation in OPERATIONS
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
]
BODIES = [SCHEMAS, *(content["schema"] for _, content in REQUESTS)]
ANSWERS = [
    (f"{name} {status} {media_type}", content)
    for name, operation in OPERATIONS
    for status, answer in operation["responses"].items()
    for media_type, content in answer.get("content", {}).items()
]


def test_each_property_has_a_description() -> None:
    """A description stands at each property; the texts are in `recsvc/web/document`."""
    missing = [place for place, field in properties(SCHEMAS) if not field.get("description")]

    assert missing == []


def test_each_operation_tag_and_parameter_has_a_description() -> None:
    """Operations, tags and parameters are described, and each operation has one listed tag."""
    tags = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    nameless = [
        (name, parameter["name"])
        for name, operation in OPERATIONS
        for parameter in operation["parameters"]
        if not parameter["description"]
    ]

    assert all(tags.values())
    assert nameless == []
    assert [
        name for name, each in OPERATIONS if not (each["summary"] and each["description"])
    ] == []
    assert {tag for _, each in OPERATIONS for tag in each["tags"]} == set(tags)
    assert not any(re.search("[_a-z]", tag[0]) for tag in tags)


def test_operation_ids_are_unique_names_of_routes() -> None:
    """An operation keeps the name of its route as its id."""
    assert sorted(each["operationId"] for _, each in OPERATIONS) == sorted(
        route.name for route in all_routes()
    )


def test_each_body_and_answer_has_a_valid_example() -> None:
    """The example of each body and answer matches its schema, formats included."""
    faults = [
        f"{name}: {fault.json_path} {fault.message}"
        for name, content in distinct(REQUESTS + ANSWERS)
        for fault in OAS31Validator(
            {**content["schema"], "components": DOCUMENT["components"]},
            format_checker=oas31_format_checker,
        ).iter_errors(content["example"])
    ]

    assert faults == []


def test_examples_have_only_described_members() -> None:
    """An example of an answer shows no member that its schema lacks."""
    closed = {
        name: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for name, schema in SCHEMAS.items()
    }
    faults = [
        (name, fault.message)
        for name, content in distinct(ANSWERS)
        for fault in OAS31Validator(
            {**content["schema"], "components": {"schemas": closed}}
        ).iter_errors(content["example"])
    ]

    assert faults == []


def test_no_schema_has_a_default() -> None:
    """Generators send the default of a request, and require the fields of an answer with one."""
    assert [place for place, part in parts(BODIES) if "default" in part] == []


def test_each_value_has_a_type() -> None:
    """A property, an element and an enum state a type or refer to one; null is never alone."""
    kinds = {"type", "$ref", "anyOf", "oneOf", "allOf"}
    untyped = [place for place, field in properties(SCHEMAS) if not kinds & set(field)]
    enums = [place for place, part in parts(SCHEMAS) if is_enum(part) and "type" not in part]
    nulls = [place for place, field in properties(SCHEMAS) if field.get("type") == "null"]

    assert (untyped, enums, nulls) == ([], [], [])


def test_enum_constants_are_unique() -> None:
    """The constants of all named enums can share one namespace, as in Go."""
    names = [name for each in SCHEMAS.values() for name in each.get("x-enum-varnames", ())]

    assert len(names) > 20
    assert len(names) == len(set(names))


def test_moments_have_their_format() -> None:
    """Times of bodies and answers have the format date-time, and dates the format date."""
    moments = re.compile(r"(.*_)?at|available_(from|until)|timestamp|(first|last)_order")
    found = [
        (place, formats(field))
        for place, field in properties(SCHEMAS)
        if moments.fullmatch(place.rpartition(".")[2])
    ]

    assert len(found) > 15
    assert [each for each in found if each[1] != {"date-time"}] == []


def test_lists_and_texts_of_bodies_are_bounded() -> None:
    """Each list and text of a request states its limit, or its values."""
    bodies = [content["schema"] for name, content in REQUESTS if "ndjson" not in name]
    known = {name for body in bodies for name in referred(body)}
    found = [
        (place, part)
        for name in known
        for place, part in parts(SCHEMAS[name], name)
        if part.get("type") in ("array", "string")
    ]
    limits = {"maxItems", "maxLength", "enum", "format", "pattern"}

    assert len(found) > 50
    assert [place for place, part in found if not limits & set(part)] == []


def test_headers_are_parameters_and_answer_headers() -> None:
    """Headers that the service reads are parameters; those that it sends are in the answers."""
    sent = {
        (operation["operationId"], parameter["name"])
        for _, operation in OPERATIONS
        for parameter in operation["parameters"]
        if parameter["in"] == "header"
    }
    answers = [each for _, operation in OPERATIONS for each in operation["responses"].items()]

    assert sent >= {
        ("post_claim", "Idempotency-Key"),
        ("recommend_for_customer", "Sec-GPC"),
        ("recommend_for_customer", "X-Customer-Token"),
        ("recommend", "If-None-Match"),
    }
    assert all("X-Request-Id" in answer["headers"] for _, answer in answers)
    assert all(
        "Retry-After" in each["headers"] for status, each in answers if status in ("429", "503")
    )
    assert all("ETag" in answer["headers"] for status, answer in answers if status == "304")


def distinct(contents: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the contents without repetitions: most refusals are equal."""
    return list({json.dumps(content): (name, content) for name, content in contents}.values())


def properties(schemas: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, part in parts(schemas):
        fields = part.get("properties")
        if isinstance(fields, dict) and not place.endswith("properties"):
            yield from ((f"{place}.{name}", field) for name, field in fields.items())


def parts(part: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of a schema except examples, with its place."""
    if isinstance(part, list):
        for index, each in enumerate(part):
            yield from parts(each, f"{place}[{index}]")
    elif isinstance(part, dict):
        yield place, part
        for name, each in part.items():
            if name != "example":
                yield from parts(each, f"{place}.{name}")


def is_enum(part: dict[str, Any]) -> bool:
    return isinstance(part.get("enum"), list)


def formats(field: dict[str, Any]) -> set[str | None]:
    """Return the formats of the texts of a property."""
    texts = [each for each in [field, *field.get("anyOf", ())] if each.get("type") == "string"]
    return {each.get("format") for each in texts}


def referred(part: Any) -> set[str]:
    """Return the names of the schemas that a part refers to, directly or not."""
    found, waiting = set[str](), [part]
    while waiting:
        for _, each in parts(waiting.pop()):
            name = str(each.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                waiting.append(SCHEMAS[name])
    return found
