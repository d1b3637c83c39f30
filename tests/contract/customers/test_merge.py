"""A merge of two ids of one person never permits more than both permitted."""

import itertools
from typing import Any

import pytest
from werkzeug.test import TestResponse

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.purchase_history import decode
from recsvc.domain.values.ids import CustomerId, OfferId
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.record_codec import field_of
from tests.consents import now_us
from tests.contract.customers.erasures import (
    erase,
    fallback,
    full_life,
    key_of,
    keys_of,
    send_event,
)
from tests.contract.grocery import ANNA, BERT, ZOE, Service
from tests.contract.offers.test_claims import held, put, send

ANSWERS = [None, False, True]


def merge(service: Service, away: CustomerId = ANNA, into: str = BERT) -> TestResponse:
    return service.send("POST", f"/v1/customers/{away}/merge", {"into": into})


def merged(service: Service, away: CustomerId = ANNA, into: str = BERT) -> Any:
    reply = merge(service, away, into)
    assert reply.status_code == 200, reply.data
    return reply.json


def purposes(service: Service, customer: CustomerId) -> Any:
    found = service.get(f"/v1/customers/{customer}/consents").json
    assert found is not None
    return found["purposes"]


@pytest.mark.parametrize(("away", "into"), list(itertools.product(ANSWERS, ANSWERS)))
def test_a_refusal_of_either_wins(service: Service, away: bool | None, into: bool | None) -> None:
    """A grant of the merged customer does not widen; a missing statement does not end a grant."""
    for customer, granted in ((ANNA, away), (BERT, into)):
        if granted is not None:
            service.consent(customer, {"email": granted})

    found = merged(service)

    is_ended = into is True and away is False
    assert found["ended_purposes"] == (["email"] if is_ended else [])
    assert purposes(service, BERT)["email"]["permitted"] is (into is True and not is_ended)
    assert purposes(service, ANNA)["email"]["state"] == "unknown"


@pytest.mark.parametrize("away", [None, True])
def test_a_grant_stays_exactly_as_it_is(service: Service, away: bool | None) -> None:
    """Time, policy version and source of the remaining customer's grant do not change."""
    body = {"purposes": {"email": True}, "policy_version": "v10", "source": "checkout"}
    service.put(f"/v1/customers/{BERT}/consents", body)
    service.consent(ANNA, {"analytics": True})
    if away is not None:
        body = {"purposes": {"email": away}, "policy_version": "v9", "source": "banner"}
        service.put(f"/v1/customers/{ANNA}/consents", body)
    before = purposes(service, BERT)["email"]

    merged(service)

    assert purposes(service, BERT)["email"] == before


def test_a_refusal_of_the_merged_customer_is_kept(service: Service) -> None:
    """The remaining customer, who made no statement, has the refusal with its time and source."""
    body = {"purposes": {"email": False}, "source": "banner"}
    service.put(f"/v1/customers/{ANNA}/consents", body)
    before = purposes(service, ANNA)["email"]
    service.consent(BERT, {"analytics": True})

    merged(service)

    assert purposes(service, BERT)["email"] == before


def test_flags_add_up(service: Service) -> None:
    """The remaining customer has the flags of both."""
    for customer, flag in ((ANNA, "minor"), (BERT, "objects_to_marketing")):
        service.send("PATCH", f"/v1/customers/{customer}/profile", {flag: True})

    merged(service)

    shown = service.get(f"/v1/customers/{BERT}/profile").json
    assert shown is not None
    assert (shown["minor"], shown["objects_to_marketing"], shown["restricted"]) == (
        True,
        True,
        False,
    )


