"""Purposes as they are named on a command line."""

from collections.abc import Iterable

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest


def checked_purposes(names: Iterable[str]) -> list[Purpose]:
    """Return the purposes; raise BadRequest naming those that are none."""
    unknown = set(names) - set(map(str, Purpose))
    if unknown:
        raise BadRequest(
            f"no such purpose: {', '.join(sorted(unknown))}; there are {', '.join(Purpose)}"
        )
    return list(map(Purpose, names))
