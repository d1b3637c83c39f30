"""Ids in paths. Any text between the fixed parts reaches the view, which then judges it.

So a wrong id is a 400 that names it, also where it is empty or holds an encoded slash; with
Werkzeug's own converter those would be a 404 or a redirect.
"""

from werkzeug.routing import BaseConverter

from recsvc.domain.offers.decision_ids import MAX_DECISION_ID_LENGTH
from recsvc.domain.values.ids import MAX_ID_BYTES, bad_id, checked_id

REPLACED = "\N{REPLACEMENT CHARACTER}"

_OTHER_LENGTHS = {"decision_id": MAX_DECISION_ID_LENGTH}


class IdConverter(BaseConverter):
    """Matches any text, slashes and nothing at all included."""

    regex = r"(?s:.*?)"
    part_isolating = False


def path_id(text: str, field: str, raw_path: str) -> str:
    """Return the id in a path. `raw_path` is WSGI's PATH_INFO: bytes, as Latin-1.

    Werkzeug has put U+FFFD where bytes were not UTF-8; only the raw path tells that apart
    from an id that really holds it.
    """
    if REPLACED in text and not _is_utf8(raw_path):
        raise bad_id(field, "not valid UTF-8")
    return checked_id(text, field, most_bytes(field))


def most_bytes(field: str) -> int:
    """Return how long an id in a path may be."""
    return _OTHER_LENGTHS.get(field, MAX_ID_BYTES)


def _is_utf8(raw_path: str) -> bool:
    try:
        raw_path.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True
