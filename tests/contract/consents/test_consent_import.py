"""Import of consents over HTTP; consent policies and the history."""

from typing import Any

import pytest

from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.consent import DAY_US, Purpose
from recsvc.domain.values.timestamps import rfc3339
from tests.consents import now_us
from tests.contract.consents.import_lines import line
from tests.contract.grocery import ANNA, BERT, EVERYTHING, Service

LINES = "/v1/consents"
PATH = "/v1/customers/anna/consents"
HISTORY = f"{PATH}/history"
LIST = "/v1/customers/anna/recommendations"


def results(service: Service, *lines: object) -> list[tuple[int, str | None]]:
    reply = service.send("POST", LINES, list(lines))
    assert reply.status_code == 200, reply.data
    return [(each["status"], each.get("code")) for each in reply.json["results"]]


def email(service: Service) -> dict[str, Any]:
    shown: dict[str, Any] = service.get(PATH).json["purposes"]["email"]
    return shown


def test_each_line_has_its_result(service: Service) -> None:
    """Results come in the order of the lines, and a faulty line does not affect the others."""
    yes = line(True, policy_version="v1", source="crm")
    outcome = service.send(
        "POST", LINES, [yes, yes, line(False, 2), line(True, -1), {**yes, "at": "yesterday"}]
    )

    assert outcome.json == {
        "results": [
            {"status": 201},
            {"status": 200, "duplicate": True},
            {"status": 200, "duplicate": True},
            {
                "status": 422,
                "code": "in_future",
                "errors": [outcome.json["results"][3]["errors"][0]],
            },
            {
                "status": 422,
                "code": "bad_time",
                "errors": [outcome.json["results"][4]["errors"][0]],
            },
        ]
    }
    assert (email(service)["state"], email(service)["policy_version"]) == ("granted", "v1")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"purposes": {"email": "true"}}, "bad_consent"),
        ({"purposes": {"email": 1}}, "bad_consent"),
        ({"purposes": {"email": None}}, "bad_consent"),
        ({"purposes": {"email": [True]}}, "bad_consent"),
        ({"purposes": {}}, "bad_consent"),
        ({"purposes": {"telepathy": True}}, "bad_consent"),
        ({"customer_id": "a/.."}, "bad_id"),
        ({"customer_id": 1}, "bad_body"),
        ({"at": "1969-12-31T23:59:59Z"}, "bad_time"),
        ({"at": "2024-05-06T07:08:09"}, "bad_time"),
        ({"at": 1}, "bad_body"),
        ({"source": "a\nb"}, "bad_label"),
        ({"granted": True}, "bad_body"),
    ],
)
def test_an_invalid_line_is_refused(service: Service, spoil: dict[str, object], code: str) -> None:
    """An invalid line is refused and changes nothing."""
    assert results(service, {**line(True), **spoil}) == [(422, code)]
    assert email(service)["state"] == "unknown"


def test_a_duplicate_key_is_refused_with_its_line(service: Service) -> None:
    """A line with a duplicate key is refused, since two parsers could read it differently."""
    at = rfc3339(now_us() - DAY_US)
    body = f'{{"customer_id": "anna", "at": "{at}", "purposes": {{"email": false, "email": true}}}}'
    headers = {
        "Authorization": f"Bearer {service.keys.secret.text}",
        "Content-Type": "application/x-ndjson",
    }
    reply = service.client.post(LINES, data=body, headers=headers)

    assert [each["code"] for each in reply.json["results"]] == ["bad_json"]
    assert email(service)["state"] == "unknown"


def test_an_import_replaces_no_live_statement(service: Service) -> None:
    """An import replaces neither a later live statement nor an unreadable record."""
    service.consent(ANNA, {"email": False})

    assert results(service, line(True, 0.0001)) == [(200, None)]
    assert email(service)["permitted"] is False


def test_an_objection_overrides_a_grant_that_is_imported_later(service: Service) -> None:
    """The flag `objects_to_marketing` denies offers in spite of a grant that is imported later."""
    service.send("PATCH", "/v1/customers/anna/profile", {"objects_to_marketing": True})
    results(service, line(True))

    assert (email(service)["state"], email(service)["permitted"]) == ("granted", False)


