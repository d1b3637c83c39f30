"""Flags deny from the next request on, for every reader."""

import pytest

from recsvc.domain.consent.consent import Purpose
from recsvc.stores.client import keys as redis_keys
from recsvc.wiring.stores import Stores
from tests.contract.customers.profile_requests import NOTHING, key_of, shown, written
from tests.contract.grocery import ANNA, EVERYTHING, ZOE, Service, item_ids
from tests.contract.logged import logged, recent


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
