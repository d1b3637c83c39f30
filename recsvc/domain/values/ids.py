"""Ids of customers, items, offers and shops: types and validation."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NewType

from msgspec import Meta

from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.validation import is_number, number_as_id, shortened_json

CustomerId = NewType("CustomerId", str)
ItemId = NewType("ItemId", str)
OfferId = NewType("OfferId", str)
ShopName = NewType("ShopName", str)

MAX_ID_BYTES = 128
SHOP_RULE = "1 to 32 of a-z, 0-9 and '-', beginning with a letter or digit"

# Parts of paths of the API that follow an id. Servers decode `%2F` before they pass a path on, so
# an id with such a part behind a slash could not be told from the path of another id.
PATH_PARTS = (
    "claim",
    "consents",
    "export",
    "history",
    "merge",
    "offers",
    "profile",
    "recommendations",
    "release",
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # all of Unicode's category Cc
# In lines of ids: a character that needs a closer look, an empty line, `.` or `..`.
_SUSPICIOUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f/\ud800-\udfff]|\n\\.{0,2}(?=\n)")
_MOST_BYTES_PER_CHARACTER = 4
_NO_IDS = frozenset(("", ".", ".."))
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


def id_rule(max_bytes: int = MAX_ID_BYTES) -> str:
    return (
        f"1 to {max_bytes} bytes of valid UTF-8 without control characters, not '.' or '..', and "
        "with no such part between slashes, no '/' at the end, and no part behind a '/' that is a "
        "part of the API's paths"
    )


ID_RULE = id_rule()
# A regular expression of ECMA-262, as JSON Schema has them.
ID_PATTERN = (
    r"^(?!(.*/)?\.\.?(/|$))(?!.*/$)"
    rf"(?!.*/({'|'.join(PATH_PARTS)})(/|$))"
    r"[^\u0000-\u001f\u007f-\u009f]+$"
)


def id_schema(max_bytes: int = MAX_ID_BYTES) -> Mapping[str, Any]:
    """Return the JSON Schema of an id. It counts characters, where `id_fault` counts bytes."""
    return {"type": "string", "minLength": 1, "maxLength": max_bytes, "pattern": ID_PATTERN}


# The type of an id in a body: described, but checked by `checked_id`, which names the fault.
IdText = Annotated[str, Meta(description=f"An id: {ID_RULE}", extra_json_schema=dict(id_schema()))]


def id_fault(text: str, max_bytes: int = MAX_ID_BYTES) -> str | None:
    """Return why `text` is not a valid id; None if it is valid."""
    if text in ("", ".", ".."):
        return "empty" if not text else f"'{text}' is not allowed"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "not valid UTF-8"
    if size > max_bytes:
        return f"{size} bytes long"
    if text.isalnum():
        return None
    if _CONTROL.search(text):
        return "contains a control character"
    return _slash_fault(text) if "/" in text else None


def _slash_fault(text: str) -> str | None:
    first, *others = text.split("/")
    for part in (first, *others):
        if part in (".", ".."):
            return f"contains the part '{part}'"
    for part in others:
        if part in PATH_PARTS:
            return f"contains the part '/{part}' of a path"
    return "contains a '/' at its end" if text.endswith("/") else None


def checked_id(text: str, field: str, max_bytes: int = MAX_ID_BYTES) -> str:
    """Return `text` if it is a valid id; raise `bad_id` for the field otherwise."""
    fault = id_fault(text, max_bytes)
    if fault is None:
        return text
    raise bad_id(field, _with_value(text, fault), max_bytes)


def _with_value(text: str, fault: str) -> str:
    if text in ("", ".", ".."):
        return f"'{text}' is not allowed" if text else '"" is empty'
    shown = shortened_json(text)
    return f"{shown} {fault}" if fault.startswith("contains") else f"{shown} is {fault}"


def checked_ids(texts: Sequence[str], field: str) -> list[str]:
    """Return valid ids as they are; raise `bad_id` for the first that is invalid."""
    # One look at the joined text: a check of each id costs half a microsecond.
    if _are_plain(texts):
        return list(texts)
    joined = "\n".join(texts)
    is_short = not texts or max(map(len, texts)) * _MOST_BYTES_PER_CHARACTER <= MAX_ID_BYTES
    if is_short and not _SUSPICIOUS.search(f"\n{joined}\n") and _has_lines(joined, len(texts)):
        return list(texts)
    return [checked_id(text, f"{field}[{place}]") for place, text in enumerate(texts)]


def _are_plain(texts: Sequence[str]) -> bool:
    """Return True if all texts are valid ids of printable ASCII."""
    joined = "".join(texts)
    return (
        joined.isascii()
        and joined.isprintable()
        and "/" not in joined
        and _NO_IDS.isdisjoint(texts)
        and max(map(len, texts), default=0) <= MAX_ID_BYTES
    )


def _has_lines(joined: str, count: int) -> bool:
    return joined.count("\n") == max(count - 1, 0)


def pop_id(line: dict[str, Any], field: str) -> str:
    """Remove and return the id of an NDJSON line; raise `bad_id` if it is invalid."""
    if field not in line:
        raise bad_id(field, "missing")
    value = line.pop(field)
    if is_number(value):
        raise bad_id(field, number_as_id(value))
    if not isinstance(value, str):
        raise bad_id(field, f"{shortened_json(value)} is not a string")
    return checked_id(value, field)


def bad_id(field: str, fault: str, max_bytes: int = MAX_ID_BYTES) -> BadRequest:
    return BadRequest(
        f"{field} is not a valid id: {fault}",
        code="bad_id",
        errors=[FieldError(field, f"{fault}; an id is {id_rule(max_bytes)}")],
    )


def checked_shop(text: str) -> ShopName:
    """Return `text` as a shop name; raise `bad_shop` otherwise."""
    if _SHOP.fullmatch(text):
        return ShopName(text)
    raise BadRequest(
        f"{text!r} is not a shop name",
        code="bad_shop",
        errors=[FieldError("shop", f"a shop name is {SHOP_RULE}")],
    )
