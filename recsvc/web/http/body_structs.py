"""msgspec structs derived from the domain's field tables, for the OpenAPI document.

The domain's readers validate a body; these structs only describe it. So a field is declared once.
"""

from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec

from recsvc.domain.values.validation import ObjectSchema, Rule

Field = tuple[str, Any] | tuple[str, Any, Any]  # name, type and, if the field is optional, default


@cache
def body_struct(schema: ObjectSchema, extra: tuple[Field, ...] = ()) -> type[msgspec.Struct]:
    """Return the struct of a request body. `extra`: fields that the domain's table lacks."""
    declared = (
        (name, _type_of(rule)) if name in schema.required else (name, *_optional(rule))
        for name, rule in schema.fields.items()
    )
    return struct(schema.name, schema.description, [*extra, *declared], is_body=True)


def view_fields(schema: ObjectSchema, *, without: Iterable[str] = ()) -> list[Field]:
    """Return the fields of an answer that shows such an object: no limits, lists never null."""
    return [
        (name, plain_type(_type_of(rule))) if name in schema.required else (name, *_shown(rule))
        for name, rule in schema.fields.items()
        if name not in without
    ]


def struct(
    name: str, description: str, fields: Iterable[Field], *, is_body: bool = False
) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        name,
        fields,
        namespace={"__doc__": description},
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=is_body,
        frozen=not is_body,
    )


def _type_of(rule: Rule) -> Any:
    return body_struct(rule.schema) if isinstance(rule.schema, ObjectSchema) else rule.schema


def _optional(rule: Rule) -> tuple[Any, Any]:
    annotation = _type_of(rule)
    return (annotation | None if rule.default is None else annotation), rule.default


def _shown(rule: Rule) -> tuple[Any, Any]:
    annotation = plain_type(_type_of(rule))
    if get_origin(annotation) is list:
        return annotation, []
    if annotation is bool:
        return annotation, False
    return (annotation | None if rule.default is None else annotation), rule.default


def plain_type(annotation: Any) -> Any:
    """Strip limits from an annotation; an enum becomes a text that the document lists."""
    if get_origin(annotation) is Annotated:
        return plain_type(annotation.__origin__)
    if get_origin(annotation) is list:
        (element,) = get_args(annotation)
        return list[plain_type(element)]  # type: ignore[misc]
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return one_of(each.value for each in annotation) if is_enum else annotation


def one_of(values: Iterable[str]) -> Any:
    """Return the type of a text of an answer that has one of the values."""
    return Annotated[str, msgspec.Meta(extra_json_schema={"enum": sorted(values)})]
