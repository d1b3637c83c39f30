"""The fields of an item as a shop sends them: rules, readers and JSON types. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msgspec import Meta

from recsvc.domain.catalogue.category_paths import (
    MAX_PATH_BYTES,
    PATH_RULE,
    InvalidPath,
    normalised,
)
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.domain.values import validation as readers
from recsvc.domain.values.attributes import (
    MAX_ATTRIBUTES,
    MAX_NAME_LENGTH,
    MAX_NUMBER,
    MAX_TEXT_LENGTH,
    NAME_RULE,
    VALUE_RULE,
    merged_attributes,
    read_attributes,
)
from recsvc.domain.values.currencies import CURRENCY_PATTERN, CURRENCY_RULE, is_currency
from recsvc.domain.values.ids import ID_RULE, IdText, ItemId, id_fault
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH
from recsvc.domain.values.timestamps import RFC3339_RULE, rfc3339
from recsvc.domain.values.validation import (
    MAX_URL_LENGTH,
    InvalidMembers,
    InvalidValue,
    fault_within,
    mismatch,
    unknown_field,
)

MAX_TITLE_LENGTH = 512
MAX_DESCRIPTION_LENGTH = 4096
MAX_CATEGORIES = 20  # beside the own category
MAX_PRICE = 1e12


@dataclass(frozen=True, slots=True)
class ItemField:
    """One field of an item. The reader, the OpenAPI document and the messages are made of it.

    `attribute`: of `CatalogueItem`. `rule`: the valid values, in words. `read`: convert a JSON
    value, or raise InvalidValue or InvalidMembers. `schema`: the JSON type, for the OpenAPI
    document. `cleared`: the value that null stands for.
    """

    attribute: str
    rule: str
    read: Callable[[Any], Any]
    schema: Any
    may_be_null: bool = True
    cleared: Any = None


def read_item(item_id: ItemId, given: Mapping[str, Any]) -> CatalogueItem:
    """Read an item from JSON; raise `bad_item` with every fault."""
    return _with_fields(CatalogueItem(item_id), given)


def patched(item: CatalogueItem, given: Mapping[str, Any]) -> CatalogueItem:
    """Return the item with the given fields replaced; null clears a field or an attribute.

    Attributes that are not given stay.
    """
    return _with_fields(item, given)


def shown(item: CatalogueItem) -> dict[str, Any]:
    """Return every field as JSON sends it."""
    return {"item_id": item.item_id} | {
        name: _as_sent(name, getattr(item, field.attribute)) for name, field in FIELDS.items()
    }


def _as_sent(name: str, value: Any) -> Any:
    return rfc3339(value) if value is not None and name in _TIMES else value


def _with_fields(item: CatalogueItem, given: Mapping[str, Any]) -> CatalogueItem:
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name, value in given.items():
        field = FIELDS.get(name)
        if field is None:
            faults.append(
                _id_fault(item, value) if name == "item_id" else unknown_field(name, FIELDS)
            )
            continue
        try:
            values[field.attribute] = _read(field, value)
        except InvalidMembers as within:
            faults += [fault_within(name, fault) for fault in within.faults]
        except InvalidValue:
            faults.append(FieldError(name, mismatch(value, field.rule)))
    if "attributes" in values:
        faults += _merge_attributes(item, values)
    faults = [fault for fault in faults if fault.detail]
    changed = item if faults else replace(item, **values)
    faults += _order_faults(changed)
    if faults:
        detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
        raise BadRequest(detail, code="bad_item", errors=faults)
    return changed


def _read(field: ItemField, value: Any) -> Any:
    if value is None:
        if field.may_be_null:
            return field.cleared
        raise InvalidValue
    return field.read(value)


def _id_fault(item: CatalogueItem, value: Any) -> FieldError:
    """Allow an `item_id` that repeats the id in the path; an empty detail is no fault."""
    fault = "" if value == item.item_id else mismatch(value, "the id in the path")
    return FieldError("item_id", fault)


def _order_faults(item: CatalogueItem) -> list[FieldError]:
    begins, ends = item.available_from_us, item.available_until_us
    if begins is None or ends is None or begins < ends:
        return []
    return [FieldError("available_until", f"{rfc3339(ends)} is not after available_from")]


def _merge_attributes(item: CatalogueItem, values: dict[str, Any]) -> list[FieldError]:
    """Replace the given attributes by those of the changed item."""
    if values["attributes"] is None:
        values["attributes"] = {}
        return []
    merged = merged_attributes(item.attributes, values["attributes"])
    values["attributes"] = merged
    many = len(merged) > MAX_ATTRIBUTES
    return [FieldError("attributes", f"{len(merged)}; {_ATTRIBUTES_COUNT}")] if many else []


def _path(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue
    try:
        return normalised(value)
    except InvalidPath as fault:
        raise InvalidValue from fault


def _description(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION_LENGTH:
        raise InvalidValue
    readers.text(MAX_DESCRIPTION_LENGTH)(value.translate(_LINE_BREAKS))
    return value


def _paths(value: Any) -> tuple[str, ...]:
    return () if value == [] else _listed_paths(value)


def _group_id(value: Any) -> str:
    if not isinstance(value, str) or id_fault(value) is not None:
        raise InvalidValue
    return value


def _currency(value: Any) -> str:
    if not isinstance(value, str) or not is_currency(value):
        raise InvalidValue
    return value


_TIMES = frozenset({"available_from", "available_until"})

_LINE_BREAKS = str.maketrans("", "", "\n\r\t")  # allowed in a description

_TITLE_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE_LENGTH)]
_DESCRIPTION_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_DESCRIPTION_LENGTH)]
_PATH_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_PATH_BYTES)]
_PATHS_SCHEMA = Annotated[list[_PATH_SCHEMA], Meta(max_length=MAX_CATEGORIES)]
_NAME_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
_TEXT_SCHEMA = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH)]
_NUMBER_SCHEMA = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
_ATTRIBUTES_SCHEMA = Annotated[
    dict[_NAME_SCHEMA, _TEXT_SCHEMA | _NUMBER_SCHEMA | bool | None],
    Meta(max_length=MAX_ATTRIBUTES),
]
_URL_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_URL_LENGTH)]
_LABEL_SCHEMA = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_LENGTH)]
_PRICE_SCHEMA = Annotated[float, Meta(ge=0, le=MAX_PRICE)]
_CURRENCY_SCHEMA = Annotated[str, Meta(pattern=CURRENCY_PATTERN)]
_TIME_SCHEMA = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

_TITLE_RULE = f"a text of 1 to {MAX_TITLE_LENGTH} characters, none of them a control character"
_DESCRIPTION_RULE = (
    f"a text of 1 to {MAX_DESCRIPTION_LENGTH} characters, none of them a control character except "
    f"line breaks and tabs"
)
_PATHS_RULE = f"a list of at most {MAX_CATEGORIES} categories, each {PATH_RULE}"
_ATTRIBUTES_COUNT = f"an item has at most {MAX_ATTRIBUTES}"
_ATTRIBUTES_RULE = (
    f"an object of at most {MAX_ATTRIBUTES} attributes; a name is {NAME_RULE}, a value {VALUE_RULE}"
)
_GROUP_RULE = f"an id of {ID_RULE}"
_LABEL_RULE = f"a text of {LABEL_RULE}"
_PRICE_RULE = f"a number from 0 to {MAX_PRICE:.0f}"


_listed_paths = readers.list_of(
    readers.Rule(PATH_RULE, _path, _PATH_SCHEMA), MAX_CATEGORIES, "categories"
)


def _url(attribute: str) -> ItemField:
    return ItemField(attribute, readers.URL_RULE, readers.url, _URL_SCHEMA)


def _label(attribute: str) -> ItemField:
    return ItemField(attribute, _LABEL_RULE, readers.label, _LABEL_SCHEMA)


def _flag(attribute: str) -> ItemField:
    return ItemField(attribute, readers.FLAG_RULE, readers.flag, bool, may_be_null=False)


def _time(attribute: str) -> ItemField:
    return ItemField(attribute, RFC3339_RULE, readers.moment, _TIME_SCHEMA)


FIELDS: Mapping[str, ItemField] = {
    "title": ItemField("title", _TITLE_RULE, readers.text(MAX_TITLE_LENGTH), _TITLE_SCHEMA),
    "description": ItemField("description", _DESCRIPTION_RULE, _description, _DESCRIPTION_SCHEMA),
    "url": _url("url"),
    "image_url": _url("image_url"),
    "category": ItemField("category", PATH_RULE, _path, _PATH_SCHEMA),
    "categories": ItemField("categories", _PATHS_RULE, _paths, _PATHS_SCHEMA, cleared=()),
    "brand": _label("brand"),
    "price": ItemField("price", _PRICE_RULE, readers.number(0, MAX_PRICE), _PRICE_SCHEMA),
    "currency": ItemField("currency", CURRENCY_RULE, _currency, _CURRENCY_SCHEMA),
    "attributes": ItemField("attributes", _ATTRIBUTES_RULE, read_attributes, _ATTRIBUTES_SCHEMA),
    "item_group_id": ItemField("item_group_id", _GROUP_RULE, _group_id, IdText),
    "in_stock": _flag("in_stock"),
    "hidden": _flag("hidden"),
    "sensitive": _flag("sensitive"),
    "available_from": _time("available_from_us"),
    "available_until": _time("available_until_us"),
}
