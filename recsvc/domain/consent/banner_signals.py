"""Signals of consent banners, mapped to purposes. Pure.

A signal is Segment's categories, Google's Consent Mode or the TCF's purposes. A table maps its keys
to purposes. A purpose is granted if every key that the table requires is a literal grant, and
denied if one is denied or missing. Purposes that the table does not name do not change. `training`
is never inferred, since no banner asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.validation import FLAG_RULE, mismatch, shown_name

OPTIONAL = "?"  # suffix of a key that may be missing, but must not be denied


class Signal(StrEnum):
    """The kinds of signal. The values name tables of a file and fields of a request body."""

    SEGMENT = "segment"
    GOOGLE = "google"
    TCF = "tcf"


CONTEXT_FIELD = "context"  # Segment's context of every call, which includes its consent
# Fields of a request body → the signal that each holds.
SIGNAL_FIELDS: Mapping[str, Signal] = {
    **{str(signal): signal for signal in Signal},
    CONTEXT_FIELD: Signal.SEGMENT,
}

SignalTable = Mapping[Purpose, tuple[str, ...]]
SignalTables = Mapping[Signal, SignalTable]

DEFAULT_TABLES: SignalTables = {
    Signal.SEGMENT: {
        Purpose.PERSONALIZATION: ("Functional",),
        Purpose.OFFERS: ("Advertising",),
        Purpose.ANALYTICS: ("Analytics",),
    },
    Signal.GOOGLE: {
        Purpose.PERSONALIZATION: ("personalization_storage",),
        Purpose.OFFERS: ("ad_user_data", "ad_personalization"),
        Purpose.ANALYTICS: ("analytics_storage",),
    },
    # 3 and 4: make and use profiles for advertising; 5 and 6: for content; 8 and 9: measure.
    Signal.TCF: {
        Purpose.PERSONALIZATION: ("5", "6?"),
        Purpose.OFFERS: ("3", "4"),
        Purpose.ANALYTICS: ("8", "9"),
    },
}
# A table may infer these purposes alone, so none that is added later.
_INFERABLE = (Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.EMAIL, Purpose.ANALYTICS)
_FINAL = frozenset({"tcloaded", "useractioncomplete"})
_CATEGORIES_RULE = 'an object of true and false, as {"Functional": true}'
_CONSENT_RULE = 'an object, as {"categoryPreferences": {"Functional": true}}'
_CONTEXT_RULE = f'an object, as {{"consent": {_CONSENT_RULE.removeprefix("an object, as ")}}}'
_TCF_RULE = (
    "the object that the browser's API reports: "
    '{"purposes": {"5": true}}, or the tcData of __tcfapi("addEventListener", 2, …) itself; '
    "TCF strings are not supported"
)


@dataclass(frozen=True, slots=True)
class _AnswerFormat:
    """The values that mean grant and denial in one signal."""

    grant: object
    denial: object
    rule: str


_BOOLEAN = _AnswerFormat(True, False, FLAG_RULE)
_GOOGLE = _AnswerFormat("granted", "denied", '"granted" or "denied"')


def parse_tables(parsed: Mapping[str, Any]) -> SignalTables:
    """Return the tables of a file; signals that it does not name keep the default table.

    Raises `bad_consent_signals` with every fault.
    """
    faults = [fault for name, table in parsed.items() for fault in _table_faults(name, table)]
    if faults:
        raise _refused(faults, "bad_consent_signals")
    named = {
        Signal(name): {Purpose(purpose): tuple(keys) for purpose, keys in table.items()}
        for name, table in parsed.items()
    }
    return {**DEFAULT_TABLES, **named}


def read_signals(sent: Mapping[str, Any], tables: SignalTables) -> dict[Purpose, bool]:
    """Map the signals of one request body to grants and denials; deny wins between signals.

    `sent`: the reports by body field. Raises `bad_consent` with every unreadable answer.
    """
    purposes: dict[Purpose, bool] = {}
    faults: list[FieldError] = []
    for field, value in sent.items():
        report = _READERS[field](value)
        if isinstance(report, FieldError):
            faults.append(report)
            continue
        found = [*_answer_faults(report)]
        faults += found
        if not found:
            purposes = deny_wins(purposes, _mapped(report, tables[SIGNAL_FIELDS[field]]))
    if faults:
        raise _refused(faults, "bad_consent")
    return purposes


def deny_wins(one: Mapping[Purpose, bool], other: Mapping[Purpose, bool]) -> dict[Purpose, bool]:
    """Combine two statements: a purpose that either of them denies is denied."""
    return {
        purpose: one.get(purpose, True) and other.get(purpose, True)
        for purpose in Purpose
        if purpose in one or purpose in other
    }


@dataclass(frozen=True, slots=True)
class _Report:
    """The answers of one signal, the body field that held them, and their format."""

    field: str
    answers: Mapping[str, Any]
    format: _AnswerFormat


def _mapped(report: _Report, table: SignalTable) -> dict[Purpose, bool]:
    return {purpose: all(_is_met(report, key) for key in keys) for purpose, keys in table.items()}


def _is_met(report: _Report, key: str) -> bool:
    name = key.removesuffix(OPTIONAL)
    if key != name and name not in report.answers:
        return True
    return report.answers.get(name) == report.format.grant


def _answer_faults(report: _Report) -> Iterator[FieldError]:
    """Yield answers that are no literal grant or denial; types are compared, since 1 == True."""
    for name, value in report.answers.items():
        is_clear = type(value) is type(report.format.grant) and value in (
            report.format.grant,
            report.format.denial,
        )
        if not is_clear:
            yield FieldError(
                f"{report.field}.{shown_name(name)}", mismatch(value, report.format.rule)
            )


def _segment(sent: Any) -> _Report | FieldError:
    return _categories("segment", sent)


def _context(sent: Any) -> _Report | FieldError:
    """Read the consent in Segment's `context`; ignore its other members."""
    if not isinstance(sent, dict):
        return FieldError(CONTEXT_FIELD, mismatch(sent, _CONTEXT_RULE))
    if "consent" not in sent:
        return FieldError(f"{CONTEXT_FIELD}.consent", f"missing; it is {_CONSENT_RULE}")
    return _categories(f"{CONTEXT_FIELD}.consent", sent["consent"])


