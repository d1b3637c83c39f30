"""The options that every command shares, and what becomes of them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.output import say
from recsvc.config import Settings, unknown_variables
from recsvc.domain.values.ids import ShopName, checked_shop

DEFAULT_SHOP = "default"

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data folder (RECSVC_DATA_DIR, else .recsvc)."),
]
Shop = Annotated[str, typer.Option("--shop", help="The shop this is about.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


def settings_of(data_dir: Path | None) -> Settings:
    for variable in unknown_variables(os.environ):
        say(f"warning: {variable} is no setting and is ignored; recsvc check lists those there are")
    return Settings.from_environment(os.environ, data_dir)


def shop_of(text: str) -> ShopName:
    return checked_shop(text)
