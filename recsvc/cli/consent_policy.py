"""`recsvc consents policy`: the minimum policy version of grants, per purpose."""

from typing import Annotated

import typer

from recsvc.cli.options import (
    DEFAULT_SHOP,
    AsJson,
    DataDir,
    Shop,
    checked_purposes,
    known_shop,
    settings_of,
    shop_of,
)
from recsvc.cli.output import print_json, print_table
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.labels import LABEL_RULE, checked_label
from recsvc.stores.consents.policy_clock import Minimums
from recsvc.wiring.stores import open_stores

Purposes = Annotated[
    list[str], typer.Option("--purpose", help=f"One of {', '.join(Purpose)}; repeatable.")
]

app = typer.Typer(
    help="Show, set and clear the minimum policy version per purpose.", no_args_is_help=True
)


@app.command()
def show(shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the minimum version of each purpose."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        _print(stores.policy.get(known_shop(stores, shop)), as_json)


@app.command("set")
def set_minimum(
    purpose: Purposes,
    minimum: Annotated[str, typer.Option(help=f"The minimum version: {LABEL_RULE}.")],
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Expire grants under an earlier version or without one; effective immediately.

    Versions are compared in natural order: v9 < v10, and 2026-2 < 2026-11.
    """
    _change(purpose, checked_label(minimum, "--minimum"), shop, data_dir, as_json)


@app.command()
def clear(
    purpose: Purposes,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove the minimum: grants count under any policy version."""
    _change(purpose, None, shop, data_dir, as_json)


def _change(
    purposes: list[str], minimum: str | None, shop: str, data_dir: DataDir, as_json: bool
) -> None:
    versions = dict.fromkeys(checked_purposes(purposes), minimum)
    with open_stores(settings_of(data_dir)) as stores:
        _print(stores.policy.change(shop_of(shop), versions), as_json)


def _print(minimums: Minimums, as_json: bool) -> None:
    rows = {str(purpose): minimums.get(purpose) for purpose in Purpose}
    if as_json:
        print_json(rows)
    else:
        print_table(["purpose", "minimum"], rows.items())
