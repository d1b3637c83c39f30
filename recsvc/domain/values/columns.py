"""The rule for the columns of a table file: each has a name, and no two have the same."""

from collections.abc import Sequence


def columns_fault(names: Sequence[str]) -> str | None:
    """Return why the columns of a header cannot be used; None if they can."""
    for place, name in enumerate(names):
        if not name.strip():
            return f"column {place + 1} of the header has no name"
        if name in names[:place]:
            return f"the header names the column {name!r} twice"
    return None