def _categories(field: str, consent: Any) -> _Report | FieldError:
    if not isinstance(consent, dict):
        return FieldError(field, mismatch(consent, _CONSENT_RULE))
    path = f"{field}.categoryPreferences"
    if "categoryPreferences" not in consent:
        return FieldError(path, f"missing; it is {_CATEGORIES_RULE}")
    answers = consent["categoryPreferences"]
    if not isinstance(answers, dict):
        return FieldError(path, mismatch(answers, _CATEGORIES_RULE))
    return _Report(f"{field}.categoryPreferences", answers, _BOOLEAN)


def _google(sent: Any) -> _Report | FieldError:
    if not isinstance(sent, dict):
        return FieldError("google", mismatch(sent, 'an object, as {"ad_storage": "granted", …}'))
    return _Report("google", sent, _GOOGLE)


def _tcf(sent: Any) -> _Report | FieldError:
    """Read the purposes alone, or nested as in the `tcData` of the browser's API."""
    if not isinstance(sent, dict):
        return FieldError("tcf", mismatch(sent, _TCF_RULE))
    status = sent.get("eventStatus", "tcloaded")
    if not isinstance(status, str) or status not in _FINAL:
        rule = f"one of {', '.join(sorted(_FINAL))}"
        return FieldError("tcf.eventStatus", mismatch(status, rule))
    named = [name for name in ("purpose", "purposes") if name in sent]
    if len(named) != 1:
        found = "missing" if not named else "given beside purpose"
        return FieldError("tcf.purposes", f"{found}; tcf is {_TCF_RULE}")
    field, answers = f"tcf.{named[0]}", sent[named[0]]
    if isinstance(answers, dict) and "consents" in answers:
        field, answers = f"{field}.consents", answers["consents"]
    elif isinstance(answers, dict) and "legitimateInterests" in answers:
        return FieldError(
            field, 'has legitimateInterests but not consents; it is {"consents": {"5": true, …}}'
        )
    if not isinstance(answers, dict):
        return FieldError(field, mismatch(answers, 'an object of true and false, as {"5": true}'))
    return _Report(field, answers, _BOOLEAN)


_READERS: Mapping[str, Callable[[Any], _Report | FieldError]] = {
    Signal.SEGMENT: _segment,
    CONTEXT_FIELD: _context,
    Signal.GOOGLE: _google,
    Signal.TCF: _tcf,
}


def _table_faults(name: str, table: object) -> Iterator[FieldError]:
    if name not in frozenset(map(str, Signal)):
        yield FieldError(shown_name(name), f"unknown; the signals are {', '.join(Signal)}")
    elif not isinstance(table, dict):
        yield FieldError(name, "must be a table of purposes")
    else:
        for purpose, keys in table.items():
            yield from _entry_faults(f"{name}.{shown_name(purpose)}", purpose, keys)


def _entry_faults(field: str, purpose: str, keys: object) -> Iterator[FieldError]:
    if purpose == Purpose.TRAINING:
        yield FieldError(
            field, "cannot be inferred: no banner asks for consent to training; remove it"
        )
    elif purpose not in frozenset(map(str, _INFERABLE)):
        yield FieldError(field, f"unknown; the purposes are {', '.join(_INFERABLE)}")
    elif not (isinstance(keys, list) and keys and all(map(_is_key, keys))):
        yield FieldError(field, "must be a non-empty list of required keys")
    elif all(key.endswith(OPTIONAL) for key in keys):
        yield FieldError(
            field, f"must have at least one key without {OPTIONAL}, since a missing key denies"
        )


def _is_key(key: object) -> bool:
    return isinstance(key, str) and bool(key.removesuffix(OPTIONAL))


def _refused(faults: Iterable[FieldError], code: str) -> BadRequest:
    listed = list(faults)
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in listed)
    return BadRequest(detail, code=code, errors=listed)
