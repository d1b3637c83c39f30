"""Tables that map the words of consent banners to purposes. Pure.

A table names for each purpose the words that a report must grant. `training` is never inferred,
since no banner asks for it. A signal of opt-outs has no word that grants: each word denies the
purposes that name it.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.validation import shown_name

OPTIONAL = "?"  # suffix of a word that may be missing, but must not be denied
SETTING = "RECSVC_CONSENT_SIGNALS"


class Signal(StrEnum):
    """The kinds of signal. The values name tables of a file and fields of a request body."""

    SEGMENT = "segment"
    GOOGLE = "google"
    TCF = "tcf"
    US_PRIVACY = "us_privacy"
    GPP = "gpp"


SignalTable = Mapping[Purpose, tuple[str, ...]]
SignalTables = Mapping[Signal, SignalTable]

# The words of an opt-out, of sale, of sharing and of targeted advertising.
OPT_OUTS = ("sale", "sharing", "targeted_advertising")
OPT_OUT_SIGNALS = frozenset({Signal.US_PRIVACY, Signal.GPP})
_OPT_OUT_TABLE: SignalTable = {Purpose.PERSONALIZATION: OPT_OUTS, Purpose.OFFERS: OPT_OUTS}

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
    Signal.US_PRIVACY: _OPT_OUT_TABLE,
    Signal.GPP: _OPT_OUT_TABLE,
}
# The categories of consent tools as they come in `segment`, by the name that a file gives.
READY_TABLES: Mapping[str, SignalTable] = {
    "onetrust": {
        Purpose.PERSONALIZATION: ("C0003",),
        Purpose.OFFERS: ("C0004",),
        Purpose.ANALYTICS: ("C0002",),
    },
    "cookiebot": {
        Purpose.PERSONALIZATION: ("preferences",),
        Purpose.OFFERS: ("marketing",),
        Purpose.ANALYTICS: ("statistics",),
    },
    "usercentrics": {
        Purpose.PERSONALIZATION: ("functional",),
        Purpose.OFFERS: ("marketing",),
        Purpose.ANALYTICS: ("functional",),
    },
    "transcend": {
        Purpose.PERSONALIZATION: ("Functional",),
        Purpose.OFFERS: ("Advertising", "SaleOfInfo?"),
        Purpose.ANALYTICS: ("Analytics",),
    },
}
# A table may infer these purposes alone, so none that is added later.
_INFERABLE = (Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.EMAIL, Purpose.ANALYTICS)


def words_of(table: SignalTable) -> tuple[str, ...]:
    """Return the words of a table, each once."""
    words = (word.removesuffix(OPTIONAL) for named in table.values() for word in named)
    return tuple(dict.fromkeys(words))


def parse_tables(parsed: Mapping[str, Any]) -> SignalTables:
    """Return the tables of a file; signals that it does not name keep the default table.

    A text in place of a table names a ready one. Raises `bad_consent_signals` with every fault.
    """
    faults = [fault for name, table in parsed.items() for fault in _table_faults(name, table)]
    if faults:
        raise refused(faults, "bad_consent_signals")
    named = {
        Signal(name): READY_TABLES[table]
        if isinstance(table, str)
        else {Purpose(purpose): tuple(keys) for purpose, keys in table.items()}
        for name, table in parsed.items()
    }
    return {**DEFAULT_TABLES, **named}


def refused(faults: Iterable[FieldError], code: str) -> BadRequest:
    listed = list(faults)
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in listed)
    return BadRequest(detail, code=code, errors=listed)


def _table_faults(name: str, table: object) -> Iterator[FieldError]:
    if name not in frozenset(map(str, Signal)):
        yield FieldError(shown_name(name), f"unknown; the signals are {', '.join(Signal)}")
    elif isinstance(table, str):
        if name != Signal.SEGMENT:
            yield FieldError(name, f"{table!r} is no table; ready tables are for segment")
        elif table not in READY_TABLES:
            yield FieldError(
                name, f"{table!r} is unknown; the ready tables are {', '.join(READY_TABLES)}"
            )
    elif not isinstance(table, dict):
        yield FieldError(name, "must be a table of purposes, or the name of a ready table")
    else:
        for purpose, keys in table.items():
            yield from _entry_faults(Signal(name), purpose, keys)


def _entry_faults(signal: Signal, purpose: str, keys: object) -> Iterator[FieldError]:
    field = f"{signal}.{shown_name(purpose)}"
    if purpose == Purpose.TRAINING:
        yield FieldError(
            field, "cannot be inferred: no banner asks for consent to training; remove it"
        )
    elif purpose not in frozenset(map(str, _INFERABLE)):
        yield FieldError(field, f"unknown; the purposes are {', '.join(_INFERABLE)}")
    elif not (isinstance(keys, list) and keys and all(map(_is_key, keys))):
        yield FieldError(field, "must be a non-empty list of required keys")
    elif signal in OPT_OUT_SIGNALS:
        unknown = [key for key in keys if key not in OPT_OUTS]
        if unknown:
            yield FieldError(
                field, f"{unknown[0]!r} is unknown; the opt-outs are {', '.join(OPT_OUTS)}"
            )
    elif all(key.endswith(OPTIONAL) for key in keys):
        yield FieldError(
            field, f"must have at least one key without {OPTIONAL}, since optional keys only deny"
        )


def _is_key(key: object) -> bool:
    return isinstance(key, str) and bool(key.removesuffix(OPTIONAL))
