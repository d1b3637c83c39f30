"""Category paths: the names from the top category to the item's own, as `Apparel > Shoes`. Pure."""

from collections.abc import Iterator
from functools import lru_cache

from recsvc.domain.values.labels import MAX_LABEL_LENGTH, label_fault

SEPARATOR = " > "
MAX_LEVELS = 8
MAX_PATH_BYTES = 512
PATH_RULE = (
    f"a category or a path of categories separated by '>', of 1 to {MAX_LEVELS} names, each of 1 "
    f"to {MAX_LABEL_LENGTH} characters, none of them a control character; at most {MAX_PATH_BYTES} "
    f"bytes"
)

_MARK = ">"
_MAX_TEXT = 2 * MAX_PATH_BYTES  # characters, with spaces that normalisation removes


class InvalidPath(ValueError):
    """The text is no category path; the message has the reason."""


def normalised(text: str) -> str:
    """Return the path with one space on each side of `>`; raise InvalidPath with the reason."""
    if len(text) > _MAX_TEXT:  # the cache must not keep it
        raise InvalidPath(f"has more than {MAX_PATH_BYTES} bytes")
    return _normalised(text)


@lru_cache(maxsize=4096)  # the filters of requests and the categories of items repeat
def _normalised(text: str) -> str:
    names = _names(text)
    if len(names) > MAX_LEVELS:
        raise InvalidPath(f"has {len(names)} levels; at most {MAX_LEVELS} are allowed")
    for name in names:
        fault = label_fault(name)
        if fault is not None:
            raise InvalidPath(_fault_of_name(fault, len(names)))
    path = SEPARATOR.join(names)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidPath(f"has more than {MAX_PATH_BYTES} bytes")
    return path


def lenient(text: str) -> str:
    """Return a stored category as a path; a text that is none stays one name, unchanged.

    Categories that were stored before paths existed may contain `>` anywhere.
    """
    try:
        return normalised(text)
    except InvalidPath:
        return text


def ancestors(path: str) -> tuple[str, ...]:
    """Return the parents of a normalised path, the nearest first."""
    return tuple(_parents(path))


def lineage(path: str) -> tuple[str, ...]:
    """Return a normalised path and its parents, the nearest first."""
    return (path, *_parents(path))


def covers(category: str, path: str) -> bool:
    """Return whether `category` is `path` or one of its parents; both are normalised."""
    return path == category or path.startswith(category + SEPARATOR)


def _parents(path: str) -> Iterator[str]:
    at = path.rfind(SEPARATOR)
    while at > 0:
        path = path[:at]
        yield path
        at = path.rfind(SEPARATOR)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(_MARK)]


def _fault_of_name(fault: str, levels: int) -> str:
    if fault == "empty":
        return "is empty" if levels == 1 else "has an empty name beside '>'"
    return f"has a name that {_with_verb(fault)}"


def _with_verb(fault: str) -> str:
    return fault if fault.startswith("contains") else f"is {fault}"
