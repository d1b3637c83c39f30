"""Customer profiles: write, change and read; and the immediate effect of flags."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId
from recsvc.stores.client import keys as redis_keys
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, BERT, EVERYTHING, ZOE, Service, item_ids
from tests.contract.logged import logged, recent

NOTHING = {
    "attributes": {},
    "segments": [],
    "birth_month": None,
    "customer_since": None,
    "minor": False,
    "restricted": False,
    "objects_to_marketing": False,
}
ALL = {
    "attributes": {"city": "Köln", "points": 12, "ratio": -0.5, "club": True, "note": ""},
    "segments": ["regulars", "wine"],
    "birth_month": 12,
    "customer_since": "2024-02-29",
    "minor": False,
    "restricted": False,
    "objects_to_marketing": True,
}


def path_of(customer: CustomerId) -> str:
    return f"/v1/customers/{customer}/profile"


def written(service: Service, method: str, body: object, customer: CustomerId = ANNA) -> object:
    reply = service.send(method, path_of(customer), body)
    assert reply.status_code == 200, reply.data
    assert reply.headers["Cache-Control"] == "private, no-store"
    return reply.json


def shown(service: Service, customer: CustomerId = ANNA) -> object:
    reply = service.get(path_of(customer))
    assert reply.status_code == 200
    return reply.json


def key_of(service: Service, customer: CustomerId) -> CustomerKey:
    return service.stores.hasher(service.shop).key_of(customer)


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
        ({"attributes": {"": 1}}, "attributes"),
        ({"attributes": {"x" * 65: 1}}, "attributes"),
        ({"attributes": {"a\nb": 1}}, "attributes"),
        ({"attributes": {"a": "x" * 257}}, "attributes.a"),
        ({"attributes": {"a": [1]}}, "attributes.a"),
        ({"attributes": {"a": {}}}, "attributes.a"),
        ({"attributes": {"a": 10**16}}, "attributes.a"),
        ({"attributes": {"a": -9999999999999999999}}, "attributes.a"),
        ({"attributes": {f"a{n}": n for n in range(51)}}, "attributes"),
        ({"segments": "wine"}, "segments"),
        ({"segments": [""]}, "segments"),
        ({"segments": [1]}, "segments"),
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
    assert len(exchanged["attributes"]) == 50  # type: ignore[index]


@pytest.mark.parametrize("flag", ["minor", "restricted"])
def test_a_flag_denies_from_the_next_request_on(
    stores: Stores, service: Service, flag: str
) -> None:
    """A flag denies on every worker in spite of grants, which apply again after it is cleared."""
    other_worker = Service(stores, service.shop)
    path = f"/v1/customers/{ANNA}/recommendations"
    service.consent(ANNA)
    before = other_worker.get(path).json
    written(service, "PATCH", {flag: True})
    flagged = other_worker.get(path)
    anybody = other_worker.get("/v1/recommendations")
    written(service, "PATCH", {flag: False})
    after = other_worker.get(path).json

    assert (before["personalized"], after["personalized"]) == (True, True)
    assert (flagged.json["personalized"], flagged.json["fallback"]) == (False, "no_consent")
    assert item_ids(flagged) == item_ids(anybody)


def test_flags_and_consents_leave_each_other_alone(service: Service) -> None:
    """A change of flags keeps the consents in the same record, and the reverse."""
    written(service, "PUT", {"restricted": True})
    service.consent(ANNA)
    consents = service.get(f"/v1/customers/{ANNA}/consents").json["purposes"]

    assert shown(service) == NOTHING | {"restricted": True}
    assert {purpose: each["state"] for purpose, each in consents.items()} == dict.fromkeys(
        EVERYTHING, "granted"
    )
    written(service, "PUT", {"restricted": False})
    assert service.get(f"/v1/customers/{ANNA}/recommendations").json["personalized"]


@pytest.mark.parametrize(
    ("flags", "fallback"),
    [
        ({"minor": True}, "no_consent"),
        ({"restricted": True}, "no_consent"),
        ({"objects_to_marketing": True}, "unknown_customer"),
    ],
    ids=str,
)
def test_a_flag_that_allows_personalization_is_no_denial(
    service: Service, flags: dict[str, bool], fallback: str
) -> None:
    """A customer with `objects_to_marketing` alone counts as unknown, not as without consent."""
    written(service, "PUT", flags, ZOE)

    assert service.get(f"/v1/customers/{ZOE}/recommendations").json["fallback"] == fallback


@pytest.mark.parametrize("field", ["flag:minor", "flag:restricted", "flag:of a later release"])
@pytest.mark.parametrize("value", [b"", b"0", b"false", b"\xff"])
def test_an_unreadable_flag_denies(service: Service, field: str, value: bytes) -> None:
    """A flag with an unknown name or value denies."""
    service.consent(ANNA)
    record = redis_keys.customer(service.shop, key_of(service, ANNA))
    service.stores.connections.writes.hset(record, field, value)
    reply = service.get(f"/v1/customers/{ANNA}/recommendations").json

    assert (reply["personalized"], reply["fallback"]) == (False, "no_consent")


@pytest.mark.parametrize("field", ["flag:restricted", "flag:of a later release"])
def test_every_reader_applies_flags(service: Service, field: str) -> None:
    """A flag that denies in an answer also stops events and excludes the customer from training."""
    service.consent(ANNA)
    key = key_of(service, ANNA)
    store = service.stores.consented_customers
    before = store.permitted(service.shop, Purpose.TRAINING).customers
    record = redis_keys.customer(service.shop, key)
    service.stores.connections.writes.hset(record, field, "1")
    event = {"message_id": "m", "type": "view", "item_id": "item-00", "customer_id": ANNA}
    service.send("POST", "/v1/events", {"events": [event]})

    assert key in before
    assert key not in store.permitted(service.shop, Purpose.TRAINING).customers
    assert (logged(service), recent(service, ANNA)) == ([], [])


@pytest.mark.parametrize("flag", ["minor", "restricted"])
def test_events_of_a_flagged_customer_are_not_stored(service: Service, flag: str) -> None:
    """Events sent while the flag was set are absent after it is cleared."""
    service.consent(ZOE)
    written(service, "PUT", {flag: True}, ZOE)
    event = {"message_id": "m", "type": "view", "item_id": "item-00", "customer_id": ZOE}
    service.send("POST", "/v1/events", {"events": [event]})
    written(service, "PUT", {flag: False}, ZOE)

    assert service.get(f"/v1/customers/{ZOE}/recommendations").json["fallback"] == (
        "unknown_customer"
    )


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
        {"customer_id": "a/b"},
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


FLAGGED = {"minor": True, "restricted": False, "objects_to_marketing": False}


@pytest.mark.parametrize("flag", FLAGGED)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_flag_is_changed_with_the_scope_consent_alone(
    service: Service, method: str, flag: str
) -> None:
    """A key without the scope `consent` can neither set, clear nor detect a flag, and nothing is
    written in part.
    """
    before = written(service, "PUT", {"restricted": True, "birth_month": 3})
    key = service.secret_key(Scope.EVENTS)
    body = {"segments": ["vip"], flag: FLAGGED[flag]}
    refused = service.send(method, path_of(ANNA), body, key)

    assert (refused.status_code, refused.json["code"]) == (403, "missing_scope")
    assert [error["field"] for error in refused.json["errors"]] == [flag]
    assert "consent" in refused.json["detail"]
    assert shown(service) == before


def test_a_key_for_events_writes_profiles_and_reads_none(service: Service) -> None:
    """Its writes count and keep the flags; its answers reveal no stored data."""
    written(service, "PUT", {"restricted": True, "attributes": {"city": "Bonn"}})
    key = service.secret_key(Scope.EVENTS)
    replies = [
        service.send("PATCH", path_of(ANNA), {}, key),
        service.send("PATCH", path_of(ANNA), {"attributes": {"club": True}}, key),
        service.send("PUT", path_of(BERT), {"birth_month": 3}, key),
    ]
    patched = shown(service)
    service.send("PUT", path_of(ANNA), {"segments": ["vip"]}, key)

    assert [(reply.status_code, reply.json) for reply in replies] == [(200, {})] * 3
    kept = NOTHING | {"restricted": True}
    assert patched == kept | {"attributes": {"city": "Bonn", "club": True}}
    assert shown(service) == kept | {"segments": ["vip"]}
    assert shown(service, BERT) == NOTHING | {"birth_month": 3}


def test_lines_with_flags_are_refused_without_the_scope_consent(service: Service) -> None:
    """A line that names a flag gets 403 and is not written; the others are."""
    written(service, "PUT", {"restricted": True})
    lines = [
        {"customer_id": ANNA, "restricted": False, "segments": ["vip"]},
        {"customer_id": BERT, "birth_month": 3},
        {"customer_id": ZOE, "minor": 1},
        {"customer_id": ZOE, "minor": True},
    ]
    reply = service.send("POST", "/v1/customers", lines, service.secret_key(Scope.EVENTS))
    results = reply.json["results"]

    assert [result["status"] for result in results] == [403, 201, 422, 403]
    assert results[0]["code"] == "missing_scope"
    assert [error["field"] for error in results[0]["errors"]] == ["restricted"]
    assert shown(service) == NOTHING | {"restricted": True}
    assert shown(service, BERT) == NOTHING | {"birth_month": 3}
    assert shown(service, ZOE) == NOTHING


@pytest.mark.parametrize("flag", FLAGGED)
def test_both_scopes_together_change_flags(service: Service, flag: str) -> None:
    """A key with both scopes changes flags and gets the profile in the answer."""
    key = service.secret_key(Scope.EVENTS, Scope.CONSENT)
    for body in ({flag: True}, {flag: False}):
        reply = service.send("PATCH", path_of(ANNA), body, key)

        assert (reply.status_code, reply.json) == (200, NOTHING | body)
    lines = [{"customer_id": BERT, flag: True}]
    assert service.send("POST", "/v1/customers", lines, key).json["results"] == [{"status": 201}]
    assert shown(service, BERT) == NOTHING | {flag: True}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("PUT", path_of(ANNA), Scope.EVENTS),
        ("PATCH", path_of(ANNA), Scope.EVENTS),
        ("GET", path_of(ANNA), Scope.CONSENT),
        ("POST", "/v1/customers", Scope.EVENTS),
    ],
)
def test_profiles_are_for_servers_with_the_scope(
    grocery_service: Service, method: str, path: str, scope: Scope
) -> None:
    """No browser key reads or writes a profile, not even that of its own customer."""
    body: object = [] if method == "POST" else {}
    others = grocery_service.secret_key(*(set(Scope) - {scope}))
    lacking = grocery_service.send(method, path, body, others)
    browser = grocery_service.send(method, path, body, grocery_service.keys.browser.text)

    assert (lacking.status_code, lacking.json["code"]) == (403, "missing_scope")
    assert (browser.status_code, browser.json["code"]) == (403, "secret_key_needed")
