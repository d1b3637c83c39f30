"""Labels: short texts of the shop that are stored and returned unchanged. Pure."""

import json
import unicodedata

from recsvc.domain.errors import BadRequest, FieldError

MAX_LABEL_LENGTH = 128
_MAX_SHOWN = 64  # characters of an invalid label that an error repeats
LABEL_RULE = f"1 to {MAX_LABEL_LENGTH} characters, none of them a control character"


def label_fault(text: str) -> str | None:
    """Return why `text` is not a valid label; None if it is valid."""
    if not text:
        return "empty"
    if len(text) > MAX_LABEL_LENGTH:
        return f"{len(text)} characters long"
    categories = {unicodedata.category(character) for character in text}
    if "Cs" in categories:  # half of a surrogate pair, which UTF-8 cannot encode
        return "not valid UTF-8"
    return "contains a control character" if "Cc" in categories else None


def checked_label(text: str | None, field: str) -> str | None:
    """Return `text` if it is a valid label or absent; raise `bad_label` for the field otherwise."""
    fault = None if text is None else label_fault(text)
    if fault is None:
        return text
    verb = "" if fault.startswith("contains") else "is "
    raise BadRequest(
        f"{field} is not a valid label: {fault}",
        code="bad_label",
        errors=[
            FieldError(field, f"{_shown(text)} {verb}{fault}; a label is a text of {LABEL_RULE}")
        ],
    )


def _shown(text: str | None) -> str:
    shown = json.dumps(text)
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
