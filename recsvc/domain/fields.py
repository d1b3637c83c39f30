"""How values that a shop sends are refused: with the value, shortened, and what would be right."""

import json
from typing import Any

SHOWN = 64  # characters of a wrong value that its refusal repeats


class Wrong(ValueError):
    """A value is not what its field's rule says."""


def repeated(value: Any) -> str:
    """Return a value as its refusal repeats it: as JSON spells it, in ASCII."""
    text = json.dumps(value, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
