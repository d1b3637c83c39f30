"""Consent signals that shops have already, read as purposes. Pure.

What a consent banner reports (Segment's categories, Google's Consent Mode, the TCF's purposes)
is mapped by a table: a purpose is granted where each word that the table asks of it is a literal
yes, and denied where one is no or missing. Purposes that the table does not name are left alone,
and `training` is never inferred: no banner asks for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest, FieldError

MAX_SHOWN = 64
OPTIONAL = "?"  # behind a word: it may be missing, and must not be a no


class Signal(StrEnum):
    """Whose report it is. The values are tables of a file, and the fields of a body."""

    SEGMENT = "segment"
    GOOGLE = "google"
    TCF = "tcf"


CONTEXT_FIELD = "context"  # what Segment sends along with every call, its consent among others
# The fields of a body, and whose report each holds.
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
_INFERABLE = tuple(purpose for purpose in Purpose if purpose is not Purpose.TRAINING)
_FINAL = frozenset({"tcloaded", "useractioncomplete"})
_TCF_ADVICE = (
    "must be what the browser's API reports, as an object: "
    '{"purposes": {"5": true}}, or the tcData of __tcfapi("addEventListener", 2, …) itself; '
    "TCF strings are not read"
)


@dataclass(frozen=True, slots=True)
class _AnswerFormat:
    """What a yes and a no look like in one signal."""

    yes: object
    no: object
    rule: str


_BOOLEAN = _AnswerFormat(True, False, "must be true or false")
_GOOGLE = _AnswerFormat("granted", "denied", 'must be "granted" or "denied"')


def parse_tables(parsed: Mapping[str, Any]) -> SignalTables:
    """Return the tables of a file; what it does not name stays as it is by default.

    Raises `bad_consent_signals` naming everything that is wrong.
    """
    faults = [fault for name, table in parsed.items() for fault in _table_faults(name, table)]
    if faults:
        raise _refused(faults, "bad_consent_signals")
    named = {
        Signal(name): {Purpose(purpose): tuple(words) for purpose, words in table.items()}
        for name, table in parsed.items()
    }
    return {**DEFAULT_TABLES, **named}


def read_signals(sent: Mapping[str, Any], tables: SignalTables) -> dict[Purpose, bool]:
    """Return what the signals of one body say, by its fields; where they disagree, deny wins.

    Raises `bad_consent` naming every field that is neither yes nor no.
    """
    said: dict[Purpose, bool] = {}
    faults: list[FieldError] = []
    for field, report in sent.items():
        words = _READERS[field](report)
        if isinstance(words, FieldError):
            faults.append(words)
            continue
        wrong = [*_word_faults(words)]
        faults += wrong
        if not wrong:
            said = deny_wins(said, _mapped(words, tables[SIGNAL_FIELDS[field]]))
    if faults:
        raise _refused(faults, "bad_consent")
    return said


def deny_wins(one: Mapping[Purpose, bool], other: Mapping[Purpose, bool]) -> dict[Purpose, bool]:
    """Return what both say together: a purpose that one of them denies is denied."""
    return {
        purpose: one.get(purpose, True) and other.get(purpose, True)
        for purpose in Purpose
        if purpose in one or purpose in other
    }


@dataclass(frozen=True, slots=True)
class _Report:
    """The words of one report, where they stood in the body, and what they may be."""

    field: str
    said: Mapping[str, Any]
    kind: _AnswerFormat


def _mapped(words: _Report, table: SignalTable) -> dict[Purpose, bool]:
    return {
        purpose: all(_is_met(words, asked) for asked in needed) for purpose, needed in table.items()
    }


def _is_met(words: _Report, asked: str) -> bool:
    name = asked.removesuffix(OPTIONAL)
    if asked != name and name not in words.said:
        return True
    return words.said.get(name) == words.kind.yes


def _word_faults(words: _Report) -> Iterator[FieldError]:
    """Yield what is neither a yes nor a no. 1 equals true in Python, and is neither."""
    for name, value in words.said.items():
        is_clear = type(value) is type(words.kind.yes) and value in (words.kind.yes, words.kind.no)
        if not is_clear:
            yield FieldError(f"{words.field}.{name[:MAX_SHOWN]}", words.kind.rule)


def _segment(report: Any) -> _Report | FieldError:
    return _categories("segment", report)


def _context(report: Any) -> _Report | FieldError:
    """Read Segment's `context` as it is; whatever else stands in it is passed over."""
    if not isinstance(report, dict):
        return FieldError(
            CONTEXT_FIELD, 'must be an object: {"consent": {"categoryPreferences": {…}}}'
        )
    return _categories(f"{CONTEXT_FIELD}.consent", report.get("consent"))


