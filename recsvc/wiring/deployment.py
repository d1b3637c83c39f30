"""The settings and the secret of one data folder. Starts nothing and connects to nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from errno import ENOTDIR
from pathlib import Path

from recsvc.config import Settings, models_root
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.customer_keys import CustomerHasher, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.secret_file import open_secret
from recsvc.stores.embedded.folder import ValkeyFolder

_KERNEL_MOUNTS = (Path("/proc"), Path("/sys"))


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings and the secret of one data folder."""

    settings: Settings
    secret: Secret

    def hasher(self, shop: ShopName) -> CustomerHasher:
        return CustomerHasher(self.secret, shop)

    def versions(self, shop: ShopName) -> Versions:
        return Versions(models_root(self.settings), shop)


def open_deployment(environ: Mapping[str, str], data_dir: Path | None) -> Deployment:
    """Read the settings and the secret; make the data folder and the secret if they are missing."""
    settings = Settings.from_environment(environ, data_dir)
    make_data_folder(settings)
    return Deployment(settings, open_secret(settings))


def make_data_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        detail = _cannot_be_made(settings, fault.strerror)
        raise BadRequest(detail, code="bad_data_dir") from fault


def data_folder_fault(settings: Settings) -> str | None:
    """Return the reason why there is no data folder and none can be made; make nothing."""
    try:
        if settings.data_dir.is_dir():
            return None
        nearest = _nearest_existing(settings.data_dir)
        if nearest == settings.data_dir or not nearest.is_dir():
            return _cannot_be_made(settings, f"{nearest}: {os.strerror(ENOTDIR)}")
        if not can_hold_files(nearest):
            return _cannot_be_made(settings, f"{nearest} is not writable")
    except OSError as fault:
        return _cannot_be_made(settings, fault.strerror)
    return None


def can_hold_files(folder: Path) -> bool:
    """True when this user may make files in an existing folder; make none."""
    return os.access(folder, os.W_OK | os.X_OK) and not _is_of_kernel(folder)


def _is_of_kernel(folder: Path) -> bool:
    """True in /proc and /sys: their permissions admit root, and yet no file can be made there."""
    return any(
        mount.is_mount() and folder.stat().st_dev == mount.stat().st_dev for mount in _KERNEL_MOUNTS
    )


def _nearest_existing(path: Path) -> Path:
    """Return the path, or the nearest folder or file above it that exists."""
    return next(each for each in (path, *path.absolute().parents) if os.path.lexists(each))


def _cannot_be_made(settings: Settings, why: str | None) -> str:
    return (
        f"there is no data folder {settings.data_dir} and none can be made ({why}); "
        "name another with --data-dir or RECSVC_DATA_DIR"
    )


def has_embedded_data(settings: Settings) -> bool:
    """True when the embedded server has run in the data folder."""
    return ValkeyFolder(settings.data_dir).path.is_dir()


def check_deployment(environ: Mapping[str, str], data_dir: Path | None) -> None:
    """Raise BadRequest when there is no data folder to read from."""
    check_data_folder(Settings.from_environment(environ, data_dir))


def check_data_folder(settings: Settings) -> None:
    """Raise BadRequest when the data folder is missing: its name is probably misspelt."""
    if settings.redis_url is None and not settings.data_dir.is_dir():
        raise BadRequest(
            f"there is no data folder {settings.data_dir}, so there is nothing to read; name "
            "another with --data-dir or RECSVC_DATA_DIR",
            code="bad_data_dir",
        )
