"""Consent over HTTP: writes, reads, and the time from which they apply."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from recsvc.stores.client import keys as redis_keys
from tests.contract.grocery import ANNA, BERT, EVERYTHING, Service

PATH = "/v1/customers/anna/consents"
PURPOSES = ["personalization", "offers", "email", "analytics", "training"]
NO_STATEMENT = {
    "state": "unknown",
    "permitted": False,
    "at": None,
    "expires_at": None,
    "reason": None,
    "policy_version": None,
    "source": None,
}


def test_every_purpose_is_shown_and_unknown_at_first(service: Service) -> None:
    """An unknown customer gets every purpose as `unknown`, not a 404."""
    reply = service.get(PATH)

    assert (reply.status_code, reply.json) == (
        200,
        {"purposes": dict.fromkeys(PURPOSES, NO_STATEMENT)},
    )


def test_a_write_returns_the_state_that_a_read_shows(service: Service) -> None:
    """A write changes the named purposes alone, and stores its time and labels."""
    body = {"purposes": {"email": True, "offers": False}, "policy_version": "v2", "source": "shop"}
    before = datetime.now(UTC) - timedelta(seconds=1)

    written = service.put(PATH, body)
    shown = service.get(PATH)

    assert written.status_code == 200
    assert written.json == shown.json
    assert shown.json is not None
    email, offers = shown.json["purposes"]["email"], shown.json["purposes"]["offers"]
    assert (email["state"], offers["state"]) == ("granted", "denied")
    assert (email["policy_version"], email["source"]) == ("v2", "shop")
    at, expires_at = map(datetime.fromisoformat, (email["at"], email["expires_at"]))
    assert (expires_at - at, offers["expires_at"]) == (timedelta(days=395), None)
    assert (email["permitted"], offers["permitted"]) == (True, False)
    assert before <= datetime.fromisoformat(email["at"]) <= datetime.now(UTC)
    assert shown.json["purposes"]["training"] == NO_STATEMENT


def test_a_withdrawal_applies_to_the_next_request(service: Service) -> None:
    """A grant and its withdrawal apply to the next request; the state becomes `withdrawn`."""
    list_path = "/v1/customers/anna/recommendations"
    seen = []
    for granted in (True, False, True, False):
        service.put(PATH, {"purposes": {"personalization": granted}})
        reply = service.get(list_path)
        assert reply.json is not None
        seen.append(reply.json["personalized"])
    shown = service.get(PATH)

    assert seen == [True, False, True, False]
    assert shown.json is not None
    assert shown.json["purposes"]["personalization"]["state"] == "withdrawn"


FLAGS = ("minor", "restricted", "objects_to_marketing")
TO_BROWSERS = {"state", "at", "expires_at", "policy_version", "source"}


def as_anna(service: Service, method: str, path: str, body: object = None) -> TestResponse:
    headers = {
        "Authorization": f"Bearer {service.keys.browser.text}",
        "X-Customer-Token": service.keys.token(ANNA),
    }
    return service.client.open(path, method=method, json=body, headers=headers)


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_are_hidden_from_browsers(service: Service, flag: str) -> None:
    """Browsers see no flag in reads, write answers and the history; secret keys see the denial."""
    service.consent(ANNA)
    before = as_anna(service, "GET", PATH), as_anna(service, "GET", f"{PATH}/history")
    service.send("PATCH", "/v1/customers/anna/profile", {flag: True})
    after = as_anna(service, "GET", PATH), as_anna(service, "GET", f"{PATH}/history")
    written = as_anna(service, "PUT", PATH, {"purposes": {"email": True}})
    purposes = service.get(PATH).json["purposes"]

    assert [reply.data for reply in after] == [reply.data for reply in before]
    for answer in (before[0].json, written.json):
        assert {frozenset(each) for each in answer["purposes"].values()} == {frozenset(TO_BROWSERS)}
    assert (purposes["offers"]["state"], purposes["offers"]["permitted"]) == ("granted", False)


def test_the_pages_of_a_browsers_history_have_no_gaps(service: Service) -> None:
    """A browser's pages are full and its cursors consecutive, since a gap would reveal a row of a
    flag.
    """
    for value in (True, False, True):
        service.send("PATCH", "/v1/customers/anna/profile", {"restricted": value})
        service.consent(ANNA, {"email": value})
    pages = [as_anna(service, "GET", f"{PATH}/history?limit=1&cursor={n}").json for n in range(4)]
    all_of_it = service.get(f"{PATH}/history").json["rows"]

    shown = [[(row["subject"], row["word"]) for row in page["rows"]] for page in pages]
    assert shown == [[("email", "granted")], [("email", "denied")], [("email", "granted")], []]
    assert [page["next_cursor"] for page in pages] == [1, 2, 3, None]
    assert [row["kind"] for row in all_of_it] == ["flag", "live"] * 3


def test_consent_of_one_customer_is_not_anothers(service: Service) -> None:
    """A grant of Anna does not change Bert's consent."""
    service.consent(ANNA)

    reply = service.get(f"/v1/customers/{BERT}/recommendations")

    assert reply.json is not None
    assert reply.json["personalized"] is False


