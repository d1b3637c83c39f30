"""The settings and the secret of one data folder. Starts nothing and connects to nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recsvc.config import Settings, models_root
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.customer_keys import CustomerHasher, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.secret_file import open_secret
from recsvc.stores.embedded.folder import ValkeyFolder


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
        raise BadRequest(
            f"there is no data folder {settings.data_dir} and none can be made "
            f"({fault.strerror}); name another with --data-dir or RECSVC_DATA_DIR",
            code="bad_data_dir",
        ) from fault


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
