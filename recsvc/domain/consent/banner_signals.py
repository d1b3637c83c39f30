"""Reports of consent banners, mapped to purposes. Pure.

A report states only what its words state. A purpose none of whose words are in the report stays as
it is. A word that is denied denies its purposes. A purpose is granted if every word that its table
requires is a literal grant; if some of them are missing, the report does not change the purpose. A
report without any known word is refused; one that says that its law does not apply states nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.opt_out_signals import NOT_APPLICABLE, OptOuts, gpp, us_privacy
from recsvc.domain.consent.signal_tables import (
    OPTIONAL,
    SETTING,
    Signal,
    SignalTable,
    SignalTables,
    refused,
    words_of,
)
from recsvc.domain.errors import FieldError
from recsvc.domain.values.validation import FLAG_RULE, mismatch, shown_name

CONTEXT_FIELD = "context"  # Segment's context of every call, which includes its consent
USP_FIELD = "usp"  # the other usual name of US Privacy
# Fields of a request body → the signal that each holds.
SIGNAL_FIELDS: Mapping[str, Signal] = {
    **{str(signal): signal for signal in Signal},
    CONTEXT_FIELD: Signal.SEGMENT,
    USP_FIELD: Signal.US_PRIVACY,
}
_IGNORED_BY_GTAG = ("wait_for_update", "region")  # of Consent Mode's commands; no consent
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
_OPT_OUT = _AnswerFormat(object(), False, "an opt-out")  # no answer equals the grant


class Statements(NamedTuple):
    """Grants and denials by purpose; notes on purposes that a report names and does not change."""

    purposes: dict[Purpose, bool]
    notes: list[str]


def read_signals(sent: Mapping[str, Any], tables: SignalTables) -> Statements:
    """Map the reports of one request body to grants and denials; deny wins between reports.

    `sent`: the reports by body field. Raises `bad_consent` with every unreadable answer, and for a
    report without a word of its table.
    """
    purposes: dict[Purpose, bool] = {}
    faults: list[FieldError] = []
    notes: list[str] = []
    for field, value in sent.items():
        report, table = _READERS[field](value), tables[SIGNAL_FIELDS[field]]
        found = [report] if isinstance(report, FieldError) else _faults(report, table)
        faults += found
        if found or isinstance(report, FieldError):
            continue
        if report.silence is not None:
            notes.append(f"{field}: {report.silence}; nothing changed")
            continue
        mapped = _mapped(report, table)
        notes += _notes(report, table, mapped)
        purposes = deny_wins(purposes, mapped)
    if faults:
        raise refused(faults, "bad_consent")
    return Statements(purposes, notes)


def deny_wins(one: Mapping[Purpose, bool], other: Mapping[Purpose, bool]) -> dict[Purpose, bool]:
    """Combine two statements: a purpose that either of them denies is denied."""
    return {
        purpose: one.get(purpose, True) and other.get(purpose, True)
        for purpose in Purpose
        if purpose in one or purpose in other
    }


@dataclass(frozen=True, slots=True)
class _Report:
    """The answers of one signal, the body field that held them, and their format.

    `silence`: why the report states nothing; its answers are then not read.
    """

    field: str
    answers: Mapping[str, Any]
    format: _AnswerFormat
    silence: str | None = None


def _mapped(report: _Report, table: SignalTable) -> dict[Purpose, bool]:
    found = {purpose: _stated(report, keys) for purpose, keys in table.items()}
    return {purpose: granted for purpose, granted in found.items() if granted is not None}


def _stated(report: _Report, keys: tuple[str, ...]) -> bool | None:
    """Return the statement on a purpose; None if the report leaves it as it is."""
    answers = [report.answers.get(key.removesuffix(OPTIONAL)) for key in keys]
    if any(answer == report.format.denial for answer in answers if answer is not None):
        return False
    required = [answer for key, answer in zip(keys, answers, strict=True) if _is_required(key)]
    return True if all(answer == report.format.grant for answer in required) else None


def _is_required(key: str) -> bool:
    return not key.endswith(OPTIONAL)


def _notes(report: _Report, table: SignalTable, mapped: Mapping[Purpose, bool]) -> Iterator[str]:
    """Yield a note for each purpose some of whose words are in the report, without a statement."""
    if report.format is _OPT_OUT:
        if not mapped:
            yield f"{report.field}: its opt-outs deny no purpose of the table; nothing changed"
        return
    for purpose, keys in table.items():
        missing = [key for key in keys if _is_required(key) and key not in report.answers]
        if purpose not in mapped and len(missing) < len(keys):
            words = ", ".join(missing)
            yield f"{report.field}: {purpose} did not change, because {words} is missing"


def _faults(report: _Report, table: SignalTable) -> list[FieldError]:
    """Return the faults of the answers; without one, that no word of the table is among them."""
    if report.silence is not None or report.format is _OPT_OUT:
        return []
    faults = [*_answer_faults(report)]
    words = words_of(table)
    if faults or any(word in report.answers for word in words):
        return faults
    listed = ", ".join(words)
    fault = f"has none of the words {listed}; {SETTING} names a file with other words"
    return [FieldError(report.field, fault)]


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
    answers = {name: value for name, value in sent.items() if name not in _IGNORED_BY_GTAG}
    return _Report("google", answers, _GOOGLE)


def _tcf(sent: Any) -> _Report | FieldError:
    """Read the purposes alone, or nested as in the `tcData` of the browser's API."""
    if not isinstance(sent, dict):
        return FieldError("tcf", mismatch(sent, _TCF_RULE))
    applies = sent.get("gdprApplies")
    if applies is False:
        return _Report("tcf", {}, _BOOLEAN, f"gdprApplies is false: {NOT_APPLICABLE}")
    if applies is not None and applies is not True:
        return FieldError("tcf.gdprApplies", mismatch(applies, FLAG_RULE))
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


def _opt_outs(field: str, read: OptOuts | FieldError) -> _Report | FieldError:
    if isinstance(read, FieldError):
        return read
    words, silence = read
    return _Report(field, dict.fromkeys(words, False), _OPT_OUT, silence)


def _us_privacy(sent: Any) -> _Report | FieldError:
    return _opt_outs("us_privacy", us_privacy(sent))


def _gpp(sent: Any) -> _Report | FieldError:
    return _opt_outs("gpp", gpp(sent))


_READERS: Mapping[str, Callable[[Any], _Report | FieldError]] = {
    Signal.SEGMENT: _segment,
    CONTEXT_FIELD: _context,
    Signal.GOOGLE: _google,
    Signal.TCF: _tcf,
    Signal.US_PRIVACY: _us_privacy,
    USP_FIELD: _us_privacy,
    Signal.GPP: _gpp,
}