def test_personal_data_is_merged_if_both_permit_it(service: Service) -> None:
    """Recent events are merged by time; the remaining customer's profile values take precedence."""
    for customer, tier in ((ANNA, "gold"), (BERT, "silver")):
        service.consent(customer)
        profile = {"attributes": {"tier": tier, customer: True}, "segments": [customer]}
        service.send("PATCH", f"/v1/customers/{customer}/profile", profile)
    for second, customer in enumerate((ANNA, BERT, ANNA, BERT)):
        at = rfc3339(now_us() - 3600_000_000 + second * 60_000_000)
        send_event(service, f"{second}", customer, timestamp=at, item_id=f"item-0{second}")

    found = merged(service)

    name = redis_keys.recent(service.shop, key_of(service, BERT))
    store = service.stores.connections.writes
    shown = service.get(f"/v1/customers/{BERT}/profile").json
    assert shown is not None
    assert found["has_shared"]
    assert [entry.split()[1].decode() for entry in store.lrange(name, 0, -1)] == [
        "item-03",
        "item-02",
        "item-01",
        "item-00",
    ]
    assert 0 < store.ttl(name) <= redis_keys.RECENT_SECONDS
    purchases = redis_keys.purchases(service.shop, key_of(service, BERT))
    items = decode(store.get(purchases) or b"").items
    assert [(item.item_id, item.times) for item in items] == [
        ("item-03", 1),
        ("item-02", 1),
        ("item-01", 1),
        ("item-00", 1),
    ]
    assert 0 < store.ttl(purchases) <= redis_keys.RECENT_SECONDS
    assert shown["attributes"] == {"tier": "silver", ANNA: True, BERT: True}
    assert shown["segments"] == [BERT, ANNA]


def test_dismissals_of_both_are_kept(service: Service) -> None:
    """The remaining customer has the dismissals of both, until they are cancelled."""
    for customer, item in ((ANNA, "item-01"), (BERT, "item-02")):
        service.consent(customer)
        send_event(service, f"no {item}", customer, type="item_dismissed", item_id=item)

    merged(service)

    name = redis_keys.purchases(service.shop, key_of(service, BERT))
    store = service.stores.connections.writes
    dismissals = decode(store.get(name) or b"").dismissals
    assert {each.item_id for each in dismissals} == {"item-01", "item-02"}
    assert 0 < store.ttl(name) <= 180 * 86_400


def test_the_list_of_an_older_release_is_merged(service: Service) -> None:
    """Readable lines of both lists become one history."""
    store, at = service.stores.connections.writes, now_us() // 1_000_000 - 3600
    for customer, item in ((ANNA, "item-01"), (BERT, "item-02")):
        service.consent(customer)
        name = redis_keys.purchases(service.shop, key_of(service, customer))
        store.lpush(name, f"{at} 9f86d081884c7d65 2.5 {item}", f"{at} - - item-03", "?")

    merged(service)

    items = decode(store.get(redis_keys.purchases(service.shop, key_of(service, BERT)))).items
    assert {item.item_id: item.times for item in items} == {
        "item-01": 1,
        "item-02": 1,
        "item-03": 2,
    }


@pytest.mark.parametrize("refusing", [ANNA, BERT])
def test_personal_data_is_not_merged_if_one_denies_it(
    service: Service, refusing: CustomerId
) -> None:
    """Personal data is handed over neither from nor to a customer who denies; the remaining
    customer keeps own data.
    """
    for customer in (ANNA, BERT):
        full_life(service, customer)
        send_event(service, f"own {customer}", customer, item_id=f"of-{customer}")
        profile = {"attributes": {f"of-{customer}": True}}
        service.send("PATCH", f"/v1/customers/{customer}/profile", profile)
    service.consent(refusing, {"personalization": False})

    found = merged(service)

    store, key = service.stores.connections.writes, key_of(service, BERT)
    recent = b" ".join(store.lrange(redis_keys.recent(service.shop, key), 0, -1))
    recent += store.get(redis_keys.purchases(service.shop, key)) or b""
    shown = service.get(f"/v1/customers/{BERT}/profile").json
    assert shown is not None
    assert not found["has_shared"]
    assert b"of-anna" not in recent
    assert b"of-bert" in recent
    assert set(shown["attributes"]) == {"tier", "of-bert"}


@pytest.mark.parametrize("refused", [None, "personalization", "offers"])
@pytest.mark.parametrize("refusing", [ANNA, BERT])
def test_offer_events_are_merged_if_both_permit_offers(
    service: Service, refusing: CustomerId, refused: str | None
) -> None:
    """Shown and dismissed offers are merged if both permit offers; claims are always merged."""
    for customer in (ANNA, BERT):
        service.consent(customer)
    put(service, caps={"per_customer_shown": {"limit": 9}, "per_customer": {"limit": 2}})
    held(service)
    decision = service.get(f"/v1/customers/{ANNA}/offers").json["decision_id"]
    send(service, type="offer_shown", customer_id=ANNA, decision_id=decision)
    send(service, type="offer_dismissed", customer_id=ANNA)
    if refused is not None:
        service.consent(refusing, {refused: False})

    merged(service)

    caps = service.stores.claim_records.caps(service.shop, key_of(service, BERT))
    expected = [] if refused else ["deal"]
    assert (list(caps.shown), list(caps.dismissed)) == (expected, expected)
    assert len(caps.taken[OfferId("deal")].taken) == 1


