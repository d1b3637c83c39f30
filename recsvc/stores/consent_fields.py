"""How one purpose's consent is written in a customer's hash. Pure.

`purpose:email` → `<at µs> <granted|denied> <first granted at µs, or -> <policy> <source>`;
the last two are percent-encoded, or `-`. The scripts compare the first three words and only
carry the others. Whatever does not read so denies.
"""

from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from recsvc.domain.consent import NO_CONSENT, ConsentRecord, Purpose, PurposeConsent

GRANTED = "granted"
DENIED = "denied"

_NONE = "-"
_PREFIX = b"purpose:"
_MAX_DIGITS = 16  # what a double of the scripts' Lua holds exactly
_WORDS = {b"granted": True, b"denied": False}
_FIELDS = {purpose: f"purpose:{purpose}" for purpose in Purpose}
_PURPOSES = {field.encode(): purpose for purpose, field in _FIELDS.items()}


def field_of(purpose: Purpose) -> str:
    return _FIELDS[purpose]


def tail(policy_version: str | None, source: str | None) -> str:
    return f"{_quoted(policy_version)} {_quoted(source)}"


def decode(fields: Sequence[bytes]) -> ConsentRecord:
    """Read the reply of HGETALL: field, value, field, value. Other fields are not ours."""
    if not fields:
        return NO_CONSENT
    purposes: dict[Purpose, PurposeConsent] = {}
    unreadable: list[str] = []
    for field, value in zip(fields[::2], fields[1::2], strict=True):
        purpose = _PURPOSES.get(field)
        consent = _decode_one(value) if purpose is not None else None
        if purpose is not None and consent is not None:
            purposes[purpose] = consent
        elif field.startswith(_PREFIX):
            unreadable.append(field[len(_PREFIX) :].decode(errors="replace"))
    return ConsentRecord(purposes, frozenset(unreadable))


def permits(value: object) -> bool:
    """Whether one field's stored value permits. Anything but a readable grant does not."""
    consent = _decode_one(value) if isinstance(value, bytes) else None
    return consent is not None and consent.granted is True


def _decode_one(value: bytes) -> PurposeConsent | None:
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