def test_consent_in_one_shop_is_not_consent_in_another(
    service: Service, bare_service: Service
) -> None:
    """A grant in one shop does not apply to the same customer id in another shop."""
    other = Service(service.stores, type(service.shop)(f"{service.shop}-b"))
    service.consent(ANNA)

    reply = other.get(PATH)

    assert reply.json is not None
    assert reply.json["purposes"]["email"] == NO_STATEMENT


@pytest.mark.parametrize("value", ["true", 1, 0, None, "", [], {}, 1.0], ids=repr)
def test_only_true_and_false_are_consent(service: Service, value: object) -> None:
    """A value other than literal true or false is refused and changes nothing."""
    service.consent(ANNA, {"email": False})
    before = service.get(PATH).json

    reply = service.put(PATH, {"purposes": {"offers": True, "email": value}})

    assert (reply.status_code, reply.content_type) == (400, "application/problem+json")
    assert reply.json is not None
    assert [error["field"] for error in reply.json["errors"]] == ["purposes.email"]
    assert service.get(PATH).json == before


def test_an_unknown_purpose_is_refused_with_the_list_of_purposes(service: Service) -> None:
    """The error lists the purposes, and nothing of the request is written."""
    reply = service.put(PATH, {"purposes": {"email": True, "newsletter": True}})

    assert reply.status_code == 400
    assert reply.json is not None
    (error,) = reply.json["errors"]
    assert error["field"] == "purposes.newsletter"
    assert all(purpose in error["detail"] for purpose in PURPOSES)
    assert service.get(PATH).json == {"purposes": dict.fromkeys(PURPOSES, NO_STATEMENT)}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b"{}", "purposes"),
        (b'{"purposes": {}}', "purposes"),
        (b'{"purposes": []}', "purposes"),
        (b'{"purposes": {"email": true}, "purpose": 1}', "purpose"),
        (b'{"purposes": {"email": true}, "source": ""}', "source"),
        (b'{"purposes": {"email": true}, "policy_version": 2}', "policy_version"),
        (b'{"purposes": {"email": true}, "source": "%s"}' % (b"a" * 129), "source"),
        (b'{"purposes": {"email": true}, "source": "a\\u0000b"}', "source"),
        (b'{"purposes": {"email": true}, "source": "a\\nb"}', "source"),
        (b'{"purposes": {"email": true}, "policy_version": "\x7f"}', "policy_version"),
        (b'{"purposes": {"email": true}, "policy_version": "v\\u0085"}', "policy_version"),
        (b'{"purposes": {"email": true}, "policy_version": "\\u001b[31m"}', "policy_version"),
        (b'{"purposes": {"email": true, "email": false}}', "purposes.email"),
        (b'{"purposes": {"email": NaN}}', "purposes.email"),
        (b'{"purposes": {"email": -Infinity}}', "purposes.email"),
        (b'{"purposes": {"email": 1e999}}', "purposes.email"),
        (b'{"purposes": {"email": %s}}' % (b"1" * 5000), "purposes.email"),
        (b'{"purposes": {"email": true}, "source": "\\ud800"}', "source"),
        (b'{"purposes": {"\\udfff": true}}', 'purposes."\\udfff"'),
        (b'{"purposes": {"email": true}, "source": "\xff"}', "body"),
        (b'\xef\xbb\xbf{"purposes": {"email": true}}', "body"),
        ('{"purposes": {"email": true}}'.encode("utf-16"), "body"),
        (b"[" * 60_000, "body"),
        (b'{"a":' * 12_000, "body"),
    ],
)
def test_ambiguous_json_is_refused(grocery_service: Service, body: bytes, field: str) -> None:
    """A body that two parsers could read differently is refused with 400 and its field, and nothing
    is written.
    """
    reply = grocery_service.put(PATH, body)

    assert (reply.status_code, reply.content_type) == (400, "application/problem+json")
    assert reply.json is not None
    assert [error["field"] for error in reply.json["errors"]] == [field]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/x-ndjson"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": 'application/json; charset="UTF-8"'}, 200),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
    ids=str,
)
def test_bodies_are_plain_json(service: Service, headers: dict[str, str], status: int) -> None:
    """A body of another media type or encoding is refused with 415."""
    reply = service.put(PATH, {"purposes": EVERYTHING}, **headers)

    assert reply.status_code == status


