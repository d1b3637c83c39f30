"""The folder of one shop's versions: existing, current and rejected ones.

`models/<shop>/<version>/` is immutable after publication. `CURRENT` names the version to serve;
`<version>.rejected` holds the reason why a version must not be served. Both are replaced
atomically: a reader sees the old text or the new. Names that begin with `.tmp-` are unfinished and
never read.
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.ids import ShopName, checked_shop
from recsvc.filesystem.atomic_write import replace_durably
from recsvc.filesystem.regular_file import open_regular
from recsvc.model.artifact.rejection import Rejection

CURRENT_FILE = "CURRENT"
MAX_TEXT_BYTES = 4096

_VERSION = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}", re.ASCII)

Stamp = tuple[int, int, int]


def version_name(now: datetime, content_sha256: str) -> str:
    """Return the name of a version: its time and the hash of its content."""
    moment = now.astimezone(UTC)
    milliseconds = moment.microsecond // 1000
    return f"{moment:%Y%m%dT%H%M%S}.{milliseconds:03d}Z-{content_sha256[:8]}"


class Versions:
    """The versions of one shop. `root`: the folder of all shops' models."""

    __slots__ = ("_root", "home", "shop")

    def __init__(self, root: Path, shop: ShopName) -> None:
        self._root = root
        self.shop = checked_shop(shop)
        self.home = root / shop

    def all(self) -> list[str]:
        """Return the names of all versions, the oldest first."""
        try:
            with os.scandir(self.home) as entries:
                return sorted(e.name for e in entries if _is_version_folder(e))
        except FileNotFoundError:
            return []

    def current(self) -> str | None:
        """Return the version to serve; None before the first publication."""
        text = _read_small(self.home / CURRENT_FILE)
        return None if text is None else _checked_version(text.removesuffix("\n"))

    def stamp(self) -> Stamp | None:
        """Return a value that changes when `CURRENT` is replaced, without reading the file."""
        try:
            status = (self.home / CURRENT_FILE).stat()
        except (FileNotFoundError, NotADirectoryError):  # the latter: a file named like a shop
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def folder(self, version: str) -> Path:
        """Return the version's folder; raise ModelRejected if it is missing or outside the root."""
        folder = self.home / _checked_version(version)
        if folder.is_symlink():
            raise ModelRejected(f"version {version} is a symbolic link")
        if not folder.is_dir():
            raise ModelRejected(f"version {version} is not a folder")
        if folder.resolve() != self._root.resolve() / self.shop / version:
            raise ModelRejected(f"version {version} is outside of {self._root}")
        return folder

    def activate(self, version: str) -> None:
        """Make a version current and remove its rejection, so that it is checked again."""
        self.folder(version)
        self.lift_rejection(version)
        replace_durably(self.home / CURRENT_FILE, f"{version}\n".encode())

    def reject(self, version: str, reason: str, code: str = ModelRejected.code) -> None:
        """Write the reason why this version must not be served beside the versions."""
        rejection = Rejection(_checked_version(version), code, reason[: MAX_TEXT_BYTES // 4])
        replace_durably(self._rejection_file(version), msgspec.json.encode(rejection) + b"\n")

    def rejected(self, version: str) -> Rejection | None:
        """Return the rejection of a version, if any; an unreadable record counts as one."""
        text = _read_small(self._rejection_file(version))
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=Rejection)
        except msgspec.MsgspecError:
            return Rejection(version, ModelRejected.code, "the rejection cannot be read")

    def lift_rejection(self, version: str) -> None:
        self._rejection_file(version).unlink(missing_ok=True)

    def _rejection_file(self, version: str) -> Path:
        return self.home / f"{_checked_version(version)}.rejected"


def _checked_version(text: str) -> str:
    """Return `text` when it names a version; raise ModelRejected otherwise."""
    if _VERSION.fullmatch(text):
        return text
    raise ModelRejected(f"{text[:80]!r} is not the name of a version")


def _is_version_folder(entry: os.DirEntry[str]) -> bool:
    return bool(_VERSION.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _read_small(file: Path) -> str | None:
    try:
        with open_regular(file) as stream:
            return stream.read(MAX_TEXT_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return None
