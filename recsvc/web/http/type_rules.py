"""The rule of a body's field in words, from its type as msgspec describes it."""

from msgspec import inspect

_NUMBERS = {inspect.IntType: "a whole number", inspect.FloatType: "a number"}


def rule_of(found: inspect.Type) -> str:
    """Return the valid values of a type as a noun phrase. A description of the type goes first."""
    match found:
        case inspect.Metadata():
            description = (found.extra_json_schema or {}).get("description")
            return _lowered(str(description)) if description else rule_of(found.type)
        case inspect.UnionType():
            is_open = inspect.NoneType
            return " or ".join(
                rule_of(each) for each in found.types if not isinstance(each, is_open)
            )
        case inspect.IntType() | inspect.FloatType():
            return _NUMBERS[type(found)] + _range(found.ge, found.le)
        case inspect.StrType():
            return "a text" + _range(found.min_length, found.max_length, "characters")
        case inspect.ListType():
            return "a list" + _range(found.min_length, found.max_length, "elements")
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, found.values))}"
        case inspect.EnumType():
            return f"one of {', '.join(str(each.value) for each in found.cls)}"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "an object"


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:]


def _range(least: float | None, most: float | None, unit: str = "") -> str:
    between = " of" if unit else " from"
    if least is not None and most is not None:
        return f"{between} {least:g} to {most:g} {unit}".rstrip()
    if least is not None:
        return f" of {least:g} or more {unit}".rstrip()
    return f" of at most {most:g} {unit}".rstrip() if most is not None else ""
