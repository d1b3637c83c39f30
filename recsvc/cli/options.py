"""Options that the commands share, and their parsers."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.output import say
from recsvc.config import Settings, unknown_variables
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import ShopName, checked_shop

DEFAULT_SHOP = "default"
EXAMPLES = 5  # bad lines shown
PERCENT = 100

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data folder (RECSVC_DATA_DIR, else .recsvc)."),
]
Shop = Annotated[str, typer.Option("--shop", help="Shop.")]
MaxBad = Annotated[
    float,
    typer.Option(min=0, max=PERCENT, help="Highest percentage of bad lines in an import."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


def settings_of(data_dir: Path | None) -> Settings:
    for variable in unknown_variables(os.environ):
        say(f"warning: {variable} is not a setting and is ignored; recsvc check lists the settings")
    return Settings.from_environment(os.environ, data_dir)


def shop_of(text: str) -> ShopName:
    return checked_shop(text)


def checked_purposes(names: Iterable[str]) -> list[Purpose]:
    """Return the purposes; raise BadRequest with the unknown names."""
    unknown = set(names) - set(map(str, Purpose))
    if unknown:
        raise BadRequest(
            f"no such purpose: {', '.join(sorted(unknown))}; the purposes are {', '.join(Purpose)}"
        )
    return list(map(Purpose, names))


def check_faults(file: Path, faults: Sequence[str], good: int, max_bad: float) -> None:
    """Print some faults; raise if more than `max_bad` percent of the lines are bad."""
    for fault in faults[:EXAMPLES]:
        say(f"{file}:{fault}")
    lines = good + len(faults)
    if len(faults) * PERCENT > max_bad * lines:
        raise BadRequest(
            f"{len(faults)} of {lines} lines are bad, which is more than {max_bad:g} %: nothing "
            "was imported",
            code="too_many_bad_lines",
        )
