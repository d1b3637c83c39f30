"""The deployment's secret: `RECSVC_SECRET`, else the file `secret` in the data folder.

The file is made at first use. When several processes start at once, one makes it and all read it.
"""

import os
import secrets
from pathlib import Path

import structlog

from recsvc.config import Settings
from recsvc.domain.values.customer_keys import Secret

_log = structlog.get_logger()


def open_secret(settings: Settings) -> Secret:
    """Return the secret, and make its file at first use; raise `secret_too_short`."""
    secret = find_secret(settings)
    if secret is not None:
        return secret
    _make(_path(settings))
    return Secret(_path(settings).read_text())


def find_secret(settings: Settings) -> Secret | None:
    """Return the secret, or None if its file is missing; raise `secret_too_short`."""
    if settings.secret is not None:
        return Secret(settings.secret)
    path = _path(settings)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    if path.stat().st_mode & 0o077:
        _log.warning("secret_readable_by_others", file=str(path), right="chmod 600")
    return Secret(text)


def _path(settings: Settings) -> Path:
    return settings.data_dir / "secret"


def _make(path: Path) -> None:
    """Write a draft and link it: a link appears whole, and never replaces an existing file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".secret-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _link(draft, path)
    finally:
        draft.unlink()
    _fsync_folder(path.parent)


def _link(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # another process was first; its file is the secret


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