def test_a_body_over_the_limit_is_413_with_and_without_its_length(service: Service) -> None:
    """The service reads 64 KiB and no byte more."""
    body = b'{"purposes": {"email": true}}'
    largest = body + b" " * (64 * 1024 - len(body))

    stated = [service.put(PATH, sent).status_code for sent in (largest, largest + b" ")]
    unstated = [_put_chunked(service, sent) for sent in (largest, largest + b" " * 9000)]

    assert (stated, unstated) == ([200, 413], [200, 413])


def _put_chunked(service: Service, body: bytes) -> int:
    """Send a body without a length, as a server passes on a chunked one."""
    environ = EnvironBuilder(PATH, method="PUT", input_stream=BytesIO(body)).get_environ()
    environ["HTTP_AUTHORIZATION"] = f"Bearer {service.keys.secret.text}"
    environ |= {"CONTENT_TYPE": "application/json", "wsgi.input_terminated": True}
    del environ["CONTENT_LENGTH"]
    _, status, _ = run_wsgi_app(service.client.application, environ)
    return int(status.split()[0])


def test_a_record_of_another_type_denies_and_is_not_shown(service: Service) -> None:
    """If the customer's key holds another type, lists are anonymous and the consent routes answer
    503.
    """
    key = redis_keys.customer(service.shop, service.stores.hasher(service.shop).key_of(ANNA))
    service.stores.connections.writes.set(key, "granted")

    listed = service.get("/v1/customers/anna/recommendations")
    shown = service.get(PATH)
    written = service.put(PATH, {"purposes": {"email": True}})

    assert listed.json is not None
    assert (listed.status_code, listed.json["personalized"]) == (200, False)
    assert (shown.status_code, written.status_code) == (503, 503)


def test_an_unreadable_purpose_denies_and_is_counted(service: Service) -> None:
    """An unreadable purpose is denied and counted; the other purposes keep their state."""
    service.consent(ANNA)
    key = redis_keys.customer(service.shop, service.stores.hasher(service.shop).key_of(ANNA))
    service.stores.connections.writes.hset(key, "purpose:personalization", "perhaps")
    before = _unreadable()

    listed = service.get("/v1/customers/anna/recommendations")
    shown = service.get(PATH)

    assert listed.json is not None
    assert shown.json is not None
    assert (listed.json["personalized"], listed.json["fallback"]) == (False, "no_consent")
    assert shown.json["purposes"]["email"]["state"] == "granted"
    assert shown.json["purposes"]["personalization"]["state"] == "unknown"
    assert _unreadable() == before + 2


def test_answers_about_consent_are_not_cached(service: Service) -> None:
    """Answers and refusals about consent carry `private, no-store`."""
    replies = [
        service.get(PATH),
        service.put(PATH, {"purposes": EVERYTHING}),
        service.put(PATH, {}),
        service.get(PATH, key=None),
    ]

    assert [reply.headers["Cache-Control"] for reply in replies] == ["private, no-store"] * 4


def _unreadable() -> float:
    return REGISTRY.get_sample_value("recsvc_unreadable_consents_total") or 0.0
