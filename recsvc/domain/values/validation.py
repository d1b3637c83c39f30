"""How the objects within a shop's bodies are read, so that every fault is named by its place. Pure.

`caps.per_customer.limit` is a place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recsvc.domain.errors import FieldError
from recsvc.domain.fields import SHOWN, Wrong, repeated

OBJECT_RULE = "an object"


class Faulty(ValueError):
    """A value within which there are faults."""

    def __init__(self, faults: list[FieldError]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.detail}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Rule:
    """What is right in a field, and how a value is read."""

    rule: str
    read: Callable[[Any], Any]


def read_object(given: Any, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the values by field; raise `Faulty` naming every fault, or `Wrong` for no object.

    null says the same as a field that is not sent.
    """
    if not isinstance(given, dict):
        raise Wrong
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name, value in given.items():
        rule = rules.get(name)
        if rule is None:
            faults.append(FieldError(name[:SHOWN], f"unknown; the fields are {', '.join(rules)}"))
        elif value is not None:
            try:
                values[name] = rule.read(value)
            except Faulty as within:
                faults += [_within(name, fault) for fault in within.faults]
            except Wrong:
                faults.append(FieldError(name, f"{repeated(value)} is not {rule.rule}"))
    if faults:
        raise Faulty(faults)
    return values


def needed(values: Mapping[str, Any], rules: Mapping[str, Rule], *names: str) -> list[FieldError]:
    return [
        FieldError(name, f"missing; it is {rules[name].rule}")
        for name in names
        if name not in values
    ]


def some_of(one: Rule, most: int, what: str) -> Callable[[Any], tuple[Any, ...]]:
    """Read a list of 1 to `most` different values; what is there twice counts once."""

    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise Wrong
        if len(value) > most:
            raise Faulty([FieldError("", f"{len(value):,} {what}; there are at most {most:,}")])
        faults = list[FieldError]()
        kept: dict[Any, None] = {}
        for place, each in enumerate(value):
            try:
                kept[one.read(each)] = None
            except Wrong:
                faults.append(FieldError(f"[{place}]", f"{repeated(each)} is not {one.rule}"))
        if faults:
            raise Faulty(faults[:_MOST_TOLD])
        return tuple(kept)

    return read_list


def _within(name: str, fault: FieldError) -> FieldError:
    separator = "" if not fault.field or fault.field.startswith("[") else "."
    return FieldError(f"{name}{separator}{fault.field}", fault.detail)


_MOST_TOLD = 3  # of the wrong values in one list: a refusal must not outgrow what was sent
