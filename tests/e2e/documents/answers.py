"""Compare a command's output with the output that a page shows.

Ids, times, keys and decimal figures may differ. `…` in the page stands for anything: within a
string, as a value, as further members of an object or list, or as whole lines of a text.
Everything else, integers included, must be equal.
"""

import json
import re
from typing import Any

ANYTHING = "…"
# Patterns of values that no two runs share.
VARYING = [
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",  # a time
    r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}",  # a model version
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",  # a UUID
    r"[sp]k_[a-z]+_[\w-]{43}",  # an API key
    r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}",  # another id, token or hash
    r"\d+\.\d+",  # a figure
]
A_VARYING = re.compile("|".join(f"(?:{pattern})" for pattern in VARYING))


def is_as_shown(shown: str, actual: str) -> bool:
    """Compare as JSON if the page shows JSON, as lines of text otherwise."""
    if shown.lstrip().startswith(("{", "[")):
        return _equal(_documents(_marked(shown)), _documents(actual))
    return re.fullmatch(_pattern(shown), _tidy(actual)) is not None


def _documents(text: str) -> list[Any]:
    """Parse one JSON document after the other; text that is no JSON stays a string."""
    decoder = json.JSONDecoder()
    found: list[Any] = []
    while text := text.lstrip():
        try:
            value, end = decoder.raw_decode(text)
        except ValueError:
            return [*found, text]
        found.append(value)
        text = text[end:]
    return found


def _marked(shown: str) -> str:
    """Make JSON of a shortened document: `…` outside a string becomes a member or a value."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', shown)
    opened: list[str] = []
    for index in range(0, len(parts), 2):
        parts[index] = "".join(_marked_characters(parts, index, opened))
    return "".join(parts)


def _marked_characters(parts: list[str], index: int, opened: list[str]) -> list[str]:
    before = "".join(parts[:index])
    marked: list[str] = []
    for character in parts[index]:
        if character in "{[":
            opened.append(character)
        elif character in "}]":
            opened.pop()
        is_value = opened[-1:] != ["{"] or (before + "".join(marked)).rstrip().endswith(":")
        mark = '"…"' if is_value else '"…":"…"'
        marked.append(mark if character == ANYTHING else character)
    return marked


def _equal(shown: Any, actual: Any) -> bool:
    match shown:
        case str():
            return _equal_text(shown, actual)
        case dict() if isinstance(actual, dict):
            return _equal_objects(shown, actual)
        case list() if isinstance(actual, list):
            return _equal_lists(shown, actual)
        case float():
            return isinstance(actual, float)
        case _:
            return type(shown) is type(actual) and shown == actual


def _equal_text(shown: str, actual: Any) -> bool:
    if shown == ANYTHING:
        return True
    return isinstance(actual, str) and re.fullmatch(_pattern(shown), _tidy(actual)) is not None


def _equal_objects(shown: dict[str, Any], actual: dict[str, Any]) -> bool:
    named = shown.keys() - {ANYTHING}
    complete = ANYTHING in shown or named == actual.keys()
    return (
        complete
        and named <= actual.keys()
        and all(_equal(shown[name], actual[name]) for name in named)
    )


def _equal_lists(shown: list[Any], actual: list[Any]) -> bool:
    if shown[-1:] == [ANYTHING]:
        shown = shown[:-1]
        actual = actual[: len(shown)]
    return len(shown) == len(actual) and all(map(_equal, shown, actual))


def _pattern(shown: str) -> str:
    """Return a regular expression for a text in which varying parts may differ."""
    return "".join(map(_line_pattern, _tidy(shown).splitlines()))


def _line_pattern(line: str) -> str:
    if line == ANYTHING:
        return r"(?:[^\n]*\n)*"
    return "".join(map(_piece, re.split(f"({ANYTHING}|{A_VARYING.pattern})", line))) + r"\n"


def _piece(text: str) -> str:
    if text == ANYTHING:
        return r"[^\n]*"
    varying = next((each for each in VARYING if re.fullmatch(each, text)), None)
    return re.escape(text) if varying is None else varying


def _tidy(text: str) -> str:
    """Drop blank lines, and every run of spaces but one: tables are as wide as their cells."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)
