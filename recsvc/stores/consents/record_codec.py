"""The stored format of consents, flags and tombstones in a customer's hash. Pure.

`purpose:email` → `<at µs> <granted|denied> <first granted at µs, or -> <policy> <source>`; policy
and source are percent-encoded, or `-`. Any other value denies. `flag:minor` → `1` for a set flag.
`erased` → `<erased at µs> <re-admitted at µs, or ->`, then the time of the history row if it
differs from the erasure.
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

SET = b"1"  # the value of a set flag; a cleared flag has no field

ERASED = "erased"

# Later than every stored time: an unreadable tombstone erases everything.
UNREADABLE_TOMBSTONE = Tombstone(10**16, 10**16)

_NONE = "-"
_PREFIX = b"purpose:"
_FLAG_PREFIX = b"flag:"
_ERASED_FIELD = ERASED.encode()
_MAX_DIGITS = 16
_GRANTED_BY_TEXT = {b"granted": True, b"denied": False}
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
    """Encode the value of a purpose's field."""
    first = _NONE if consent.first_granted_at_us is None else consent.first_granted_at_us
    tail = f"{_quoted(consent.policy_version)} {_quoted(consent.source)}"
    return f"{consent.at_us} {statement_text(consent.granted)} {first} {tail}".encode()


def decode(fields: Sequence[bytes]) -> ConsentRecord:
    """Decode the reply of HGETALL (field, value, …); ignore other fields."""
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
            flag = _FLAGS.get(field, Flag.RESTRICTED)  # an unknown flag may deny anything
            flags.append(flag)
            if field not in _FLAGS or value != SET:
                unreadable.append(field.decode(errors="replace"))
        elif field == _ERASED_FIELD:
            tombstone = decode_tombstone(value)
            if tombstone is UNREADABLE_TOMBSTONE:
                unreadable.append(ERASED)
    return ConsentRecord(purposes, frozenset(unreadable), frozenset(flags), tombstone)


def encode_tombstone(tombstone: Tombstone) -> bytes:
    readmitted = _NONE if tombstone.readmitted_at_us is None else tombstone.readmitted_at_us
    at_us, recorded_at_us = tombstone.erased_at_us, tombstone.recorded_at_us
    return f"{at_us} {readmitted}{'' if recorded_at_us == at_us else f' {recorded_at_us}'}".encode()


def decode_tombstone(value: bytes) -> Tombstone:
    """Decode the tombstone; an unreadable one erases everything."""
    parts = value.split(b" ")
    if len(parts) not in (2, 3):
        return UNREADABLE_TOMBSTONE
    erased, readmitted, recorded = (*parts, parts[0])[:3]
    if not (
        _is_stamp(erased) and _is_stamp(recorded) and (readmitted == b"-" or _is_stamp(readmitted))
    ):
        return UNREADABLE_TOMBSTONE
    return Tombstone(int(erased), int(recorded), None if readmitted == b"-" else int(readmitted))


def decode_one(value: bytes) -> PurposeConsent | None:
    """Decode the value of a purpose's field; None if unreadable."""
    parts = value.split(b" ")
    if len(parts) != 5 or not all(parts):
        return None
    at, answer, first, policy_version, source = parts
    granted = _GRANTED_BY_TEXT.get(answer)
    if granted is None or not _is_stamp(at) or not (first == b"-" or _is_stamp(first)):
        return None
    return PurposeConsent(
        granted,
        int(at),
        None if first == b"-" else int(first),
        _unquoted(policy_version),
        _unquoted(source),
    )


def _is_stamp(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _MAX_DIGITS


def _quoted(text: str | None) -> str:
    if not text:
        return _NONE
    return quote(text, safe="") if text != _NONE else "%2D"


def _unquoted(text: bytes) -> str | None:
    if text == b"-":
        return None
    plain = unquote_to_bytes(text) if b"%" in text else text
    return plain.decode(errors="replace")
