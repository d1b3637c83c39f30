"""`recsvc check`: what is set, and whether the service could start with it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

from recsvc.cli.options import AsJson, DataDir, settings_of
from recsvc.cli.output import explain, print_json, print_table, print_text
from recsvc.config import SETTINGS, Setting, Settings, models_root
from recsvc.domain.errors import RecsvcError
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import ShopName
from recsvc.secret_file import open_secret
from recsvc.signal_file import open_signals
from recsvc.wiring.deployment import make_data_folder
from recsvc.wiring.services import open_registry
from recsvc.wiring.stores import Stores, open_stores

GOOD, MISSING, BAD = "ok", "missing", "bad"
EXIT_BAD = 2


class CheckResult(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    verdict: str
    detail: str


def check(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every setting, and what would keep the service from starting."""
    settings = settings_of(data_dir)
    findings = list(_findings(settings))
    rows = [_setting_row(setting, settings, data_dir) for setting in SETTINGS]
    if as_json:
        print_json({"settings": rows, "findings": findings})
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        print_text("")
        fields = ("what", "verdict", "detail")
        print_table(fields, [[getattr(f, field) for field in fields] for f in findings])
    if any(finding.verdict == BAD for finding in findings):
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
    """Return a value as it would be written in the environment."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value) if isinstance(value, bool) else value)


def _findings(settings: Settings) -> Iterator[CheckResult]:
    try:
        make_data_folder(settings)
    except RecsvcError as fault:
        yield CheckResult("data folder", BAD, fault.detail)
        return
    yield CheckResult("data folder", GOOD, str(settings.data_dir.resolve()))
    try:
        secret = open_secret(settings)
    except (RecsvcError, OSError) as fault:
        yield CheckResult("secret", BAD, str(fault))
        return
    yield CheckResult("secret", GOOD, f"fingerprint {secret.fingerprint()}")
    yield from _signals(settings)
    yield from _stored(settings)
    yield from _models(settings, secret)


def _signals(settings: Settings) -> Iterator[CheckResult]:
    """Look at what consent banners are taken to say, unless that is the default."""
    if settings.consent_signals is None:
        return
    try:
        open_signals(settings)
    except RecsvcError as fault:
        yield CheckResult("consent signals", BAD, fault.detail)
    else:
        yield CheckResult("consent signals", GOOD, str(settings.consent_signals))


def _stored(settings: Settings) -> Iterator[CheckResult]:
    """Look at the store and what is in it; one that cannot be asked is one finding."""
    try:
        with open_stores(settings, durable=False) as stores:
            found = [_store(stores), _keys(stores.api_keys.shops())]
    except RecsvcError as fault:
        found = [CheckResult("store", BAD, explain(fault))]
    yield from found


def _store(stores: Stores) -> CheckResult:
    where = "RECSVC_REDIS_URL" if stores.settings.redis_url else "the embedded server"
    fault = stores.durability_fault()
    if fault is None:
        return CheckResult("store", GOOD, f"{where} answers and keeps what it acknowledges")
    if stores.settings.insecure:
        return CheckResult("store", GOOD, f"{fault}; RECSVC_INSECURE=1 accepts that")
    return CheckResult("store", BAD, fault)


def _keys(shops: Sequence[ShopName]) -> CheckResult:
    if not shops:
        return CheckResult("keys", BAD, "none, so nobody could ask: recsvc keys create --scope all")
    return CheckResult("keys", GOOD, "of " + ", ".join(shops))


def _models(settings: Settings, secret: Secret) -> Iterator[CheckResult]:
    """Look at the models: the service starts without one, and is not ready."""
    registry = open_registry(settings, secret)
    registry.refresh()
    for shop in registry.shops():
        status = registry.status(shop)
        if status.rejection is not None:
            refused = f"{status.rejection.version} is refused: {status.rejection.reason}"
            yield CheckResult(f"model of {shop}", BAD, f"{refused}; serving {status.version}")
        else:
            yield CheckResult(f"model of {shop}", GOOD, str(status.version))
    if not registry.shops():
        where = models_root(settings)
        yield CheckResult("models", MISSING, f"none under {where}; recsvc-train run makes one")
