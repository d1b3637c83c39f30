"""What consent banners report, read as purposes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

YES = {Signal.SEGMENT: True, Signal.GOOGLE: "granted", Signal.TCF: True}
NO = {Signal.SEGMENT: False, Signal.GOOGLE: "denied", Signal.TCF: False}
NAMED = {Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.ANALYTICS}


def report(signal: Signal, words: dict[str, object]) -> dict[str, Any]:
    return {
        Signal.SEGMENT: {"categoryPreferences": words},
        Signal.GOOGLE: words,
        Signal.TCF: {"purposes": words},
    }[signal]


def words_of(signal: Signal) -> list[str]:
    table = DEFAULT_TABLES[signal]
    return sorted({word.removesuffix("?") for words in table.values() for word in words})


def read(signal: Signal, words: dict[str, object]) -> dict[Purpose, bool]:
    return read_signals({signal: report(signal, words)}, DEFAULT_TABLES)


answers = st.dictionaries(
    st.sampled_from([*"123456789", "ad_user_data", "Analytics"]), st.booleans()
)


@pytest.mark.parametrize("signal", Signal)
def test_every_yes_grants_what_the_table_names_and_nothing_else(signal: Signal) -> None:
    """Neither `email` nor `training` is inferred."""
    assert read(signal, dict.fromkeys(words_of(signal), YES[signal])) == dict.fromkeys(NAMED, True)


@pytest.mark.parametrize("signal", Signal)
def test_missing_means_no(signal: Signal) -> None:
    """An empty report denies all that its table names."""
    assert read(signal, {}) == dict.fromkeys(NAMED, False)


@pytest.mark.parametrize("signal", Signal)
def test_one_no_denies_what_needs_it(signal: Signal) -> None:
    """Each word by itself, the one that may be missing as well."""
    for word in words_of(signal):
        said = {**dict.fromkeys(words_of(signal), YES[signal]), word: NO[signal]}
        needing = {
            purpose
            for purpose, needed in DEFAULT_TABLES[signal].items()
            if word in {each.removesuffix("?") for each in needed}
        }

        denied = {purpose for purpose, granted in read(signal, said).items() if not granted}

        assert denied == needing != set()


def test_the_browsers_object_is_read_as_it_is() -> None:
    """`tcData` nests consents under `purpose`; legitimate interest is none."""
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
def test_anything_else_is_refused_by_its_field(signal: Signal, value: object) -> None:
    """Also where no table asks for the word."""
    with pytest.raises(BadRequest) as refused:
        read(signal, {"some_word": value})

    (fault,) = refused.value.errors
    assert fault.field.startswith(f"{signal}.")
    assert fault.field.endswith(".some_word")


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
def test_another_shape_is_refused_by_its_field(signal: str, sent: object, field: str) -> None:
    """And what is refused is not guessed at."""
    with pytest.raises(BadRequest) as refused:
        read_signals({signal: sent}, DEFAULT_TABLES)

    assert [fault.field for fault in refused.value.errors] == [field]


def test_a_tcf_string_is_refused_with_what_to_send_instead() -> None:
    """A frontend developer need not look it up."""
    with pytest.raises(BadRequest, match=r"__tcfapi.*TCF strings are not supported"):
        read_signals({Signal.TCF: "CPUW9Z2PUW9Z2AGABCENCCCsAP"}, DEFAULT_TABLES)


@given(answers, answers)
def test_deny_wins_among_signals(first: dict[str, bool], second: dict[str, bool]) -> None:
    """Together they grant only what each of them grants."""
    sent: dict[str, Any] = {
        Signal.SEGMENT: {"categoryPreferences": first},
        Signal.TCF: {"purposes": second},
    }
    alone = [read_signals({signal: each}, DEFAULT_TABLES) for signal, each in sent.items()]

    together = read_signals(sent, DEFAULT_TABLES)

    assert together == {purpose: all(each[purpose] for each in alone) for purpose in NAMED}
    assert Purpose.TRAINING not in together


@given(answers, answers)
def test_segments_context_is_read_as_its_consent(
    first: dict[str, bool], second: dict[str, bool]
) -> None:
    """The same purposes, and deny wins where a body has both."""
    inner, outer = {"categoryPreferences": first}, {"categoryPreferences": second}
    context = {"consent": outer, "ip": "203.0.113.7", "traits": {"Analytics": True}}

    alone = read_signals({CONTEXT_FIELD: context}, DEFAULT_TABLES)
    both = read_signals({CONTEXT_FIELD: context, Signal.SEGMENT: inner}, DEFAULT_TABLES)

    assert alone == read_signals({Signal.SEGMENT: outer}, DEFAULT_TABLES)
    assert both == deny_wins(alone, read_signals({Signal.SEGMENT: inner}, DEFAULT_TABLES))


def test_what_only_one_names_is_kept() -> None:
    """A word about one purpose says nothing of another."""
    assert deny_wins({Purpose.EMAIL: True}, {Purpose.OFFERS: False}) == {
        Purpose.OFFERS: False,
        Purpose.EMAIL: True,
    }


def test_a_file_changes_the_signals_that_it_names() -> None:
    """The others keep their default."""
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
        ({"onetrust": {}}, "onetrust"),
        ({"google": []}, "google"),
        ({"google": {"offers": []}}, "google.offers"),
        ({"google": {"offers": "ad_storage"}}, "google.offers"),
        ({"google": {"offers": [1]}}, "google.offers"),
        ({"google": {"offers": ["ad_storage?"]}}, "google.offers"),
        ({"google": {"offers": ["?"]}}, "google.offers"),
    ],
)
def test_a_wrong_table_is_refused_by_its_field(parsed: dict[str, Any], field: str) -> None:
    """`training` is never inferred, and nothing is granted by words that may be missing."""
    with pytest.raises(BadRequest) as refused:
        parse_tables(parsed)

    assert [fault.field for fault in refused.value.errors] == [field]
