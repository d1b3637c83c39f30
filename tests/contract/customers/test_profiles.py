"""Customer profiles: write, change and read."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from recsvc.domain.values.ids import CustomerId
from recsvc.stores.client import keys as redis_keys
from tests.contract.customers.profile_requests import ALL, NOTHING, key_of, path_of, shown, written
from tests.contract.grocery import ANNA, BERT, ZOE, Service


def test_an_unknown_customer_has_an_empty_profile(grocery_service: Service) -> None:
    """The answer is an empty profile, not a 404."""
    assert shown(grocery_service, CustomerId("nobody")) == NOTHING


def test_a_replaced_profile_is_shown(service: Service) -> None:
    """Numbers, booleans and texts are returned unchanged, and other profiles do not change."""
    assert written(service, "PUT", ALL) == ALL
    assert shown(service) == ALL
    assert shown(service, BERT) == NOTHING


def test_put_replaces_everything_but_flags(service: Service) -> None:
    """A flag is cleared only by name, and an empty profile leaves no key in the store."""
    written(service, "PUT", ALL)

    assert written(service, "PUT", {}) == NOTHING | {"objects_to_marketing": True}
    assert written(service, "PUT", {"objects_to_marketing": False}) == NOTHING
    assert shown(service) == NOTHING
    assert not service.stores.connections.writes.exists(
        redis_keys.profile(service.shop, key_of(service, ANNA)),
        redis_keys.customer(service.shop, key_of(service, ANNA)),
    )


def test_patch_changes_the_named_fields(service: Service) -> None:
    """null removes an attribute or clears a field."""
    written(service, "PUT", ALL)
    change = {"attributes": {"city": None, "points": 13, "new": "x"}, "birth_month": None}
    expected = ALL | {
        "attributes": {"points": 13, "ratio": -0.5, "club": True, "note": "", "new": "x"},
        "birth_month": None,
        "minor": True,
    }

    assert written(service, "PATCH", change | {"minor": True}) == expected
    assert shown(service) == expected
    assert written(service, "PATCH", {}) == expected


def test_concurrent_patches_lose_no_change(service: Service) -> None:
    """Concurrent patches of different attributes are all applied."""
    application = service.client.application

    def patch(number: int) -> int:
        body = {"attributes": {f"a{number}": number}}
        headers = {"Authorization": f"Bearer {service.keys.secret.text}"}
        client = application.test_client()
        return int(client.patch(path_of(ANNA), json=body, headers=headers).status_code)

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(patch, range(12)))

    assert statuses == [200] * 12
    assert shown(service) == NOTHING | {"attributes": {f"a{n}": n for n in range(12)}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"attributes": []}, "attributes"),
        ({"attributes": None}, "attributes"),
        ({"attributes": {"": 1}}, 'attributes.""'),
        ({"attributes": {"x" * 65: 1}}, f"attributes.{'x' * 64}"),
        ({"attributes": {"a\nb": 1}}, 'attributes."a\\nb"'),
        ({"attributes": {"a": "x" * 257}}, "attributes.a"),
        ({"attributes": {"a": [1]}}, "attributes.a"),
        ({"attributes": {"a": {}}}, "attributes.a"),
        ({"attributes": {"a": 10**16}}, "attributes.a"),
        ({"attributes": {"a": -9999999999999999999}}, "attributes.a"),
        ({"attributes": {f"a{n}": n for n in range(51)}}, "attributes"),
        ({"segments": "wine"}, "segments"),
        ({"segments": [""]}, "segments[0]"),
        ({"segments": [1]}, "segments[0]"),
        ({"segments": [f"s{n}" for n in range(51)]}, "segments"),
        ({"birth_month": 0}, "birth_month"),
        ({"birth_month": 13}, "birth_month"),
        ({"birth_month": True}, "birth_month"),
        ({"birth_month": "5"}, "birth_month"),
        ({"customer_since": "2023-02-29"}, "customer_since"),
        ({"customer_since": "2023-02-28T00:00:00Z"}, "customer_since"),
        ({"customer_since": 2023}, "customer_since"),
        ({"minor": 1}, "minor"),
        ({"minor": None}, "minor"),
        ({"restricted": "true"}, "restricted"),
        ({"objects_to_marketing": "yes"}, "objects_to_marketing"),
        ({"favourite": "tea"}, "favourite"),
        ({"customer_id": ANNA}, "customer_id"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_invalid_field_is_refused_by_name(
    service: Service, method: str, body: dict[str, object], field: str
) -> None:
    """The answer is 400 with the field, its value and the rule; nothing is written."""
    reply = service.send(method, path_of(ANNA), {"segments": ["x"]} | body)

    assert (reply.status_code, reply.json["code"]) == (400, "bad_profile")
    assert [error["field"] for error in reply.json["errors"]] == [field]
    assert shown(service) == NOTHING


def test_every_fault_is_reported_at_once(grocery_service: Service) -> None:
    """The faults come in the order of the fields."""
    reply = grocery_service.send("PUT", path_of(ANNA), {"minor": 0, "birth_month": 0, "x": 0})

    assert [error["field"] for error in reply.json["errors"]] == ["minor", "birth_month", "x"]


def test_patches_cannot_exceed_the_number_of_attributes(service: Service) -> None:
    """The limit of attributes applies to the customer, not to the request."""
    written(service, "PUT", {"attributes": {f"a{n}": n for n in range(50)}})
    reply = service.send("PATCH", path_of(ANNA), {"attributes": {"one more": 1}})
    exchanged = written(service, "PATCH", {"attributes": {"one more": 1, "a0": None}})

    assert (reply.status_code, reply.json["code"]) == (400, "bad_profile")
    assert len(exchanged["attributes"]) == 50


def test_an_unreadable_profile_counts_as_empty(service: Service) -> None:
    """An unreadable profile is shown as empty and can be replaced."""
    service.stores.connections.writes.set(
        redis_keys.profile(service.shop, key_of(service, ANNA)), b"\xff{"
    )

    assert shown(service) == NOTHING
    assert written(service, "PATCH", {"birth_month": 5}) == NOTHING | {"birth_month": 5}


def test_many_profiles_are_written_line_by_line(service: Service) -> None:
    """A faulty line does not affect the others, and the last line of a customer counts."""
    lines = [
        {"customer_id": ANNA, **ALL},
        {"customer_id": BERT, "birth_month": 0, "x": 1},
        {"birth_month": 5},
        {"customer_id": "a/.."},
        {"customer_id": 5},
        {"customer_id": BERT, "attributes": {f"a{n}": n for n in range(51)}},
        {"customer_id": ZOE, "segments": ["new", "new"]},
        {"customer_id": ZOE, "minor": True},
    ]
    reply = service.send("POST", "/v1/customers", lines)
    results = reply.json["results"]

    assert [result["status"] for result in results] == [201, 422, 422, 422, 422, 422, 201, 201]
    assert [error["field"] for error in results[1]["errors"]] == ["birth_month", "x"]
    assert [result.get("code") for result in results[2:6]] == ["bad_id"] * 3 + ["bad_profile"]
    assert shown(service) == ALL
    assert shown(service, BERT) == NOTHING
    assert shown(service, ZOE) == NOTHING | {"minor": True}


def test_a_large_import_is_written_completely(service: Service) -> None:
    """An import of more lines than one atomic step holds is written completely."""
    lines = [{"customer_id": f"c{n}", "birth_month": n % 12 + 1} for n in range(450)]
    reply = service.send("POST", "/v1/customers", lines)

    assert {result["status"] for result in reply.json["results"]} == {201}
    assert shown(service, CustomerId("c449")) == NOTHING | {"birth_month": 449 % 12 + 1}


def test_an_import_keeps_flags_that_it_does_not_name(service: Service) -> None:
    """A list of segments does not clear a restriction; a line that names the flag does."""
    who = CustomerId("c1")
    service.send("PATCH", f"/v1/customers/{who}/profile", {"restricted": True, "birth_month": 3})
    service.send("POST", "/v1/customers", [{"customer_id": who, "segments": ["vip"]}])
    kept = shown(service, who)
    service.send("POST", "/v1/customers", [{"customer_id": who, "restricted": False}])

    assert kept == NOTHING | {"restricted": True, "segments": ["vip"]}
    assert shown(service, who) == NOTHING


def test_a_line_of_invalid_json_is_reported(service: Service) -> None:
    """An invalid line gets its error, and the lines around it are written."""
    headers = {
        "Content-Type": "application/x-ndjson",
        "Authorization": f"Bearer {service.keys.secret.text}",
    }
    good = json.dumps({"customer_id": ANNA, "birth_month": 3})
    reply = service.client.post("/v1/customers", data=f"{{\n\n[]\n{good}", headers=headers)

    assert [result["status"] for result in reply.json["results"]] == [422, 422, 201]
