"""How values that a shop sends are refused: with the value, shortened, and what would be right."""

from typing import Any

SHOWN = 64  # characters of a wrong value that its refusal repeats


class Wrong(ValueError):
    """A value is not what its field's rule says."""


def repeated(value: Any) -> str:
    """Return a value as its refusal repeats it."""
    text = ascii(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
