"""Scopes: a key without `consent` writes profiles, but neither changes flags nor reads."""

import pytest

from recsvc.domain.api_keys import Scope
from tests.contract.customers.profile_requests import NOTHING, path_of, shown, written
from tests.contract.grocery import ANNA, BERT, ZOE, Service

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
