"""`recsvc models`: list the versions of a shop, verify one, select the one to serve."""

from typing import Annotated, Any

import msgspec
import typer

from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, settings_of, shop_of
from recsvc.cli.output import print_json, print_table, say
from recsvc.config import Settings, models_root
from recsvc.domain.errors import MissingPrerequisite, ModelRejected
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.model.registry.loader import load, read_manifest
from recsvc.secret_file import open_secret

COLUMNS = ("version", "created_at", "state", "reason")

Version = Annotated[str, typer.Argument(metavar="VERSION")]

app = typer.Typer(help="Model versions: list, verify, activate, rollback.", no_args_is_help=True)


@app.command("list")
def list_models(
    shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List the versions, the oldest first."""
    versions = _versions(settings_of(data_dir), shop_of(shop))
    if shop != DEFAULT_SHOP and not versions.all():
        raise _no_model(versions)
    found = [_describe(versions, version) for version in versions.all()]
    if as_json:
        print_json({"current": versions.current(), "versions": found})
    else:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in found])


@app.command()
def verify(
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="By default the current one.")
    ] = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Read a version completely and compare every hash; exit 2 if it must not be served."""
    settings, name = settings_of(data_dir), shop_of(shop)
    requested = version or _current(_versions(settings, name))
    _verify(settings, name, requested)
    if as_json:
        print_json({"version": requested, "sound": True})
    else:
        say(f"{requested} is sound.")


@app.command()
def activate(version: Version, shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None) -> None:
    """Verify a version, then serve it; running workers load it within 2 seconds."""
    settings, name = settings_of(data_dir), shop_of(shop)
    _verify(settings, name, version)
    _versions(settings, name).activate(version)
    say(f"{version} is current.")


@app.command()
def rollback(shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None) -> None:
    """Serve the newest valid version before the current one."""
    settings, name = settings_of(data_dir), shop_of(shop)
    versions = _versions(settings, name)
    older = _newest_sound_before(_current(versions), settings, name)
    versions.activate(older)
    say(f"{older} is current.")


def _versions(settings: Settings, shop: ShopName) -> Versions:
    return Versions(models_root(settings), shop)


def _current(versions: Versions) -> str:
    current = versions.current()
    if current is None:
        raise _no_model(versions)
    return current


def _no_model(versions: Versions) -> MissingPrerequisite:
    shop = versions.shop
    return MissingPrerequisite(
        f"--shop {shop}: it has no model yet; recsvc-train run --shop {shop} makes one"
    )


def _verify(settings: Settings, shop: ShopName, version: str) -> None:
    versions = _versions(settings, shop)
    if version not in versions.all():
        raise MissingPrerequisite(
            f"VERSION {version!r}: shop {shop} has no such version; recsvc models list shows all, "
            "in the form 20261130T222526.865Z-5db994ef"
        )
    folder = versions.folder(version)
    load(folder, shop=shop, fingerprint=open_secret(settings).fingerprint(), full=True)


def _newest_sound_before(current: str, settings: Settings, shop: ShopName) -> str:
    for version in reversed(_versions(settings, shop).all()):
        if version >= current:
            continue
        try:
            _verify(settings, shop, version)
        except ModelRejected as rejected:
            say(f"{version} is skipped: {rejected.detail}")
            continue
        return version
    raise MissingPrerequisite(f"shop {shop} has no sound version before {current}")


def _describe(versions: Versions, version: str) -> dict[str, Any]:
    rejection = versions.rejected(version)
    try:
        manifest = read_manifest(versions.folder(version))
    except (ModelRejected, OSError, msgspec.MsgspecError) as fault:
        return {**_row(version, "unreadable", str(fault)), "created_at": None, "metrics": {}}
    state = "current" if version == versions.current() else "kept"
    row = _row(version, state) if rejection is None else _row(version, "rejected", rejection.reason)
    return {**row, "created_at": manifest.created_at, "metrics": manifest.metrics}


def _row(version: str, state: str, reason: str | None = None) -> dict[str, Any]:
    return {"version": version, "state": state, "reason": reason}
