"""Erasure over HTTP: immediate, complete and permanent; and its receipt."""

import json

from recsvc.domain.api_keys import ALL_SCOPES, Scope
from recsvc.domain.customers.privacy import RewriteState
from recsvc.domain.values.ids import CustomerId
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client import keys as redis_keys
from tests.consents import now_us
from tests.contract.customers.erasures import (
    DAY_US,
    erase,
    fallback,
    full_life,
    key_of,
    keys_of,
    receipt,
    send_event,
)
from tests.contract.grocery import ANNA, BERT, Service
from tests.contract.offers.test_claims import claim, held, put


def test_an_erased_customer_is_unknown_from_the_next_request_on(service: Service) -> None:
    """The next answer is anonymous although the served model still holds the customer's list."""
    full_life(service)
    before = fallback(service)

    erase(service)

    assert before == (True, None)
    assert fallback(service) == (False, "unknown_customer")


def test_the_receipt_counts_the_removed_data(service: Service) -> None:
    """The receipt counts the removed data, and names the data that the next training and the shop
    remove.
    """
    full_life(service)

    found = receipt(service)

    assert found["removed"] == {
        "purposes": 5,
        "flags": 0,
        "profile": 1,
        "recent_events": 3,
        "impressions": 0,
        "purchases": 1,
        "offer_caps": 0,
        "claims": 0,
        "idempotency_answers": 0,
        "decisions": 0,
        "undrained_events": 3,
    }
    assert found["customer"] == key_of(service).hex()
    assert found["tombstone_ends"] is None
    assert "recsvc-train run" in found["next_training"]["by"]
    assert found["shop_removes"]


def test_nothing_but_the_tombstone_and_the_history_remains(service: Service) -> None:
    """The tombstone and the list of history rows are the only keys of an erased customer."""
    full_life(service)
    known = keys_of(service)

    erase(service)

    store = service.stores.connections.writes
    fields = store.hgetall(redis_keys.customer(service.shop, key_of(service)))
    assert known == {"customer", "history", "profile", "recent", "purchases"}
    assert keys_of(service) == {"customer", "history"}
    assert set(fields) == {b"erased"}


def test_it_removes_no_data_of_other_customers(service: Service) -> None:
    """Events of other customers stay in the log in their order, and their lists stay personal."""
    full_life(service, BERT)
    full_life(service)
    send_event(service, "bert-last", BERT)

    erase(service)

    store = service.stores.connections.writes
    logged = store.xrange(redis_keys.events(service.shop))
    assert [json.loads(entry[b"event"])["message_id"] for _, entry in logged] == [
        "bert-0",
        "bert-1",
        "bert-2",
        "bert-last",
    ]
    assert fallback(service, BERT) == (True, None)


def test_an_erasure_is_idempotent(service: Service) -> None:
    """A second receipt has the same time and removes nothing, and the history has one row."""
    full_life(service)

    first, second = receipt(service), receipt(service)

    rows = service.get(f"/v1/customers/{ANNA}/consents/history").json["rows"]
    assert first["erased_at"] == second["erased_at"]
    assert set(second["removed"].values()) == {0}
    assert [row["kind"] for row in rows].count("erase") == 1


def test_an_unknown_customer_can_be_erased(service: Service) -> None:
    """The shop may hold purchases of an unknown customer, which the training then excludes."""
    found = receipt(service, CustomerId("nobody"))

    assert set(found["removed"].values()) == {0}
    assert keys_of(service, CustomerId("nobody")) == {"customer", "history"}


def test_keys_of_another_type_are_erased_as_well(service: Service) -> None:
    """An erasure removes keys of the customer that hold another type."""
    store, key = service.stores.connections.writes, key_of(service)
    store.set(redis_keys.customer(service.shop, key), "granted")
    store.set(redis_keys.recent(service.shop, key), "v1 item-00")

    found = receipt(service)

    assert found["removed"]["unreadable"] == found["removed"]["recent_events"] == 1
    assert keys_of(service) == {"customer", "history"}
    assert fallback(service) == (False, "unknown_customer")


