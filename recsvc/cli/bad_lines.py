"""Bad lines of an imported file: some are left out and told, too many stop the import."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.output import say
from recsvc.domain.errors import BadRequest

EXAMPLES = 5
PERCENT = 100

MaxBad = Annotated[
    float, typer.Option(min=0, max=PERCENT, help="Percent of bad lines above which none count.")
]


def check_faults(file: Path, faults: Sequence[str], good: int, max_bad: float) -> None:
    """Show some faults; raise when more than `max_bad` percent of the lines are bad."""
    for fault in faults[:EXAMPLES]:
        say(f"{file}:{fault}")
    lines = good + len(faults)
    if len(faults) * PERCENT > max_bad * lines:
        raise BadRequest(
            f"{len(faults)} of {lines} lines are bad, which is more than {max_bad:g} %: nothing "
            "was imported",
            code="too_many_bad_lines",
        )
