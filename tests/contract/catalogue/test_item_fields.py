"""Categories, attributes, description and variants of items over HTTP: values and refusals."""

from typing import Any

import pytest

from tests.contract.grocery import Service

INVALID: list[tuple[str, Any, str]] = [
    ("category", "", "category"),
    ("category", "Food > > Dairy", "category"),
    ("category", "Food >", "category"),
    ("category", "a\u0000", "category"),
    ("category", 7, "category"),
    ("category", ["Food"], "category"),
    ("category", " > ".join("abcdefghi"), "category"),
    ("category", "x" * 129, "category"),
    ("categories", "Food", "categories"),
    ("categories", {"Food": 1}, "categories"),
    ("categories", [None], "categories[0]"),
    ("categories", ["Food", ">"], "categories[1]"),
    ("categories", [f"c{n}" for n in range(21)], "categories"),
    ("description", "", "description"),
    ("description", "a\u0007", "description"),
    ("description", "x" * 4097, "description"),
    ("description", 1, "description"),
    ("item_group_id", "a/..", "item_group_id"),
    ("item_group_id", 7, "item_group_id"),
    ("item_group_id", "", "item_group_id"),
    ("attributes", [], "attributes"),
    ("attributes", "colour=red", "attributes"),
    ("attributes", {"": 1}, 'attributes.""'),
    ("attributes", {"n" * 65: 1}, f"attributes.{'n' * 64}"),
    ("attributes", {"a\u0000": 1}, 'attributes."a\\u0000"'),
    ("attributes", {"colour": ["red"]}, "attributes.colour"),
    ("attributes", {"colour": {"is": "red"}}, "attributes.colour"),
    ("attributes", {"colour": "x" * 257}, "attributes.colour"),
    ("attributes", {"colour": "a\u0000"}, "attributes.colour"),
    ("attributes", {"size": 1e16}, "attributes.size"),
    ("attributes", {f"a{n}": n for n in range(51)}, "attributes"),
]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_invalid_value_is_refused_by_the_name_of_its_field(
    service: Service, method: str
) -> None:
    """Nothing is stored, and the error names the field."""
    service.item("milk", title="Milk")
    replies = [
        service.send(method, "/v1/items/milk", {field: value}) for field, value, _ in INVALID
    ]

    for reply, (field, value, named) in zip(replies, INVALID, strict=True):
        assert reply.json is not None
        assert (reply.status_code, reply.json["code"]) == (400, "bad_item"), (field, value)
        assert [fault["field"] for fault in reply.json["errors"]] == [named], (field, value)
    kept = service.get("/v1/items/milk").json
    assert kept is not None
    assert (kept["title"], kept["category"]) == ("Milk", None)


@pytest.mark.parametrize(
    "line",
    [
        '{"item_id": "a", "attributes": {"size": NaN}}',
        '{"item_id": "a", "attributes": {"size": 1e999}}',
        '{"item_id": "a", "attributes": {"size": 1, "size": 2}}',
        '{"item_id": "a", "categories": ["a", "b>"]}',
        '{"item_id": "a", "category": "\\ud800"}',
    ],
)
def test_an_invalid_line_is_refused_alone(service: Service, line: str) -> None:
    """The other lines are stored."""
    good = '{"item_id": "b", "category": "Food>Dairy", "attributes": {"size": 1}}'
    headers = {
        "Authorization": f"Bearer {service.keys.secret.text}",
        "Content-Type": "application/x-ndjson",
    }
    reply = service.client.post("/v1/items", data=f"{line}\n{good}\n", headers=headers)

    assert reply.json is not None
    assert [each["status"] for each in reply.json["results"]] == [422, 201]
    assert service.get("/v1/items/b").json["category"] == "Food > Dairy"


def test_paths_are_stored_with_one_space_around_separators(service: Service) -> None:
    """Repeated further categories are stored once."""
    put = {"category": "Food>Dairy", "categories": ["Offers", " Offers ", "Food >Breakfast"]}
    reply = service.send("PUT", "/v1/items/milk", put)

    assert reply.json is not None
    assert reply.json["category"] == "Food > Dairy"
    assert reply.json["categories"] == ["Offers", "Food > Breakfast"]


def test_a_patch_changes_single_attributes(service: Service) -> None:
    """null removes one attribute, or all; 50 of them are the most, those that stay included."""
    service.item("milk", attributes={f"a{n}": n for n in range(49)})
    patched = service.send("PATCH", "/v1/items/milk", {"attributes": {"a0": None, "new": "yes"}})
    full = service.send("PATCH", "/v1/items/milk", {"attributes": {"b": 1, "c": 2}})
    cleared = service.send("PATCH", "/v1/items/milk", {"attributes": None, "categories": None})

    assert patched.json is not None
    assert cleared.json is not None
    assert ("a0" in patched.json["attributes"], patched.json["attributes"]["new"]) == (False, "yes")
    assert full.status_code == 400
    assert (cleared.json["attributes"], cleared.json["categories"]) == ({}, [])


def test_lists_contain_the_new_fields(service: Service) -> None:
    """`fields` names them in the query and in bodies; an item without a record has none."""
    fields = "description,categories,attributes,item_group_id"
    given = {
        "description": "Good",
        "categories": ["Offers"],
        "attributes": {"size": 1.5, "new": True},
        "item_group_id": "g",
    }
    service.item("item-00", **given)
    got = service.get(f"/v1/recommendations?n=2&fields={fields}").json
    posted = service.send(
        "POST", "/v1/basket/recommendations", {"items": [], "n": 2, "fields": fields.split(",")}
    ).json

    assert got is not None
    assert posted is not None
    for first, second in (got["items"], posted["items"]):
        assert {name: first[name] for name in given} == given
        assert [second[name] for name in given] == [None, [], {}, None]
