"""Import of consents over HTTP and by command, consent policies, the history and its audit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.config import Settings
from recsvc.domain.api_keys import Scope
from recsvc.domain.consent.consent import DAY_US, Purpose
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.consents import now_us
from tests.contract.grocery import ANNA, BERT, EVERYTHING, Service

LINES = "/v1/consents"
PATH = "/v1/customers/anna/consents"
HISTORY = f"{PATH}/history"
LIST = "/v1/customers/anna/recommendations"


def line(
    granted: bool, days_ago: float = 1, customer: str = ANNA, **more: object
) -> dict[str, Any]:
    at = rfc3339(now_us() - int(days_ago * DAY_US))
    return {"customer_id": customer, "purposes": {"email": granted}, "at": at, **more}


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
                "errors": [{"field": "at", "detail": "is in the future"}],
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
        ({"customer_id": "a/b"}, "bad_id"),
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("audit")
    with EmbeddedValkey(made):
        yield made


def run(folder: Path, *arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(app, [*arguments, "--data-dir", str(folder)])
    assert result.exit_code == expect, result.output
    return result


def test_a_file_is_imported_by_command(folder: Path, tmp_path: Path) -> None:
    """A second import of a file changes nothing, and a file with too many invalid lines is refused
    as a whole.
    """
    file = tmp_path / "consents.ndjson"
    file.write_text("\n".join(json.dumps(line(True, customer=f"c{n}")) for n in range(120)))
    arguments = ("consents", "import", str(file), "--shop", "imported", "--json")
    first, second = (json.loads(run(folder, *arguments).stdout) for _ in range(2))
    file.write_text(f"{json.dumps(line(False))}\nrubbish\n")
    refused = run(folder, *arguments, expect=2)

    assert (first["imported"], second["imported"], second["known"]) == (120, 0, 120)
    assert "nothing was imported" in refused.output.replace("\n", " ")
    shown = run(folder, "consents", "show", "c7", "--shop", "imported", "--json").stdout
    assert json.loads(shown)["email"]["permitted"] is True


def test_the_policy_is_set_shown_and_cleared(folder: Path) -> None:
    """The policy commands work per purpose and refuse an unknown purpose or an invalid label."""
    arguments = ("consents", "policy", "set", "--purpose", "email", "--minimum", "v2")
    run(folder, *arguments)
    shown = json.loads(run(folder, "consents", "policy", "show", "--json").stdout)
    run(folder, "consents", "grant", "p1", "email", "--policy-version", "v1")
    granted = run(folder, "consents", "show", "p1", "--json").stdout
    run(folder, "consents", "policy", "clear", "--purpose", "email")
    cleared = json.loads(run(folder, "consents", "policy", "show", "--json").stdout)

    assert shown == {**dict.fromkeys(Purpose), "email": "v2"}
    assert json.loads(granted)["email"]["state"] == "expired"
    assert set(cleared.values()) == {None}
    run(folder, "consents", "policy", "set", "--purpose", "x", "--minimum", "v2", expect=2)
    run(folder, *arguments[:-1], "", expect=2)


def test_the_audit_exits_3_for_a_damaged_history(folder: Path, tmp_path: Path) -> None:
    """`audit verify` exits 0 for an intact history and 3 for a damaged one, and accepts a head as
    text or file.
    """
    shop = ("--shop", "audited")
    run(folder, "consents", "grant", "a1", "email", *shop)
    head = run(folder, "audit", "head", *shop).stdout
    file = tmp_path / "head.txt"
    file.write_text(head)
    run(folder, "consents", "withdraw", "a1", "email", *shop)
    history = json.loads(run(folder, "consents", "history", "a1", *shop, "--json").stdout)

    assert [row["word"] for row in history] == ["granted", "denied"]
    for kept in (head.strip(), str(file)):
        run(folder, "audit", "verify", "--head", kept, *shop)
    later = head.replace("1 ", "9 ", 1).strip()
    damaged = run(folder, "audit", "verify", "--head", later, *shop, "--json", expect=3)
    assert json.loads(damaged.stdout)["finding"]["row"] == 3
    assert damaged.stderr.startswith("error: row 3 is missing")
    run(folder, "audit", "verify", "--head", "neither", *shop, expect=2)


@pytest.mark.parametrize("had_rows", [True, False])
def test_the_audit_reports_a_replaced_history(folder: Path, had_rows: bool) -> None:
    """`audit verify` exits 3 if the key of the history holds another type."""
    name = f"replaced-{had_rows:d}"
    if had_rows:
        run(folder, "consents", "grant", "a1", "email", "--shop", name)
    with open_stores(Settings(data_dir=folder)) as stores:
        stores.connections.writes.set(redis_keys.history(ShopName(name)), "another kind")
    damaged = run(folder, "audit", "verify", "--shop", name, expect=3)

    assert damaged.stderr.startswith("error: row 1 is missing, as are all others")


def test_the_audit_reports_a_record_changed_without_the_service(folder: Path) -> None:
    """`audit verify` exits 3 and names the keyed hash and the purpose, until the customer makes a
    new statement.
    """
    shop = ("--shop", "compared")
    run(folder, "consents", "withdraw", "a1", "email", *shop)
    whole = json.loads(run(folder, "audit", "verify", *shop, "--json").stdout)
    with open_stores(Settings(data_dir=folder)) as stores:
        key = stores.hasher(ShopName("compared")).key_of(CustomerId("a1"))
        record = redis_keys.customer(ShopName("compared"), key)
        stores.connections.writes.hset(record, "purpose:email", "1700000000000000 granted - - -")
    damaged = run(folder, "audit", "verify", *shop, "--json", expect=3)
    run(folder, "consents", "grant", "a1", "email", *shop)
    after = run(folder, "audit", "verify", *shop)

    assert (whole["whole"], whole["customers"], whole["differences"]) == (True, 1, [])
    found = json.loads(damaged.stdout)
    (difference,) = found["differences"]
    assert (found["whole"], found["finding"]) == (False, None)
    assert (difference["customer"], difference["subject"]) == (key.hex(), "email")
    line = f"error: customer {key.hex()}: email differs from the last row of the history"
    assert damaged.stderr.replace("\n", " ").strip() == line
    assert "1 records match them" in after.output.replace("\n", " ")
