"""The fields of an item as a shop sends them: which there are, and what is right in each. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values import validation as readers
from recsvc.domain.values.ids import ItemId
from recsvc.domain.values.labels import LABEL_RULE
from recsvc.domain.values.timestamps import RFC3339_RULE, rfc3339
from recsvc.domain.values.validation import MAX_SHOWN, InvalidValue, mismatch

MAX_TITLE_LENGTH = 512
MAX_PRICE = 1e12

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ItemField:
    """One field: where it is kept, what is right, and how a value is read."""

    attribute: str
    rule: str
    read: Callable[[Any], Any]
    may_be_null: bool = True


def read_item(item_id: ItemId, given: Mapping[str, Any]) -> CatalogueItem:
    """Make an item of what is said about it; raise `bad_item` naming every fault."""
    return _made(CatalogueItem(item_id), given)


def patched(item: CatalogueItem, given: Mapping[str, Any]) -> CatalogueItem:
    """Return the item with the given fields in place of its own; null clears one."""
    return _made(item, given)


def shown(item: CatalogueItem) -> dict[str, Any]:
    """Return every field as it is sent."""
    return {"item_id": item.item_id} | {
        name: _as_sent(name, getattr(item, field.attribute)) for name, field in FIELDS.items()
    }


def _as_sent(name: str, value: Any) -> Any:
    return rfc3339(value) if value is not None and name in _TIMES else value


def _made(item: CatalogueItem, given: Mapping[str, Any]) -> CatalogueItem:
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name, value in given.items():
        field = FIELDS.get(name)
        if field is None:
            faults.append(_same_id(item, value) if name == "item_id" else _unknown(name))
            continue
        try:
            values[field.attribute] = _read(field, value)
        except InvalidValue:
            faults.append(FieldError(name, mismatch(value, field.rule)))
    faults = [fault for fault in faults if fault.detail]
    made = item if faults else replace(item, **values)
    faults += _order_faults(made)
    if faults:
        detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
        raise BadRequest(detail, code="bad_item", errors=faults)
    return made


def _read(field: ItemField, value: Any) -> Any:
    if value is None:
        if field.may_be_null:
            return None
        raise InvalidValue
    return field.read(value)


def _same_id(item: CatalogueItem, value: Any) -> FieldError:
    """Take the id once more, as an answer holds it, but no other."""
    fault = "" if value == item.item_id else mismatch(value, "the id in the path")
    return FieldError("item_id", fault)


def _unknown(name: str) -> FieldError:
    return FieldError(name[:MAX_SHOWN], f"unknown; the fields are {', '.join(FIELDS)}")


def _order_faults(item: CatalogueItem) -> list[FieldError]:
    begins, ends = item.available_from_us, item.available_until_us
    if begins is None or ends is None or begins < ends:
        return []
    return [FieldError("available_until", f"{rfc3339(ends)} is not after available_from")]


def _currency(value: Any) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise InvalidValue
    return value


_TIMES = frozenset({"available_from", "available_until"})

FIELDS: Mapping[str, ItemField] = {
    "title": ItemField(
        "title",
        f"a text of 1 to {MAX_TITLE_LENGTH} characters, none of them a control character",
        readers.text(MAX_TITLE_LENGTH),
    ),
    "url": ItemField("url", readers.URL_RULE, readers.url),
    "image_url": ItemField("image_url", readers.URL_RULE, readers.url),
    "category": ItemField("category", f"a text of {LABEL_RULE}", readers.label),
    "brand": ItemField("brand", f"a text of {LABEL_RULE}", readers.label),
    "price": ItemField(
        "price", f"a finite number from 0 to {MAX_PRICE:.0f}", readers.number(0, MAX_PRICE)
    ),
    "currency": ItemField("currency", "three capital letters of ISO 4217, as EUR", _currency),
    "in_stock": ItemField("in_stock", readers.FLAG_RULE, readers.flag, may_be_null=False),
    "hidden": ItemField("hidden", readers.FLAG_RULE, readers.flag, may_be_null=False),
    "sensitive": ItemField("sensitive", readers.FLAG_RULE, readers.flag, may_be_null=False),
    "available_from": ItemField("available_from_us", RFC3339_RULE, readers.moment),
    "available_until": ItemField("available_until_us", RFC3339_RULE, readers.moment),
}
