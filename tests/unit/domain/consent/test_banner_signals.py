"""Signals of consent banners map to purposes."""

import runpy
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.consent import banner_signals, consent
from recsvc.domain.consent.banner_signals import (
    CONTEXT_FIELD,
    DEFAULT_TABLES,
    Signal,
    deny_wins,
    parse_tables,
    read_signals,
)
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest

GRANT = {Signal.SEGMENT: True, Signal.GOOGLE: "granted", Signal.TCF: True}
DENIAL = {Signal.SEGMENT: False, Signal.GOOGLE: "denied", Signal.TCF: False}
NAMED = {Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.ANALYTICS}


def report(signal: Signal, answers: dict[str, object]) -> dict[str, Any]:
    return {
        Signal.SEGMENT: {"categoryPreferences": answers},
        Signal.GOOGLE: answers,
        Signal.TCF: {"purposes": answers},
    }[signal]


def keys_of(signal: Signal) -> list[str]:
    table = DEFAULT_TABLES[signal]
    return sorted({key.removesuffix("?") for keys in table.values() for key in keys})


def read(signal: Signal, answers: dict[str, object]) -> dict[Purpose, bool]:
    return read_signals({signal: report(signal, answers)}, DEFAULT_TABLES)


ANSWERS = st.dictionaries(
    st.sampled_from([*"123456789", "ad_user_data", "Analytics"]), st.booleans()
)


@pytest.mark.parametrize("signal", Signal)
def test_granting_every_key_grants_the_purposes_of_the_table(signal: Signal) -> None:
    """A full grant grants the purposes of the table, and neither `email` nor `training`."""
    assert read(signal, dict.fromkeys(keys_of(signal), GRANT[signal])) == dict.fromkeys(NAMED, True)


@pytest.mark.parametrize("signal", Signal)
def test_a_missing_key_denies(signal: Signal) -> None:
    """An empty report denies every purpose of its table."""
    assert read(signal, {}) == dict.fromkeys(NAMED, False)


@pytest.mark.parametrize("signal", Signal)
def test_one_denied_key_denies_the_purposes_that_require_it(signal: Signal) -> None:
    """Each key alone denies its purposes, also an optional key."""
    for key in keys_of(signal):
        given = {**dict.fromkeys(keys_of(signal), GRANT[signal]), key: DENIAL[signal]}
        requiring = {
            purpose
            for purpose, required in DEFAULT_TABLES[signal].items()
            if key in {each.removesuffix("?") for each in required}
        }

        denied = {purpose for purpose, granted in read(signal, given).items() if not granted}

        assert denied == requiring != set()


def test_the_tcdata_object_is_read_unchanged() -> None:
    """`tcData` nests consents under `purpose`; legitimate interest is no consent."""
    data = {
        "tcString": "CP…",
        "eventStatus": "useractioncomplete",
        "gdprApplies": True,
        "purpose": {
            "consents": {"3": False, "5": True, "6": True},
            "legitimateInterests": {"3": True, "4": True, "8": True, "9": True},
        },
    }

    assert read_signals({Signal.TCF: data}, DEFAULT_TABLES) == {
        Purpose.PERSONALIZATION: True,
        Purpose.OFFERS: False,
        Purpose.ANALYTICS: False,
    }


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("value", ["true", "yes", 1, 0, 1.0, None, [True], {}, "Granted"], ids=repr)
def test_an_invalid_value_is_refused_by_its_field(signal: Signal, value: object) -> None:
    """A value that is no literal grant or denial is refused, also under an unknown key."""
    with pytest.raises(BadRequest) as refused:
        read(signal, {"some_key": value})

    (fault,) = refused.value.errors
    assert fault.field.startswith(f"{signal}.")
    assert fault.field.endswith(".some_key")


@pytest.mark.parametrize(
    ("signal", "sent", "field"),
    [
        (Signal.SEGMENT, None, "segment"),
        (Signal.SEGMENT, {"Advertising": True}, "segment.categoryPreferences"),
        (CONTEXT_FIELD, [], "context"),
        (CONTEXT_FIELD, {"categoryPreferences": {"Functional": True}}, "context.consent"),
        (CONTEXT_FIELD, {"consent": {"Functional": True}}, "context.consent.categoryPreferences"),
        (Signal.GOOGLE, [], "google"),
        (Signal.GOOGLE, {"ad_storage": True}, "google.ad_storage"),
        (Signal.TCF, "CPUW9Z2PUW9Z2AGABCENCCCsAP_AAAPAAAYg", "tcf"),
        (Signal.TCF, {"tcString": "CPUW9Z2PUW9Z2AGABCENCCCsAP"}, "tcf.purposes"),
        (Signal.TCF, {"purposes": [5]}, "tcf.purposes"),
        (Signal.TCF, {"purpose": {}, "purposes": {}}, "tcf.purposes"),
        (Signal.TCF, {"purpose": {"consents": "111"}}, "tcf.purpose.consents"),
        (Signal.TCF, {"purposes": {}, "eventStatus": "cmpuishown"}, "tcf.eventStatus"),
    ],
)
def test_an_invalid_shape_is_refused_by_its_field(signal: str, sent: object, field: str) -> None:
    """A report of another shape is refused with the field at fault."""
    with pytest.raises(BadRequest) as refused:
        read_signals({signal: sent}, DEFAULT_TABLES)

    assert [fault.field for fault in refused.value.errors] == [field]


