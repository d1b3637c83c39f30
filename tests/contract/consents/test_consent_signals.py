"""Signals of consent banners on the consent route, and the file with their tables."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recsvc.cli.main import app
from recsvc.domain.consent.signal_tables import parse_tables
from tests.contract.grocery import ANNA, Service
from tests.e2e.processes import recsvc

PATH = f"/v1/customers/{ANNA}/consents"


def states(service: Service) -> dict[str, str]:
    shown = service.get(PATH).json
    assert shown is not None
    return {purpose: view["state"] for purpose, view in shown["purposes"].items()}


@pytest.mark.parametrize(
    "body",
    [
        {
            "segment": {
                "categoryPreferences": {
                    "Functional": True,
                    "Advertising": False,
                    "Analytics": False,
                }
            }
        },
        {
            "context": {
                "consent": {
                    "categoryPreferences": {
                        "Functional": True,
                        "Advertising": False,
                        "Analytics": False,
                    },
                    "provider": "x",
                },
                "ip": "203.0.113.7",
                "page": {"url": "https://shop.example/"},
            }
        },
        {
            "google": {
                "personalization_storage": "granted",
                "ad_user_data": "denied",
                "analytics_storage": "denied",
            }
        },
        {"tcf": {"purposes": {"5": True, "3": False, "8": False}}},
        {
            "tcf": {
                "purpose": {"consents": {"5": True, "6": True, "4": False, "9": False}},
                "eventStatus": "tcloaded",
            }
        },
    ],
    ids=str,
)
def test_a_signal_changes_the_purposes_that_its_table_names(
    service: Service, body: dict[str, Any]
) -> None:
    """A denied word denies; `email` and `training` do not change."""
    service.consent(ANNA, {"email": True, "training": True, "analytics": True})

    reply = service.put(PATH, body)

    assert reply.status_code == 200
    assert states(service) == {
        "personalization": "granted",
        "offers": "denied",
        "email": "granted",
        "analytics": "withdrawn",
        "training": "granted",
    }


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"google": {"ad_storage": "granted", "analytics_storage": "denied"}}, ["analytics"]),
        ({"segment": {"categoryPreferences": {"Advertising": False}}}, ["offers"]),
        ({"tcf": {"purposes": {"3": True}}}, []),
        ({"tcf": {"gdprApplies": False}}, []),
        ({"us_privacy": "1---"}, []),
        ({"us_privacy": "1YYN"}, ["personalization", "offers"]),
    ],
    ids=str,
)
def test_a_report_changes_only_what_it_states(
    service: Service, body: dict[str, Any], changed: list[str]
) -> None:
    """Every other grant stays, and the answer has a note where nothing changed."""
    service.consent(ANNA)
    reply = service.put(PATH, body)

    assert reply.status_code == 200
    assert reply.json is not None
    assert [name for name, state in states(service).items() if state == "withdrawn"] == changed
    assert bool(reply.json.get("notes")) is (not changed)


@pytest.mark.parametrize(
    "body",
    [
        {"segment": {"categoryPreferences": dict.fromkeys(["C0001", "C0002", "C0003"], True)}},
        {"google": {}},
        {"tcf": {"purposes": {"1": True}}},
        {"gpp": {"parsedSections": {"tcfeuv2": {}}}},
    ],
    ids=str,
)
def test_a_report_without_a_known_word_changes_nothing(
    service: Service, body: dict[str, Any]
) -> None:
    """The answer is 400, where it withdrew everything before."""
    service.consent(ANNA)
    reply = service.put(PATH, body)

    assert (reply.status_code, reply.json["code"]) == (400, "bad_consent")
    assert set(states(service).values()) == {"granted"}


def test_an_imported_report_that_states_nothing_has_its_own_result(service: Service) -> None:
    """The line is a 200 with the code `nothing_stated`."""
    line = {"customer_id": ANNA, "at": "2026-01-02T03:04:05Z", "us_privacy": "1---"}

    reply = service.send("POST", "/v1/consents", [line])

    assert reply.json == {"results": [{"status": 200, "code": "nothing_stated"}]}


def test_deny_wins_between_signal_and_purposes(service: Service) -> None:
    """If a signal and `purposes` disagree in one body, the denial wins."""
    body = {
        "purposes": {"personalization": True, "offers": False, "training": True},
        "google": {"ad_user_data": "granted", "ad_personalization": "granted"},
    }

    assert service.put(PATH, body).status_code == 200
    assert states(service) == {
        "personalization": "granted",
        "offers": "denied",
        "email": "unknown",
        "analytics": "unknown",
        "training": "granted",
    }


def test_the_source_is_the_signal_unless_it_is_named(service: Service) -> None:
    """The stored source is the name of the signal unless the body names a source."""
    body = {"tcf": {"purposes": {"3": False}}, "google": {"personalization_storage": "granted"}}
    categories = {"categoryPreferences": {"Advertising": False}}
    segments = service.put(PATH, {"context": {"consent": categories}, "segment": categories}).json
    unnamed = service.put(PATH, body).json
    named = service.put(PATH, {**body, "source": "banner-7"}).json

    assert unnamed is not None
    assert named is not None
    assert segments is not None
    assert [each["purposes"]["offers"]["source"] for each in (segments, unnamed, named)] == [
        "segment",
        "google+tcf",
        "banner-7",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tcf": "CPUW9Z2PUW9Z2AGABCENCCCsAP_AAAPAAAYg"}, "tcf"),
        ({"tcf": None}, "tcf"),
        ({"google": {"ad_storage": True}}, "google.ad_storage"),
        (
            {"segment": {"categoryPreferences": {"Analytics": "true"}}},
            "segment.categoryPreferences.Analytics",
        ),
        ({"context": None}, "context"),
        ({"context": {"ip": "203.0.113.7"}}, "context.consent"),
        ({"context": {"consent": {}}}, "context.consent.categoryPreferences"),
        (
            {"context": {"consent": {"categoryPreferences": {"Analytics": 1}}}},
            "context.consent.categoryPreferences.Analytics",
        ),
        ({"purposes": {}, "tcf": {"purposes": {"5": True}}}, "purposes"),
        ({"purposes": {"email": 1}, "tcf": {"purposes": {"5": True}}}, "purposes.email"),
    ],
    ids=str,
)
def test_an_invalid_signal_is_refused_and_changes_nothing(
    service: Service, body: dict[str, Any], field: str
) -> None:
    """An invalid signal is refused with 400 and its field, also beside a valid one."""
    service.consent(ANNA, {"email": True})
    before = service.get(PATH).json

    reply = service.put(PATH, {"google": {"analytics_storage": "granted"}, **body})

    assert reply.status_code == 400
    assert reply.json is not None
    assert (reply.json["code"], [each["field"] for each in reply.json["errors"]]) == (
        "bad_consent",
        [field],
    )
    assert service.get(PATH).json == before


OWN_WORDS = {"segment": {"email": ["News"]}}

IMPORTED = {
    "segment": {"categoryPreferences": {"News": True}},
    "customer_id": ANNA,
    "at": "2026-01-02T03:04:05Z",
}
AS_CONTEXT = {
    "context": {"consent": IMPORTED["segment"], "ip": "203.0.113.7"},
    **{name: IMPORTED[name] for name in ("customer_id", "at")},
}
IMPORTED_STATES = {
    "personalization": "unknown",
    "offers": "unknown",
    "email": "granted",
    "analytics": "unknown",
    "training": "unknown",
}


@pytest.mark.parametrize("line", [IMPORTED, AS_CONTEXT], ids=["segment", "context"])
def test_imported_lines_are_read_with_the_tables_of_the_file(
    service: Service, line: dict[str, Any]
) -> None:
    """`POST /v1/consents` reads signals with the tables of the file, not the default ones."""
    service.services = replace(service.services, signals=parse_tables(OWN_WORDS))

    reply = service.send("POST", "/v1/consents", [line])

    assert reply.json == {"results": [{"status": 201}]}
    assert states(service) == IMPORTED_STATES


@pytest.mark.parametrize("line", [IMPORTED, AS_CONTEXT], ids=["segment", "context"])
def test_a_file_is_read_with_the_tables_of_the_file(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: dict[str, Any]
) -> None:
    """`recsvc consents import` reads signals with the same tables as the route."""
    tables, lines = tmp_path / "signals.toml", tmp_path / "consents.ndjson"
    tables.write_text('[segment]\nemail = ["News"]\n')
    lines.write_text(json.dumps(line))
    monkeypatch.setenv("RECSVC_CONSENT_SIGNALS", str(tables))
    place = ["--shop", service.shop, "--data-dir", str(service.stores.settings.data_dir)]

    run = CliRunner().invoke(app, ["consents", "import", str(lines), *place])

    assert run.exit_code == 0, run.output
    assert states(service) == IMPORTED_STATES


@pytest.mark.parametrize(
    ("written", "detail"),
    [
        ('[segment]\ntraining = ["Analytics"]\n', "segment.training"),
        ("[segment", "is not valid TOML"),
        (None, "cannot be read"),
    ],
)
def test_an_invalid_file_is_refused_at_start_and_by_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, detail: str
) -> None:
    """`serve` and `check` exit with 2 and report the fault of the file."""
    file = tmp_path / "signals.toml"
    if written is not None:
        file.write_text(written)

    start = recsvc("serve", data_dir=tmp_path, expect=2, RECSVC_CONSENT_SIGNALS=str(file))
    monkeypatch.setenv("RECSVC_CONSENT_SIGNALS", str(file))
    check = CliRunner().invoke(app, ["check", "--json", "--data-dir", str(tmp_path)])

    assert check.exit_code == 2
    found = {each["what"]: each for each in json.loads(check.stdout)["findings"]}
    assert detail in start.stderr
    assert detail in found["consent signals"]["detail"]
    assert found["consent signals"]["verdict"] == "bad"
