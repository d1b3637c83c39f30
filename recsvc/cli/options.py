"""Options that the commands share, and their parsers."""

import os
from collections.abc import Iterable, Sequence
from math import nan
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.output import say
from recsvc.config import Settings, unknown_variables
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.ids import ID_RULE, SHOP_RULE, ShopName, checked_shop, id_fault
from recsvc.wiring.known_shops import check_shop_exists
from recsvc.wiring.stores import Stores

DEFAULT_SHOP = "default"
EXAMPLES = 5  # bad lines shown
PERCENT = 100

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data folder (RECSVC_DATA_DIR, else .recsvc)."),
]
Shop = Annotated[str, typer.Option("--shop", help="Shop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


def _percentage(text: str | float) -> float:
    """Read `5%` or `5`, which is the same."""
    try:
        value = float(str(text).removesuffix("%"))
    except ValueError:
        value = nan
    if not 0 <= value <= PERCENT:
        raise BadRequest(
            f"--max-bad {text!r} is not a percentage: write 0% to 100%, such as 5%",
            code="bad_option",
        )
    return value


MaxBad = Annotated[
    float,
    typer.Option(
        parser=_percentage,
        metavar="PERCENT",
        help="Highest percentage of bad lines in an import, such as 5%.",
    ),
]


def settings_of(data_dir: Path | None) -> Settings:
    for variable in unknown_variables(os.environ):
        say(f"warning: {variable} is not a setting and is ignored; recsvc check lists the settings")
    return Settings.from_environment(os.environ, data_dir)


def shop_of(text: str) -> ShopName:
    try:
        return checked_shop(text)
    except BadRequest:
        raise BadRequest(
            f"--shop {text!r} is not a shop name: write {SHOP_RULE}", code="bad_shop"
        ) from None


def known_shop(stores: Stores, text: str) -> ShopName:
    """Return the shop; raise for one that has neither a key nor any data, probably a typing error.

    Commands that only read or take away use it; the ones that add data may begin a shop.
    """
    name = shop_of(text)
    check_shop_exists(stores, name)
    return name


def id_of(text: str, argument: str) -> str:
    """Return a valid id; raise with the name of its argument and the rule."""
    fault = id_fault(text)
    if fault is not None:
        raise BadRequest(
            f"{argument} is not a valid id: {fault}; an id is {ID_RULE}", code="bad_id"
        )
    return text


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
