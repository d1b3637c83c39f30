"""The schemas of the OpenAPI document, completed for code generators.

msgspec states a default in the schema. Some generators send every default of a request, and others
require each field that has one; so the description states it, and no schema has a default.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from recsvc.domain.values.ids import id_schema
from recsvc.web.document.field_texts import field_text

Schema = dict[str, Any]

_CLEAN = "[^\\u0000-\\u001f\\u007f-\\u009f]"
CLEAN_TEXT = f"^{_CLEAN}+$"  # a text without control characters, as Unicode counts them (Cc)
NOT_BLANK = f"^{_CLEAN}*[^\\s\\u0000-\\u001f\\u007f-\\u009f]{_CLEAN}*$"
_MOMENTS = re.compile(r"(.*_)?at|available_(from|until)|(first|last)_order")
_DATES = frozenset({"customer_since"})
_IDS = frozenset({"customer_id", "item_id", "offer_id", "into", "item_group_id"})
_EMPTY: tuple[Any, ...] = (None, [], {})


def completed(schemas: Mapping[str, Schema], bodies: Collection[str]) -> dict[str, Schema]:
    """Return the component schemas with descriptions, types and formats.

    `bodies`: names of the schemas of requests, whose descriptions state what absence means.
    """
    return {
        name: _component(name, schema, is_body=name in bodies) for name, schema in schemas.items()
    }


def refuse_control_characters(text: Schema) -> None:
    """Add the pattern that every bounded text of a request has."""
    if "maxLength" in text and not text.keys() & {"enum", "format", "pattern"}:
        text["pattern"] = CLEAN_TEXT if text.get("minLength") else f"^{_CLEAN}*$"


def _component(name: str, schema: Schema, *, is_body: bool) -> Schema:
    found: Schema = _completed(name, schema, is_body=is_body)
    if "enum" in found:  # constants of several enums share one namespace in some languages
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
        found["x-enum-varnames"] = [f"{prefix}_{value.upper()}" for value in found["enum"]]
    return found


def _completed(owner: str, part: Any, *, is_body: bool) -> Any:
    if isinstance(part, list):
        return [_completed(owner, each, is_body=is_body) for each in part]
    if not isinstance(part, dict):
        return part
    found: Schema = {
        name: _properties(owner, value, is_body=is_body)
        if name == "properties"
        else _completed(owner, value, is_body=is_body)
        for name, value in part.items()
        if name not in ("default", "enum", "required", "title")
    }
    found |= {name: part[name] for name in ("enum", "required") if part.get(name)}
    if "enum" in found:
        found.setdefault("type", "string")
    if is_body:
        refuse_control_characters(found)
    if "description" in found:
        found["description"] = _unwrapped(found["description"])
    return found


def _properties(owner: str, fields: Mapping[str, Schema], *, is_body: bool) -> dict[str, Schema]:
    return {name: _property(owner, name, field, is_body=is_body) for name, field in fields.items()}


def _property(owner: str, name: str, field: Schema, *, is_body: bool) -> Schema:
    found: Schema = _completed(owner, field, is_body=is_body)
    _refine(name, found)
    for each in found.get("anyOf", ()):
        _refine(name, each)
    if is_body and name == "title":
        found["pattern"] = NOT_BLANK
        for each in found.get("anyOf", ()):
            each.pop("pattern", None)
    texts = [field_text(owner, name), _rule(found)]
    if is_body and field.get("default") not in _EMPTY:
        texts.append(f"If absent: `{json.dumps(field['default'])}`")
    described = [text for text in texts if text]
    if described:
        found["description"] = ". ".join(described)
    return found


def _rule(field: Schema) -> str | None:
    """Return the description that the type of a field has, perhaps within a nullable one."""
    within = (each for each in [field, *field.get("anyOf", ())] if "description" in each)
    return next((each.pop("description") for each in within), None)


def _refine(name: str, field: Schema) -> None:
    """Add the format of moments, and the rule of ids, to a text of an answer."""
    if field.get("type") != "string" or field.keys() & {"enum", "format", "pattern"}:
        return
    if _MOMENTS.fullmatch(name):
        field["format"] = "date-time"
    elif name in _DATES:
        field["format"] = "date"
    elif name in _IDS:
        field |= id_schema()


def _unwrapped(text: str) -> str:
    """Return the text of a docstring without the line breaks within its paragraphs."""
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))