def _categories(field: str, consent: Any) -> _Report | FieldError:
    if not isinstance(consent, dict):
        return FieldError(field, 'must be context.consent: {"categoryPreferences": {…}}')
    said = consent.get("categoryPreferences")
    if not isinstance(said, dict):
        return FieldError(f"{field}.categoryPreferences", "must be an object of true and false")
    return _Report(f"{field}.categoryPreferences", said, _BOOLEAN)


def _google(report: Any) -> _Report | FieldError:
    if not isinstance(report, dict):
        return FieldError("google", 'must be an object: {"ad_storage": "granted", …}')
    return _Report("google", report, _GOOGLE)


def _tcf(report: Any) -> _Report | FieldError:
    """Read the purposes as the browser's API nests them, or by themselves."""
    if not isinstance(report, dict):
        return FieldError("tcf", _TCF_ADVICE)
    if report.get("eventStatus", "tcloaded") not in _FINAL:
        return FieldError("tcf.eventStatus", f"must be one of {', '.join(sorted(_FINAL))}: not yet")
    named = [name for name in ("purpose", "purposes") if name in report]
    if len(named) != 1:
        return FieldError("tcf.purposes", _TCF_ADVICE)
    field, said = f"tcf.{named[0]}", report[named[0]]
    if isinstance(said, dict) and "consents" in said:
        field, said = f"{field}.consents", said["consents"]
    if not isinstance(said, dict):
        return FieldError(field, _TCF_ADVICE)
    return _Report(field, said, _BOOLEAN)


_READERS: Mapping[str, Callable[[Any], _Report | FieldError]] = {
    Signal.SEGMENT: _segment,
    CONTEXT_FIELD: _context,
    Signal.GOOGLE: _google,
    Signal.TCF: _tcf,
}


def _table_faults(name: str, table: object) -> Iterator[FieldError]:
    if name not in frozenset(map(str, Signal)):
        yield FieldError(name[:MAX_SHOWN], f"unknown; the signals are {', '.join(Signal)}")
    elif not isinstance(table, dict):
        yield FieldError(name, "must be a table of purposes")
    else:
        for purpose, words in table.items():
            yield from _entry_faults(f"{name}.{purpose[:MAX_SHOWN]}", purpose, words)


def _entry_faults(field: str, purpose: str, words: object) -> Iterator[FieldError]:
    if purpose == Purpose.TRAINING:
        yield FieldError(
            field, "a banner never says that somebody may be learned from; take it out"
        )
    elif purpose not in frozenset(map(str, _INFERABLE)):
        yield FieldError(field, f"unknown; the purposes are {', '.join(_INFERABLE)}")
    elif not (isinstance(words, list) and words and all(map(_is_word, words))):
        yield FieldError(field, "must be a list of the words that are needed, at least one")
    elif all(word.endswith(OPTIONAL) for word in words):
        yield FieldError(field, f"must need at least one word without {OPTIONAL}: missing means no")


def _is_word(word: object) -> bool:
    return isinstance(word, str) and bool(word.removesuffix(OPTIONAL))


def _refused(faults: Iterable[FieldError], code: str) -> BadRequest:
    listed = list(faults)
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in listed)
    return BadRequest(detail, code=code, errors=listed)
