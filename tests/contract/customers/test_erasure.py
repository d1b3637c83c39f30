"""Erasure over HTTP: immediate, complete and permanent; and its receipt."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from recsvc.config import models_root
from recsvc.domain.api_keys import ALL_SCOPES, Scope
from recsvc.domain.values.ids import CustomerId
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from recsvc.stores.client import keys as redis_keys
from recsvc.usecases.customers.privacy import RewriteState
from tests.consents import now_us
from tests.contract.grocery import ANNA, BERT, Service, grocery
from tests.contract.offers.test_claims import claim, held, put

DAY_US = 86_400_000_000


def erase(service: Service, customer: CustomerId = ANNA, key: str = "") -> TestResponse:
    return service.send("DELETE", f"/v1/customers/{customer}", {}, key)


def receipt(service: Service, customer: CustomerId = ANNA) -> Any:
    reply = erase(service, customer)
    assert reply.status_code == 200, reply.data
    return reply.json


def fallback(service: Service, customer: CustomerId = ANNA) -> Any:
    reply = service.get(f"/v1/customers/{customer}/recommendations")
    assert reply.json is not None
    return reply.json["personalized"], reply.json["fallback"]


def tell(service: Service, message: str, customer: CustomerId = ANNA, **more: str) -> None:
    event = {"message_id": message, "type": "purchase", "item_id": "item-05"}
    sent = {"events": [{**event, "customer_id": customer, **more}]}
    (result,) = service.send("POST", "/v1/events", sent).json["results"]  # type: ignore[index]
    assert result["status"] in (200, 201)


def train(service: Service, watermark_us: int | None) -> None:
    """Publish the same lists again, trained on the consents of that time."""
    stores = service.stores
    data = {"consents": {"watermark_us": watermark_us}}
    facts = ManifestFacts(stores.secret.fingerprint(), seed=1, data=data)
    versions = Versions(models_root(stores.settings), service.shop)
    publish(versions, grocery(stores, service.shop), facts, now=datetime.now(UTC))
    service.registry.refresh()


def key_of(service: Service, customer: CustomerId = ANNA) -> Any:
    return service.stores.hasher(service.shop).key_of(customer)


def keys_of(service: Service, customer: CustomerId = ANNA) -> set[str]:
    """Return the Redis keys of the customer, without the shop."""
    found = service.stores.connections.writes.keys(f"*{key_of(service, customer).hex()}*")
    return {name.decode().split(":")[1] for name in found}


def full_life(service: Service, customer: CustomerId = ANNA) -> None:
    """Write every kind of data of a customer."""
    service.consent(customer)
    profile = {"attributes": {"tier": "gold"}, "segments": ["vip"]}
    assert service.send("PATCH", f"/v1/customers/{customer}/profile", profile).status_code == 200
    for number in range(3):
        tell(service, f"{customer}-{number}", customer)


def test_an_erased_customer_is_unknown_from_the_next_request_on(service: Service) -> None:
    """The next answer is generic although the served model still holds the customer's list."""
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
        "purchases": 3,
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
    tell(service, "bert-last", BERT)

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

    rows = service.get(f"/v1/customers/{ANNA}/consents/history").json["rows"]  # type: ignore[index]
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

    tell(service, "replayed", timestamp=rfc3339(erased - DAY_US))
    tell(service, "new")
    imported = service.send(
        "POST",
        "/v1/consents",
        [{**line, "at": rfc3339(at)} for at in (erased - DAY_US, now_us())],
    ).json
    reply = service.send("PUT", f"/v1/customers/{ANNA}/profile", {"segments": ["vip"]})

    assert imported is not None
    assert [each["status"] for each in imported["results"]] == [200, 200]
    assert (reply.status_code, reply.json["code"]) == (409, "customer_erased")  # type: ignore[index]
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


def test_a_flag_can_be_set_on_an_erased_customer(service: Service) -> None:
    """A flag of an erased customer denies and reveals nothing else."""
    erase(service)

    reply = service.send("PATCH", f"/v1/customers/{ANNA}/profile", {"objects_to_marketing": True})

    assert reply.status_code == 200


@pytest.mark.parametrize("flag", ["restricted", "minor"])
def test_a_flag_does_not_readmit_an_erased_customer(service: Service, flag: str) -> None:
    """The flag applies after the customer grants a purpose; until then the customer counts as
    unknown.
    """
    path = f"/v1/customers/{ANNA}/profile"
    erase(service)
    service.send("PATCH", path, {flag: True})
    flagged = fallback(service)
    service.consent(ANNA)

    assert flagged == (False, "unknown_customer")
    assert fallback(service) == (False, "no_consent")


def test_a_denial_does_not_readmit_an_erased_customer(service: Service) -> None:
    """A denial after the erasure is recorded, and the customer stays erased."""
    erase(service)
    service.consent(ANNA, {"personalization": False})

    assert fallback(service) == (False, "no_consent")