def test_a_tcf_string_is_refused_with_the_supported_object() -> None:
    """The error names the object that the browser's API returns."""
    with pytest.raises(BadRequest, match=r"__tcfapi.*TCF strings are not supported"):
        read_signals({Signal.TCF: "CPUW9Z2PUW9Z2AGABCENCCCsAP"}, DEFAULT_TABLES)


@given(ANSWERS, ANSWERS)
def test_deny_wins_between_signals(first: dict[str, bool], second: dict[str, bool]) -> None:
    """Two signals together grant the purposes that each of them grants."""
    sent: dict[str, Any] = {
        Signal.SEGMENT: {"categoryPreferences": first},
        Signal.TCF: {"purposes": second},
    }
    alone = [read_signals({signal: each}, DEFAULT_TABLES) for signal, each in sent.items()]

    together = read_signals(sent, DEFAULT_TABLES)

    assert together == {purpose: all(each[purpose] for each in alone) for purpose in NAMED}
    assert Purpose.TRAINING not in together


@given(ANSWERS, ANSWERS)
def test_segments_context_is_read_as_its_consent(
    first: dict[str, bool], second: dict[str, bool]
) -> None:
    """Segment's `context` gives the purposes of its consent; deny wins if a body has both."""
    inner, outer = {"categoryPreferences": first}, {"categoryPreferences": second}
    context = {"consent": outer, "ip": "203.0.113.7", "traits": {"Analytics": True}}

    alone = read_signals({CONTEXT_FIELD: context}, DEFAULT_TABLES)
    both = read_signals({CONTEXT_FIELD: context, Signal.SEGMENT: inner}, DEFAULT_TABLES)

    assert alone == read_signals({Signal.SEGMENT: outer}, DEFAULT_TABLES)
    assert both == deny_wins(alone, read_signals({Signal.SEGMENT: inner}, DEFAULT_TABLES))


def test_a_purpose_that_one_statement_names_is_kept() -> None:
    """Combining two statements keeps the purposes that one of them names."""
    assert deny_wins({Purpose.EMAIL: True}, {Purpose.OFFERS: False}) == {
        Purpose.OFFERS: False,
        Purpose.EMAIL: True,
    }


def test_a_file_changes_the_signals_that_it_names() -> None:
    """Signals that the file does not name keep their default table."""
    tables = parse_tables({"segment": {"email": ["News"]}})

    assert tables == {**DEFAULT_TABLES, Signal.SEGMENT: {Purpose.EMAIL: ("News",)}}
    assert read_signals({Signal.SEGMENT: {"categoryPreferences": {"News": True}}}, tables) == {
        Purpose.EMAIL: True
    }


@pytest.mark.parametrize(
    ("parsed", "field"),
    [
        ({"segment": {"training": ["Analytics"]}}, "segment.training"),
        ({"segment": {"sms": ["Analytics"]}}, "segment.sms"),
        ({"segment": {"": ["Analytics"]}}, 'segment.""'),
        ({"onetrust": {}}, "onetrust"),
        ({"": {}}, '""'),
        ({"google": []}, "google"),
        ({"google": {"offers": []}}, "google.offers"),
        ({"google": {"offers": "ad_storage"}}, "google.offers"),
        ({"google": {"offers": [1]}}, "google.offers"),
        ({"google": {"offers": ["ad_storage?"]}}, "google.offers"),
        ({"google": {"offers": ["?"]}}, "google.offers"),
    ],
)
def test_an_invalid_table_is_refused_by_its_field(parsed: dict[str, Any], field: str) -> None:
    """A table must not infer `training`, and each purpose requires at least one key."""
    with pytest.raises(BadRequest) as refused:
        parse_tables(parsed)

    assert [fault.field for fault in refused.value.errors] == [field]


# Stated independently of the code under test. A new purpose needs an entry.
INFERABLE = {
    Purpose.PERSONALIZATION: True,
    Purpose.OFFERS: True,
    Purpose.EMAIL: True,
    Purpose.ANALYTICS: True,
    Purpose.TRAINING: False,
}


@pytest.mark.parametrize("purpose", Purpose)
def test_a_table_infers_only_the_purposes_that_are_named(purpose: Purpose) -> None:
    """The table above lists each purpose, and the rule for files agrees with it."""
    assert accepts(parse_tables, purpose) is INFERABLE[purpose]


def test_a_purpose_that_is_added_later_is_not_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table infers a purpose before `banner_signals.py` names it."""
    members = {each.name: each.value for each in Purpose}
    monkeypatch.setattr(consent, "Purpose", StrEnum("Purpose", members | {"SMS": "sms"}))
    parse = runpy.run_path(str(banner_signals.__file__))["parse_tables"]

    assert accepts(parse, "email")
    assert not accepts(parse, "sms")


def accepts(parse: Callable[[Mapping[str, Any]], object], purpose: str) -> bool:
    try:
        parse({"segment": {purpose: ["Functional"]}})
    except BadRequest:
        return False
    return True