def test_an_old_grant_is_expired_from_the_start(service: Service) -> None:
    """An imported grant expires by its own time, not by the time of the import."""
    assert results(service, line(True, 394), line(True, 396, BERT)) == [(201, None)] * 2
    bert = service.get(f"/v1/customers/{BERT}/consents").json["purposes"]["email"]

    assert (email(service)["state"], bert["state"]) == ("granted", "expired")
    assert (bert["permitted"], bert["reason"]) == (False, "max_age")


def test_only_servers_with_the_scope_import(service: Service) -> None:
    """A browser key, or a key without the scope `consent`, cannot import consents."""
    refused = [
        service.send("POST", LINES, [line(True)], key).status_code
        for key in (service.secret_key(Scope.EVENTS), service.keys.browser.text)
    ]

    assert refused == [403, 403]
    assert email(service)["state"] == "unknown"


def test_a_new_policy_applies_to_the_next_request(service: Service) -> None:
    """A new minimum version applies to lists, the shown state, events and training, and so does its
    removal.
    """
    service.put(PATH, {"purposes": EVERYTHING, "policy_version": "v9"})
    policy, seen = service.stores.policy, []
    for minimum in (None, "v9", "v10", None):
        policy.change(service.shop, dict.fromkeys(Purpose, minimum))
        consented_customers = service.stores.consented_customers.permitted(
            service.shop, Purpose.TRAINING
        )
        seen.append(
            (
                service.get(LIST).json["personalized"],
                email(service)["permitted"],
                len(consented_customers.customers) == 1,
                is_logged(service, f"m-{len(seen)}"),
            )
        )

    assert seen == [(True,) * 4, (True,) * 4, (False,) * 4, (True,) * 4]


def is_logged(service: Service, message_id: str) -> bool:
    """Send an event of Anna and return True if the log has grown."""
    log = service.stores.connections.writes
    name = f"{{{service.shop}}}:events"
    before = log.xlen(name)
    event = {"message_id": message_id, "type": "view", "item_id": "item-00", "customer_id": ANNA}
    service.send("POST", "/v1/events", {"events": [event]})
    return bool(log.xlen(name) > before)


def test_an_unreadable_policy_permits_nothing(service: Service) -> None:
    """Under an unreadable policy nothing is permitted, withdrawals are accepted, and a new policy
    repairs it.
    """
    service.consent(ANNA)
    epochs = f"{{{service.shop}}}:epochs"
    service.stores.connections.writes.hset(epochs, "policy", "rubbish")

    assert service.get(LIST).json["fallback"] == "store_unavailable"
    assert not is_logged(service, "m")
    assert service.put(PATH, {"purposes": {"email": False}}).status_code == 200
    service.stores.policy.change(service.shop, {Purpose.EMAIL: "v1"})
    assert service.get(LIST).json["personalized"] is True


def test_the_history_is_the_customers_own(service: Service) -> None:
    """A history is paged, newest last; a browser sees its customer's rows without the actor."""
    for granted in (True, False, True):
        service.consent(ANNA, {"email": granted})
        service.consent(BERT, {"email": granted})
    first = service.get(f"{HISTORY}?limit=2").json
    second = service.get(f"{HISTORY}?limit=2&cursor={first['next_cursor']}").json
    own = service.as_browser(HISTORY, ANNA).json

    assert [row["n"] for row in first["rows"] + second["rows"]] == [1, 3, 5]
    assert [row["word"] for row in own["rows"]] == ["granted", "denied", "granted"]
    assert (first["next_cursor"], second["next_cursor"]) == (2, None)
    assert {row["actor"] for row in own["rows"]} == {None}
    assert {row["actor"] for row in first["rows"]} == {service.keys.secret.key.key_id}
    assert service.as_browser(HISTORY, BERT).status_code == 403
    assert service.get("/v1/customers/nobody/consents/history").json == {
        "rows": [],
        "next_cursor": None,
    }
