"""Ids in paths. Any text between the fixed parts reaches the view, which checks it as an id.

So a bad id is a 400 that names it, also where it is empty. Werkzeug's own converter would answer
404 or a redirect. An id may contain slashes: the server decodes `%2F`, and a path is read so that
no id contains a fixed part of a path behind a slash, which no valid id does.
"""

from werkzeug.routing import BaseConverter

from recsvc.domain.offers.decision_ids import MAX_DECISION_ID_LENGTH
from recsvc.domain.values.ids import MAX_ID_BYTES, PATH_PARTS, bad_id, checked_id
from recsvc.domain.values.validation import shortened_json

REPLACED = "\N{REPLACEMENT CHARACTER}"

_OTHER_LENGTHS = {"decision_id": MAX_DECISION_ID_LENGTH}


class IdConverter(BaseConverter):
    """Matches any text, slashes and the empty text included, but no fixed part of a path."""

    regex = rf"(?s:(?:(?!/(?:{'|'.join(PATH_PARTS)})(?:/|\Z)).)*?)"
    part_isolating = False


def path_id(text: str, field: str, raw_path: str) -> str:
    """Return the id in a path. `raw_path` is WSGI's PATH_INFO: bytes, as Latin-1.

    Werkzeug replaces bytes that are not UTF-8 by U+FFFD; only the raw path distinguishes them from
    an id that contains that character.
    """
    if REPLACED in text and not _is_utf8(raw_path):
        raise bad_id(field, f"{shortened_json(text)} is not valid UTF-8")
    return checked_id(text, field, most_bytes(field))


def most_bytes(field: str) -> int:
    """Return the maximum length of an id in a path, in bytes."""
    return _OTHER_LENGTHS.get(field, MAX_ID_BYTES)


def _is_utf8(raw_path: str) -> bool:
    try:
        raw_path.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True
