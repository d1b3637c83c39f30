"""How one purpose's consent is written in a customer's hash. Pure.

`purpose:email` → `<at µs> <granted|denied> <first granted at µs, or -> <policy> <source>`;
the last two are percent-encoded, or `-`. Whatever does not read so denies. A flag that is set
stands beside them: `flag:minor` → `1`; so does the tombstone of one who was erased: `erased` →
`<at µs> <opened anew at µs, or ->`, and then when its row was recorded, where that is another time.
"""

from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from recsvc.domain.consent.consent import (
    NO_CONSENT,
    ConsentRecord,
    Flag,
    Purpose,
    PurposeConsent,
    Tombstone,
)

GRANTED = "granted"
DENIED = "denied"

SET = b"1"  # the value of a flag; one that is not set has no field

ERASED = "erased"

# One that cannot be read was once written: nothing that is known is of after it.
UNREADABLE_TOMBSTONE = Tombstone(10**16, 10**16)

_NONE = "-"
_PREFIX = b"purpose:"
_FLAG_PREFIX = b"flag:"
_ERASED_FIELD = ERASED.encode()
_MAX_DIGITS = 16
_WORDS = {b"granted": True, b"denied": False}
_FIELDS = {purpose: f"purpose:{purpose}" for purpose in Purpose}
_PURPOSES = {field.encode(): purpose for purpose, field in _FIELDS.items()}
_FLAG_FIELDS = {flag: f"flag:{flag}" for flag in Flag}
_FLAGS = {field.encode(): flag for flag, field in _FLAG_FIELDS.items()}


def field_of(purpose: Purpose) -> str:
    return _FIELDS[purpose]


def flag_field(flag: Flag) -> str:
    return _FLAG_FIELDS[flag]


def statement_text(granted: bool) -> str:
    return GRANTED if granted is True else DENIED


def encode(consent: PurposeConsent) -> bytes:
    """Return the value of the purpose's field."""
    first = _NONE if consent.first_granted_at_us is None else consent.first_granted_at_us
    tail = f"{_quoted(consent.policy_version)} {_quoted(consent.source)}"
    return f"{consent.at_us} {statement_text(consent.granted)} {first} {tail}".encode()


def decode(fields: Sequence[bytes]) -> ConsentRecord:
    """Read the reply of HGETALL: field, value, field, value. Other fields are not ours."""
    if not fields:
        return NO_CONSENT
    purposes: dict[Purpose, PurposeConsent] = {}
    flags: list[Flag] = []
    unreadable: list[str] = []
    tombstone: Tombstone | None = None
    for field, value in zip(fields[::2], fields[1::2], strict=True):
        purpose = _PURPOSES.get(field)
        consent = decode_one(value) if purpose is not None else None
        if purpose is not None and consent is not None:
            purposes[purpose] = consent
        elif field.startswith(_PREFIX):
            unreadable.append(field[len(_PREFIX) :].decode(errors="replace"))
        elif field.startswith(_FLAG_PREFIX):
            flag = _FLAGS.get(field, Flag.RESTRICTED)  # one that we do not know may mean anything
            flags.append(flag)
            if field not in _FLAGS or value != SET:
                unreadable.append(field.decode(errors="replace"))
        elif field == _ERASED_FIELD:
            tombstone = decode_tombstone(value)
            if tombstone is UNREADABLE_TOMBSTONE:
                unreadable.append(ERASED)
    return ConsentRecord(purposes, frozenset(unreadable), frozenset(flags), tombstone)


def encode_tombstone(tombstone: Tombstone) -> bytes:
    opened = _NONE if tombstone.readmitted_at_us is None else tombstone.readmitted_at_us
    at_us, recorded_at_us = tombstone.erased_at_us, tombstone.recorded_at_us
    return f"{at_us} {opened}{'' if recorded_at_us == at_us else f' {recorded_at_us}'}".encode()


def decode_tombstone(value: bytes) -> Tombstone:
    """Read the field of the tombstone; what cannot be read shuts everything out."""
    words = value.split(b" ")
    if len(words) not in (2, 3):
        return UNREADABLE_TOMBSTONE
    erased, opened, recorded = (*words, words[0])[:3]
    if not (_is_stamp(erased) and _is_stamp(recorded) and (opened == b"-" or _is_stamp(opened))):
        return UNREADABLE_TOMBSTONE
    return Tombstone(int(erased), int(recorded), None if opened == b"-" else int(opened))


def decode_one(value: bytes) -> PurposeConsent | None:
    """Read the value of one purpose's field; None when it cannot be read."""
    words = value.split(b" ")
    if len(words) != 5 or not all(words):
        return None
    at, word, first, policy_version, source = words
    granted = _WORDS.get(word)
    if granted is None or not _is_stamp(at) or not (first == b"-" or _is_stamp(first)):
        return None
    return PurposeConsent(
        granted,
        int(at),
        None if first == b"-" else int(first),
        _unquoted(policy_version),
        _unquoted(source),
    )


def _is_stamp(word: bytes) -> bool:
    return word.isdigit() and len(word) <= _MAX_DIGITS


def _quoted(text: str | None) -> str:
    if not text:
        return _NONE
    return quote(text, safe="") if text != _NONE else "%2D"


def _unquoted(word: bytes) -> str | None:
    if word == b"-":
        return None
    plain = unquote_to_bytes(word) if b"%" in word else word
    return plain.decode(errors="replace")
