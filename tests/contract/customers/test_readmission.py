"""An erased customer stays erased until a live grant, and then returns as a stranger."""

import pytest

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
    train,
)
from tests.contract.grocery import ANNA, Service
from tests.contract.offers.test_claims import put


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
    send_event(service, "replayed", timestamp=rfc3339(now_us() - DAY_US))
    replayed = fallback(service)
    send_event(service, "new")

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
