"""The deployment's secret: `RECSVC_SECRET`, else the file `secret` in the data folder.

The file is made at first use. Several processes may start at once: one makes it, all read it.
"""

import os
import secrets
from pathlib import Path

import structlog

from recsvc.config import Settings
from recsvc.domain.values.customer_keys import Secret

_log = structlog.get_logger()


def open_secret(settings: Settings) -> Secret:
    """Return the secret; raise `secret_too_short` when it is none worth the name."""
    if settings.secret is not None:
        return Secret(settings.secret)
    path = settings.data_dir / "secret"
    try:
        text = path.read_text()
    except FileNotFoundError:
        _make(path)
        text = path.read_text()
    if path.stat().st_mode & 0o077:
        _log.warning("secret_readable_by_others", file=str(path), right="chmod 600")
    return Secret(text)


def _make(path: Path) -> None:
    """Make the file whole or not at all: a link never replaces, and shows no half of a file."""
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
        return  # another process was first; theirs is the secret


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
