"""Ids of customers, items, offers, shops: what is a valid one; bytes from outside become one."""

import re
from typing import Any, NewType

from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values.validation import shortened_json

CustomerId = NewType("CustomerId", str)
ItemId = NewType("ItemId", str)
OfferId = NewType("OfferId", str)
ShopName = NewType("ShopName", str)

MAX_ID_BYTES = 128
SHOP_RULE = "1 to 32 of a-z, 0-9 and '-', beginning with a letter or digit"

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # all of Unicode's category Cc
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


def id_rule(most_bytes: int = MAX_ID_BYTES) -> str:
    return (
        f"1 to {most_bytes} bytes of valid UTF-8 without control characters or '/', "
        "and not '.' or '..'"
    )


ID_RULE = id_rule()


def id_fault(text: str, most_bytes: int = MAX_ID_BYTES) -> str | None:
    """Say why `text` is not a valid id; None when it is one."""
    if text in ("", ".", ".."):
        return "empty" if not text else f"'{text}' is not allowed"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "not valid UTF-8"
    if size > most_bytes:
        return f"{size} bytes long"
    if text.isalnum():
        return None
    if "/" in text:
        return "contains '/'"
    if _CONTROL.search(text):
        return "contains a control character"
    return None


def checked_id(text: str, field: str, most_bytes: int = MAX_ID_BYTES) -> str:
    """Return `text` when it is a valid id; raise `bad_id` naming the field otherwise."""
    fault = id_fault(text, most_bytes)
    if fault is None:
        return text
    raise bad_id(field, fault, most_bytes)


def pop_id(line: dict[str, Any], field: str) -> str:
    """Take the id out of a line of many; raise `bad_id` when it is none."""
    value = line.pop(field, "")
    if not isinstance(value, str):
        raise bad_id(field, f"{shortened_json(value)} is not a text")
    return checked_id(value, field)


def bad_id(field: str, fault: str, most_bytes: int = MAX_ID_BYTES) -> BadRequest:
    return BadRequest(
        f"{field} is not a valid id: {fault}",
        code="bad_id",
        errors=[FieldError(field, f"{fault}; an id is {id_rule(most_bytes)}")],
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