def test_the_merged_customer_is_left_as_erased(service: Service) -> None:
    """A tombstone without a reference remains; the customer's undrained events are removed."""
    full_life(service)
    full_life(service, BERT)

    found = merged(service)

    store = service.stores.connections.writes
    fields = store.hgetall(redis_keys.customer(service.shop, key_of(service)))
    assert set(fields) == {b"erased"}
    assert key_of(service, BERT).hex().encode() not in b"".join(fields.values())
    assert keys_of(service) == {"customer", "history"}
    assert fallback(service) == (False, "unknown_customer")
    assert found["undrained_events_removed"] == 3
    assert store.xlen(redis_keys.events(service.shop)) == 3


def test_both_histories_have_a_row_of_the_merge(service: Service) -> None:
    """Each history has a row of the merge, and neither names the other customer."""
    full_life(service)

    merged(service)

    rows = {
        customer: service.get(f"/v1/customers/{customer}/consents/history").json["rows"]
        for customer in (ANNA, BERT)
    }
    assert rows[ANNA][-1]["word"] == "merged_away"
    assert rows[BERT][-1]["word"] == "merged_in"
    assert {row["kind"] for row in rows[BERT]} == {"merge"}


@pytest.mark.parametrize("gone", [ANNA, BERT])
def test_a_merge_with_an_erased_customer_is_refused(service: Service, gone: CustomerId) -> None:
    """The answer is 409, and nothing changes."""
    full_life(service)
    full_life(service, BERT)
    erase(service, gone)
    stays = BERT if gone == ANNA else ANNA
    before = purposes(service, stays), keys_of(service, stays)

    reply = merge(service)

    assert (reply.status_code, reply.json["code"]) == (409, "customer_erased")
    assert before == (purposes(service, stays), keys_of(service, stays))


@pytest.mark.parametrize(
    ("into", "code"), [(ANNA, "merge_into_itself"), ("", "bad_id"), ("a/..", "bad_id")]
)
def test_an_invalid_merge_is_refused(service: Service, into: str, code: str) -> None:
    """The answer is 400 and names `into`."""
    reply = merge(service, into=into)

    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (400, code)
    assert reply.json["errors"][0]["field"] == "into"


def test_merging_an_unknown_customer_changes_nothing(service: Service) -> None:
    """The receipt says so; neither customer has a new field, row or tombstone."""
    full_life(service, BERT)
    before = purposes(service, BERT), keys_of(service, BERT), keys_of(service, ZOE)

    found = merged(service, ZOE)

    assert (found["was_known"], found["has_shared"], found["ended_purposes"]) == (False, False, [])
    assert found["append_only_file"] == {"rewrite": "not_due"}
    assert before == (purposes(service, BERT), keys_of(service, BERT), keys_of(service, ZOE))
    service.consent(ZOE)
    assert purposes(service, ZOE)["personalization"]["permitted"]


def test_a_visitor_without_statements_keeps_the_grants_of_the_account(service: Service) -> None:
    """A login does not end the newsletter: the visitor's profile alone is no refusal."""
    full_life(service, BERT)
    before = purposes(service, BERT)
    service.send("PATCH", f"/v1/customers/{ZOE}/profile", {"attributes": {"cart": 3}})

    found = merged(service, ZOE)

    assert (found["was_known"], found["has_shared"]) == (True, False)
    assert purposes(service, BERT) == before


def test_an_unreadable_statement_of_the_merged_customer_is_a_refusal(service: Service) -> None:
    """The statement may have been a refusal, so the grant of the remaining customer ends."""
    service.consent(BERT, {"email": True})
    service.consent(ANNA, {"email": True})
    store = service.stores.connections.writes
    name = redis_keys.customer(service.shop, key_of(service, ANNA))
    store.hset(name, field_of(Purpose.EMAIL), b"?")

    assert merged(service)["ended_purposes"] == ["email"]
    assert not purposes(service, BERT)["email"]["permitted"]


def test_earlier_erasures_apply_after_a_merge(service: Service) -> None:
    """A model from before the merged customer's erasure is masked for the remaining customer."""
    erase(service)
    service.consent(ANNA)
    service.consent(BERT)
    before = fallback(service, BERT)

    merged(service)

    assert before == (True, None)
    assert fallback(service, BERT) == (False, "unknown_customer")