def test_no_old_event_or_grant_brings_a_customer_back(service: Service) -> None:
    """Replayed events, imports from before and after the erasure, and profiles do not restore the
    customer.
    """
    full_life(service)
    erase(service)
    erased = now_us()
    line = {"customer_id": ANNA, "purposes": {"personalization": True, "analytics": True}}

    send_event(service, "replayed", timestamp=rfc3339(erased - DAY_US))
    send_event(service, "new")
    imported = service.send(
        "POST",
        "/v1/consents",
        [{**line, "at": rfc3339(at)} for at in (erased - DAY_US, now_us())],
    ).json
    reply = service.send("PUT", f"/v1/customers/{ANNA}/profile", {"segments": ["vip"]})

    assert imported is not None
    refused = {"status": 200, "duplicate": True, "code": "customer_erased"}
    assert imported["results"] == [refused, refused]
    assert (reply.status_code, reply.json["code"]) == (409, "customer_erased")
    assert fallback(service) == (False, "unknown_customer")
    assert keys_of(service) == {"customer", "history"}
    assert service.stores.connections.writes.xlen(redis_keys.events(service.shop)) == 0


def test_a_bulk_import_skips_erased_customers(service: Service) -> None:
    """Each line has its own result, and a line of an erased customer gets 409."""
    erase(service)
    lines = [{"customer_id": each, "segments": ["vip"]} for each in (BERT, ANNA)]

    answer = service.send("POST", "/v1/customers", lines).json

    assert answer is not None
    assert [(each["status"], each.get("code")) for each in answer["results"]] == [
        (201, None),
        (409, "customer_erased"),
    ]
    assert keys_of(service) == {"customer", "history"}
    assert keys_of(service, BERT) == {"profile"}


def test_an_erasure_requires_the_scope_privacy(service: Service) -> None:
    """No other scope and no browser key may erase, not even with the customer's own token."""
    others = service.secret_key(*(ALL_SCOPES - {Scope.PRIVACY}))
    own = {"X-Customer-Token": service.keys.token(ANNA)}
    own["Authorization"] = f"Bearer {service.keys.browser.text}"

    assert erase(service, key=service.secret_key(Scope.PRIVACY)).status_code == 200
    assert erase(service, key=others).json["code"] == "missing_scope"
    assert service.client.delete(f"/v1/customers/{ANNA}", headers=own).status_code == 403


def test_a_rewrite_starts_at_most_once_an_hour(service: Service) -> None:
    """A second rewrite within an hour is `due`, and a refused one is reported without error."""
    states = [receipt(service)["append_only_file"]["rewrite"] for _ in range(2)]

    assert states[0] in (RewriteState.STARTED, RewriteState.REFUSED)
    assert states[0] == RewriteState.REFUSED or states[1] == RewriteState.DUE


def test_the_history_names_the_erased_by_hash_alone(service: Service) -> None:
    """The history names an erased customer by keyed hash, as before the erasure."""
    full_life(service)
    erase(service)
    store = service.stores.connections.writes
    rows = [fields[b"row"] for _, fields in store.xrange(redis_keys.history(service.shop))]

    assert not any(ANNA.encode() in row for row in rows)
    assert json.loads(rows[-1])["kind"] == "erase"
    assert json.loads(rows[-1])["customer"] == key_of(service).hex()


def test_claims_caps_and_answers_are_erased(service: Service) -> None:
    """Held claims return their caps, and no key or field names the customer."""
    put(service, caps={"total_redeemed": 1}, codes=["CODE"])
    service.consent(ANNA)
    held(service, Idempotency_Key="k" * 20)
    before = keys_of(service)

    found = receipt(service)

    assert {"caps", "claims-of", "idempotency"} < before
    assert (found["removed"]["claims"], found["removed"]["idempotency_answers"]) == (1, 1)
    assert keys_of(service) == {"customer", "history"}
    service.consent(BERT)
    held(service, BERT)


def test_claims_are_exported_and_merged(service: Service) -> None:
    """The export holds the customer's claims, and a merge hands over the claims and their caps."""
    put(service, caps={"per_customer": {"limit": 1, "period_days": 30}})
    for customer in (ANNA, BERT):
        service.consent(customer)
    held(service)
    found = service.get(f"/v1/customers/{ANNA}/export").json

    service.send("POST", f"/v1/customers/{ANNA}/merge", {"into": BERT})

    assert found is not None
    assert [each["offer_id"] for each in found["claims"]] == ["deal"]
    assert claim(service, BERT).status_code == 409
    assert keys_of(service) == {"customer", "history"}