def test_a_live_grant_readmits_the_customer_as_a_stranger(service: Service) -> None:
    """New events personalize; the list and purchases of the earlier model stay masked."""
    full_life(service)
    erase(service)
    service.consent(ANNA)

    opened = fallback(service)
    tell(service, "replayed", timestamp=rfc3339(now_us() - DAY_US))
    replayed = fallback(service)
    tell(service, "new")

    assert opened == replayed == (False, "unknown_customer")
    assert fallback(service) == (True, None)


@pytest.mark.parametrize(("after", "is_known"), [(-1, False), (0, False), (1, True)])
def test_a_model_trained_after_the_erasure_counts(
    service: Service, after: int, is_known: bool
) -> None:
    """A model counts if the consents that it was trained on are later than the erasure, to the
    microsecond.
    """
    key = redis_keys.customer(service.shop, key_of(service))
    erase(service)
    service.consent(ANNA)
    erased = int(service.stores.connections.writes.hget(key, "erased").split()[0])

    train(service, erased + after)

    assert fallback(service)[0] is is_known


def test_after_a_clock_jump_the_history_orders_erasure_and_model(
    service: Service,
) -> None:
    """After a clock jump the history time of the erasure, not its stamp, is compared with the
    model.
    """
    store, key = service.stores.connections.writes, redis_keys.audit_head(service.shop)
    service.consent(ANNA)
    count, digest, _ = store.get(key).decode().split()
    ahead = now_us() + 30 * DAY_US
    store.set(key, f"{count} {digest} {rfc3339(ahead)}")
    train(service, ahead)
    erased_at = receipt(service)["erased_at"]
    service.consent(ANNA)
    before, copy = fallback(service), service.get(f"/v1/customers/{ANNA}/export").json
    head = service.stores.history.head(service.shop)
    assert head is not None
    train(service, head.at_us)

    assert erased_at < rfc3339(ahead)
    assert copy is not None
    assert [model["holds_until_deleted"] for model in copy["models"]] == [True, True]
    assert before == (False, "unknown_customer")
    assert fallback(service) == (True, None)


def test_a_model_trained_without_the_service_masks_erased_customers(
    service: Service,
) -> None:
    """A model that was trained without the service's consents cannot know of an erasure, so it
    never counts.
    """
    erase(service)
    service.consent(ANNA)

    train(service, None)

    assert fallback(service) == (False, "unknown_customer")


def test_an_import_counts_again_after_the_grant(service: Service) -> None:
    """After the re-admission, imported statements count if they are later than it."""
    erase(service)
    service.consent(ANNA, {"personalization": True})
    line = {"customer_id": ANNA, "purposes": {"email": True}}

    service.send("POST", "/v1/consents", [{**line, "at": rfc3339(now_us() - DAY_US)}])
    before = service.get(f"/v1/customers/{ANNA}/consents").json
    service.send("POST", "/v1/consents", [{**line, "at": rfc3339(now_us())}])
    after = service.get(f"/v1/customers/{ANNA}/consents").json

    assert before is not None
    assert after is not None
    assert before["purposes"]["email"]["state"] == "unknown"
    assert after["purposes"]["email"]["state"] == "granted"


def test_an_unreadable_tombstone_erases_everything(service: Service) -> None:
    """An unreadable tombstone blocks imports and masks every model until the customer grants a
    purpose.
    """
    store, key = service.stores.connections.writes, key_of(service)
    service.consent(ANNA)
    store.hset(redis_keys.customer(service.shop, key), "erased", "when?")
    train(service, now_us())

    assert fallback(service) == (False, "unknown_customer")


def test_an_erasure_requires_the_scope_privacy(service: Service) -> None:
    """No other scope and no browser key may erase, not even with the customer's own token."""
    others = service.secret_key(*(ALL_SCOPES - {Scope.PRIVACY}))
    own = {"X-Customer-Token": service.keys.token(ANNA)}
    own["Authorization"] = f"Bearer {service.keys.browser.text}"

    assert erase(service, key=service.secret_key(Scope.PRIVACY)).status_code == 200
    assert erase(service, key=others).json["code"] == "missing_scope"  # type: ignore[index]
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


def test_offer_events_from_before_the_erasure_are_ignored(
    service: Service,
) -> None:
    """Replayed offer events are ignored for the re-admitted customer, and new ones count."""
    put(service)
    service.consent(ANNA)
    event = {"type": "offer_dismissed", "customer_id": ANNA, "offer_id": "deal"}
    old = {**event, "message_id": "old", "timestamp": rfc3339(now_us() - DAY_US)}
    first = {**event, "message_id": "first"}
    service.send("POST", "/v1/events", {"events": [first]})
    erase(service)
    service.consent(ANNA)

    replayed = service.send("POST", "/v1/events", {"events": [first, old]})
    remembered = keys_of(service)
    service.send("POST", "/v1/events", {"events": [{**event, "message_id": "new"}]})

    assert replayed.status_code == 200
    assert "caps" not in remembered
    assert "caps" in keys_of(service)


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
