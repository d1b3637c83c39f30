"""Signals of consent banners map to purposes."""

import runpy
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.consent import consent, signal_tables
from recsvc.domain.consent.banner_signals import CONTEXT_FIELD, deny_wins, read_signals
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.signal_tables import (
    DEFAULT_TABLES,
    READY_TABLES,
    Signal,
    SignalTables,
    parse_tables,
    words_of,
)
from recsvc.domain.errors import BadRequest

GRANT = {Signal.SEGMENT: True, Signal.GOOGLE: "granted", Signal.TCF: True}
DENIAL = {Signal.SEGMENT: False, Signal.GOOGLE: "denied", Signal.TCF: False}
BANNERS = tuple(GRANT)
NAMED = {Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.ANALYTICS}
DENIED = {Purpose.PERSONALIZATION: False, Purpose.OFFERS: False}


def report(signal: Signal, answers: dict[str, object]) -> dict[str, Any]:
    return {
        Signal.SEGMENT: {"categoryPreferences": answers},
        Signal.GOOGLE: answers,
        Signal.TCF: {"purposes": answers},
    }[signal]


def stated(sent: dict[str, Any], tables: SignalTables = DEFAULT_TABLES) -> dict[Purpose, bool]:
    return read_signals(sent, tables).purposes


def read(signal: Signal, answers: dict[str, object]) -> dict[Purpose, bool]:
    return stated({signal: report(signal, answers)})


# Answers with a known word of both signals of the tests below.
ANSWERS = st.dictionaries(
    st.sampled_from([*"123456789", "ad_user_data", "Analytics"]), st.booleans()
).map(lambda answers: {"5": True, "Functional": False, **answers})


@pytest.mark.parametrize("signal", BANNERS)
def test_granting_every_key_grants_the_purposes_of_the_table(signal: Signal) -> None:
    """A full grant grants the purposes of the table, and neither `email` nor `training`."""
    words = words_of(DEFAULT_TABLES[signal])

    assert read(signal, dict.fromkeys(words, GRANT[signal])) == dict.fromkeys(NAMED, True)


@pytest.mark.parametrize("signal", BANNERS)
def test_a_purpose_whose_words_are_missing_stays_as_it_is(signal: Signal) -> None:
    """One granted word states nothing on other purposes, and grants only what needs no other."""
    for word in words_of(DEFAULT_TABLES[signal]):
        alone = {
            purpose: True
            for purpose, keys in DEFAULT_TABLES[signal].items()
            if [key for key in keys if not key.endswith("?")] == [word]
        }

        assert read(signal, {word: GRANT[signal]}) == alone


@pytest.mark.parametrize("signal", BANNERS)
def test_one_denied_word_denies_its_purposes(signal: Signal) -> None:
    """Each denied word alone denies its purposes, also an optional one, and no others."""
    for word in words_of(DEFAULT_TABLES[signal]):
        requiring = {
            purpose
            for purpose, keys in DEFAULT_TABLES[signal].items()
            if word in {key.removesuffix("?") for key in keys}
        }

        assert read(signal, {word: DENIAL[signal]}) == dict.fromkeys(requiring, False)


@pytest.mark.parametrize("signal", BANNERS)
@pytest.mark.parametrize("known", [False, True])
def test_a_report_without_a_known_word_is_refused(signal: Signal, known: bool) -> None:
    """The refusal names the words of the table and the setting, also for an empty report."""
    answers: dict[str, object] = {"C0001": GRANT[signal]} if known else {}
    with pytest.raises(BadRequest, match="RECSVC_CONSENT_SIGNALS") as refused:
        read(signal, answers)

    (fault,) = refused.value.errors
    assert fault.field.startswith(signal)
    assert all(word in fault.detail for word in words_of(DEFAULT_TABLES[signal]))


def test_consent_mode_of_version_1_states_what_it_knows() -> None:
    """`ad_storage` is no word of the table, so a purpose for offers stays as it is."""
    assert read(Signal.GOOGLE, {"ad_storage": "granted", "analytics_storage": "granted"}) == {
        Purpose.ANALYTICS: True
    }


def test_arguments_of_gtag_that_are_no_consent_are_ignored() -> None:
    """`wait_for_update` and `region` are neither answers nor faults."""
    sent = {"analytics_storage": "denied", "wait_for_update": 500, "region": ["ES", "US-AK"]}

    assert read(Signal.GOOGLE, sent) == {Purpose.ANALYTICS: False}


def test_a_note_names_the_word_that_is_missing() -> None:
    """A purpose some of whose words are granted is not granted, and the note says why."""
    sent = {"google": {"ad_user_data": "granted", "analytics_storage": "granted"}}
    found = read_signals(sent, DEFAULT_TABLES)

    assert found.purposes == {Purpose.ANALYTICS: True}
    assert found.notes == ["google: offers did not change, because ad_personalization is missing"]


@pytest.mark.parametrize(
    ("sent", "note"),
    [
        ({"tcf": {"gdprApplies": False, "eventStatus": "tcloaded"}}, "gdprApplies is false"),
        ({"us_privacy": "1---"}, "its law does not apply"),
        ({"usp": {"version": 1, "uspString": "1---"}}, "its law does not apply"),
        ({"us_privacy": "1YNN"}, "no grant"),
        ({"us_privacy": "1NNY"}, "no grant"),
        ({"gpp": {"applicableSections": [-1], "parsedSections": {}}}, "its law does not apply"),
        ({"gpp": {"parsedSections": {"usca": {"SaleOptOut": 2, "SharingOptOut": 0}}}}, "no grant"),
    ],
    ids=str,
)
def test_a_report_that_states_nothing_says_why(sent: dict[str, Any], note: str) -> None:
    """The report changes no purpose, and a note gives the reason."""
    found = read_signals(sent, DEFAULT_TABLES)

    assert found.purposes == {}
    assert [note in each for each in found.notes] == [True]


