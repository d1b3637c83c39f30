"""`recsvc check`: every setting, and the results of checks on the data folder, store and models.

It makes no data folder and no secret, and records no rejection of a model. Exit code 2: the service
could not start.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import typer

from recsvc.cli.options import AsJson, DataDir, settings_of
from recsvc.cli.output import explain, print_json, print_table, print_text
from recsvc.config import Settings, models_root
from recsvc.config_table import SETTINGS, Setting
from recsvc.domain.errors import RecsvcError
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.model.registry.registry import shops_under
from recsvc.secret_file import find_secret
from recsvc.signal_file import open_signals
from recsvc.wiring.deployment import can_hold_files, data_folder_fault, has_embedded_data
from recsvc.wiring.services import open_registry
from recsvc.wiring.stores import Stores, open_stores

GOOD, MISSING, WARNING, BAD = "ok", "missing", "warning", "bad"
EXIT_BAD = 2
_MADE_BY_WRITES = "the first command that writes makes it: recsvc keys create --scope all"


class CheckResult(msgspec.Struct, frozen=True):
    """The result of one check."""

    what: str
    verdict: str
    detail: str


def check(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every setting, and every reason why the service could not start."""
    settings = settings_of(data_dir)
    results = list(_results(settings))
    rows = [_setting_row(setting, settings, data_dir) for setting in SETTINGS]
    if as_json:
        print_json({"settings": rows, "findings": results})
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        print_text("")
        fields = ("what", "verdict", "detail")
        print_table(fields, [[getattr(each, field) for field in fields] for each in results])
    if any(result.verdict == BAD for result in results):
        raise typer.Exit(EXIT_BAD)


def _setting_row(setting: Setting, settings: Settings, data_dir: Path | None) -> dict[str, Any]:
    value = getattr(settings, setting.attribute)
    shown = _as_set(value)
    if value is None or value == ():
        shown = "not set"
    elif setting.confidential:
        shown = "set, not shown"
    origin = "environment" if os.environ.get(setting.variable) else "default"
    if setting.attribute == "data_dir" and data_dir is not None:
        origin = "--data-dir"
    return {
        "setting": setting.variable,
        "value": shown,
        "from": origin,
        "default": setting.default,
        "meaning": setting.meaning,
    }


def _as_set(value: object) -> str:
    """Return a value as an environment variable holds it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value) if isinstance(value, bool) else value)


def _results(settings: Settings) -> Iterator[CheckResult]:
    fault = data_folder_fault(settings)
    if fault is not None:
        yield CheckResult("data folder", BAD, fault)
    elif settings.data_dir.is_dir():
        yield CheckResult("data folder", GOOD, str(settings.data_dir.resolve()))
    else:
        yield CheckResult("data folder", MISSING, f"{settings.data_dir}; {_MADE_BY_WRITES}")
    try:
        secret = find_secret(settings)
    except (RecsvcError, OSError) as fault:
        yield CheckResult("secret", BAD, str(fault))
        return
    if secret is None:
        yield _missing_secret(settings)
    else:
        yield CheckResult("secret", GOOD, f"fingerprint {secret.fingerprint()}")
    # Opening a store without a secret would make one: no answer below depends on it.
    readable = settings if secret else replace(settings, secret=secrets.token_urlsafe(48))
    yield from _signals(settings)
    yield from _store_results(readable)
    try:
        yield from list(_models(settings, secret) if secret else _unchecked_models(settings))
    except OSError as models_fault:
        yield CheckResult("models", BAD, f"cannot be read: {models_fault}")


def _missing_secret(settings: Settings) -> CheckResult:
    folder = settings.data_dir
    if folder.is_dir() and not can_hold_files(folder):
        return CheckResult("secret", BAD, f"none, and none can be made: {folder} is not writable")
    return CheckResult("secret", MISSING, f"{folder / 'secret'}; {_MADE_BY_WRITES}")


def _signals(settings: Settings) -> Iterator[CheckResult]:
    """Check the file of consent signals, if one is set."""
    if settings.consent_signals is None:
        return
    try:
        open_signals(settings)
    except RecsvcError as fault:
        yield CheckResult("consent signals", BAD, fault.detail)
    else:
        yield CheckResult("consent signals", GOOD, str(settings.consent_signals))


def _store_results(settings: Settings) -> Iterator[CheckResult]:
    """Check the store and its keys; a store that cannot be reached is one result."""
    if settings.redis_url is None and not has_embedded_data(settings):
        yield CheckResult("store", MISSING, f"the embedded server has no data; {_MADE_BY_WRITES}")
        yield _keys(())
        return
    try:
        with open_stores(settings, durable=False) as stores:
            found = [_store(stores), *_erasure(stores), _keys(stores.api_keys.shops())]
    except RecsvcError as fault:
        found = [CheckResult("store", BAD, explain(fault))]
    except OSError as fault:
        found = [CheckResult("store", BAD, str(fault))]
    yield from found


def _store(stores: Stores) -> CheckResult:
    where = "RECSVC_REDIS_URL" if stores.settings.redis_url else "the embedded server"
    fault = stores.durability_fault()
    if fault is None:
        return CheckResult("store", GOOD, f"{where} answers and keeps what it acknowledges")
    if stores.settings.insecure:
        return CheckResult("store", GOOD, f"{fault}; RECSVC_INSECURE=1 accepts that")
    return CheckResult("store", BAD, fault)


def _erasure(stores: Stores) -> Iterator[CheckResult]:
    """Check the settings behind erasure. The service starts without them."""
    fault = stores.erasure_fault()
    if fault is not None:
        yield CheckResult("erasure", WARNING, fault)


def _keys(shops: Sequence[ShopName]) -> CheckResult:
    if not shops:
        return CheckResult(
            "keys", BAD, "there is no API key; make one: recsvc keys create --scope all"
        )
    return CheckResult("keys", GOOD, "of " + ", ".join(shops))


def _models(settings: Settings, secret: Secret) -> Iterator[CheckResult]:
    """Check the models. The service starts without one, and is then not ready."""
    registry = open_registry(settings, secret, read_only=True)
    registry.refresh()
    for shop in registry.shops():
        status = registry.status(shop)
        if status.rejection is not None:
            refused = f"{status.rejection.version} is refused: {status.rejection.reason}"
            yield CheckResult(f"model of {shop}", BAD, f"{refused}; serving {status.version}")
        else:
            yield CheckResult(f"model of {shop}", GOOD, str(status.version))
    if not registry.shops():
        yield _no_models(settings)


def _unchecked_models(settings: Settings) -> Iterator[CheckResult]:
    """Name the models that cannot be checked: the service would make a secret and refuse them."""
    shops = shops_under(models_root(settings))
    for shop in shops:
        verdict = BAD if Versions(models_root(settings), shop).all() else MISSING
        yield CheckResult(f"model of {shop}", verdict, "cannot be checked without the secret")
    if not shops:
        yield _no_models(settings)


def _no_models(settings: Settings) -> CheckResult:
    where = models_root(settings)
    return CheckResult("models", MISSING, f"none under {where}; recsvc-train run makes one")
