"""The place of a fault that the strict JSON reader refuses: repeated names, numbers, surrogates.

The hooks of the reader do not know where they are. So a refused body is parsed once more, with
marks in place of the faults, and the first mark is searched.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recsvc.domain.errors import FieldError
from recsvc.domain.values.validation import MAX_SHOWN, shortened_json, shown_name

MAX_DIGITS = 19  # of a 64-bit number

_SURROGATE = re.compile("[\ud800-\udfff]")
_HALF = "has half of a surrogate pair; texts are valid UTF-8"


@dataclass(frozen=True, slots=True)
class _Fault:
    detail: str


def first_fault(text: str) -> FieldError | None:
    """Return the first repeated name, invalid number or half surrogate pair; None: not found."""
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda name: _Fault(f"{name} is not a number of JSON"),
            parse_float=_finite,
            parse_int=_bounded,
        )
    except (ValueError, RecursionError):
        return None
    return next(_faults(parsed), None)


def has_lone_surrogate(text: str) -> bool:
    return _SURROGATE.search(text) is not None


def is_too_long(digits: str) -> bool:
    """Return whether a whole number has more digits than one of 64 bits."""
    return len(digits.lstrip("-")) > MAX_DIGITS


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        is_repeated = name in members
        fault = _Fault("given twice; an object has at most one member of a name")
        members[name] = fault if is_repeated else value
    return members


def _finite(digits: str) -> Any:
    number = float(digits)
    is_finite = math.isfinite(number)
    return number if is_finite else _Fault(f"{_cut(digits)} is not a number of at most 1.8e308")


def _bounded(digits: str) -> Any:
    if not is_too_long(digits):
        return int(digits)
    return _Fault(f"{_cut(digits)} is not a whole number of at most {MAX_DIGITS} digits")


def _cut(digits: str) -> str:
    return digits if len(digits) <= MAX_SHOWN else f"{digits[:MAX_SHOWN]}…"


def _faults(parsed: Any) -> Iterator[FieldError]:
    waiting = [("", parsed)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, _Fault):
            yield FieldError(path or "body", part.detail)
        elif isinstance(part, str) and has_lone_surrogate(part):
            yield FieldError(path or "body", f"{shortened_json(part)} {_HALF}")
        elif isinstance(part, list):
            waiting += reversed([(f"{path}[{at}]", each) for at, each in enumerate(part)])
        elif isinstance(part, dict):
            for name in filter(has_lone_surrogate, part):
                yield FieldError(_member(path, name), f"{shortened_json(name)} {_HALF}")
            members = [(_member(path, name), each) for name, each in part.items()]
            waiting += reversed(members)


def _member(path: str, name: str) -> str:
    return f"{path}.{shown_name(name)}" if path else shown_name(name)