@pytest.mark.parametrize(
    "sent",
    [
        {"us_privacy": "1YYN"},
        {"usp": "1nyn"},
        {"us_privacy": {"version": 1, "uspString": "1NYY"}},
        {"gpp": {"parsedSections": {"usnat": {"SaleOptOut": 1}}}},
        {"gpp": {"parsedSections": {"usca": [{"SharingOptOut": 1}, {"Gpc": False}]}}},
        {"gpp": {"parsedSections": {"usva": {"TargetedAdvertisingOptOut": 1}}}},
        {"gpp": {"parsedSections": {"usnat": [{"SaleOptOut": 2}, {"Gpc": True}]}}},
        {"gpp": {"parsedSections": {"uspv1": {"OptOutSale": "Y"}}}},
    ],
    ids=str,
)
def test_an_opt_out_denies(sent: dict[str, Any]) -> None:
    """An opt-out of sale, sharing or targeted advertising denies personalization and offers."""
    assert stated(sent) == DENIED


def test_a_table_narrows_an_opt_out() -> None:
    """A table with fewer purposes or fewer opt-outs denies less."""
    tables = parse_tables({"gpp": {"offers": ["targeted_advertising"]}})
    sale, targeted = (
        {"gpp": {"parsedSections": {"usnat": {name: 1}}}}
        for name in ("SaleOptOut", "TargetedAdvertisingOptOut")
    )

    assert stated(targeted, tables) == {Purpose.OFFERS: False}
    assert stated(sale, tables) == {}


READY = {
    "onetrust": ("C0002", "C0003", "C0004"),
    "cookiebot": ("statistics", "preferences", "marketing"),
    "usercentrics": ("functional", "marketing"),
    "transcend": ("Analytics", "Functional", "Advertising"),
}


@pytest.mark.parametrize("name", READY_TABLES)
def test_a_ready_table_knows_the_categories_of_a_consent_tool(name: str) -> None:
    """A file names the table; all categories together grant, and all denied deny."""
    tables = parse_tables({"segment": name})
    answers = [{"categoryPreferences": dict.fromkeys(READY[name], each)} for each in (True, False)]

    assert stated({"segment": answers[0]}, tables) == dict.fromkeys(NAMED, True)
    assert stated({"segment": answers[1]}, tables) == dict.fromkeys(NAMED, False)


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

    assert stated({Signal.TCF: data}) == {Purpose.PERSONALIZATION: True, Purpose.OFFERS: False}


@pytest.mark.parametrize("signal", BANNERS)
@pytest.mark.parametrize("value", ["true", "yes", 1, 0, 1.0, None, [True], {}, "Granted"], ids=repr)
def test_an_invalid_value_is_refused_by_its_field(signal: Signal, value: object) -> None:
    """A value that is no literal grant or denial is refused, also under an unknown key."""
    with pytest.raises(BadRequest) as refused:
        read(signal, {words_of(DEFAULT_TABLES[signal])[0]: GRANT[signal], "some_key": value})

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
        (Signal.TCF, {"purposes": {"5": True}, "gdprApplies": "no"}, "tcf.gdprApplies"),
        (Signal.US_PRIVACY, "1YN", "us_privacy"),
        (Signal.US_PRIVACY, "2YNN", "us_privacy"),
        (Signal.US_PRIVACY, None, "us_privacy"),
        (Signal.GPP, "DBABLA~BVQqAAAAAgA.QA", "gpp"),
        (Signal.GPP, {}, "gpp.parsedSections"),
        (Signal.GPP, {"parsedSections": {"tcfeuv2": {}}}, "gpp.parsedSections"),
        (
            Signal.GPP,
            {"parsedSections": {"usnat": {"SaleOptOut": True}}},
            "gpp.parsedSections.SaleOptOut",
        ),
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
    alone = [stated({signal: each}) for signal, each in sent.items()]

    together = stated(sent)

    assert together == deny_wins(*alone)
    assert Purpose.TRAINING not in together


@given(ANSWERS, ANSWERS)
def test_segments_context_is_read_as_its_consent(
    first: dict[str, bool], second: dict[str, bool]
) -> None:
    """Segment's `context` gives the purposes of its consent; deny wins if a body has both."""
    inner, outer = {"categoryPreferences": first}, {"categoryPreferences": second}
    context = {"consent": outer, "ip": "203.0.113.7", "traits": {"Analytics": True}}

    alone = stated({CONTEXT_FIELD: context})
    both = stated({CONTEXT_FIELD: context, Signal.SEGMENT: inner})

    assert alone == stated({Signal.SEGMENT: outer})
    assert both == deny_wins(alone, stated({Signal.SEGMENT: inner}))


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
    assert stated({"segment": {"categoryPreferences": {"News": True}}}, tables) == {
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
        ({"segment": "one trust"}, "segment"),
        ({"google": "onetrust"}, "google"),
        ({"us_privacy": {"offers": ["selling"]}}, "us_privacy.offers"),
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
    """No table infers a purpose before `signal_tables.py` names it."""
    members = {each.name: each.value for each in Purpose}
    monkeypatch.setattr(consent, "Purpose", StrEnum("Purpose", members | {"SMS": "sms"}))
    parse = runpy.run_path(str(signal_tables.__file__))["parse_tables"]

    assert accepts(parse, "email")
    assert not accepts(parse, "sms")


def accepts(parse: Callable[[Mapping[str, Any]], object], purpose: str) -> bool:
    try:
        parse({"segment": {purpose: ["Functional"]}})
    except BadRequest:
        return False
    return True
