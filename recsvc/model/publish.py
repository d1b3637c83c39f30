"""Publish a version: write it aside, make sure the disk has it, then make it current.

Everything before the last rename happens where no reader looks, so a crash at any point leaves
the old version current and whole. One publication at a time per shop: the others wait.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsvc.domain.errors import ModelRejected
from recsvc.filesystem.atomic_write import (
    TEMPORARY_PREFIX,
    sync_folder,
    temporary_in,
    write_durably,
)
from recsvc.model.artifact.artifact import Artifact
from recsvc.model.artifact.format import FORMAT, MANIFEST_FILE, Array, Arrays, file_of
from recsvc.model.artifact.manifest import ArrayEntry, Manifest, encode
from recsvc.model.artifact.npy import encode as encode_array
from recsvc.model.artifact.versions import Versions, version_name
from recsvc.model.registry.loader import load

STALE_SECONDS = 3600
LOCK_FILE = ".publishing"


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """What only the trainer knows of a version. `fingerprint` is that of the secret in use."""

    fingerprint: str
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def publish(versions: Versions, artifact: Artifact, facts: ManifestFacts, *, now: datetime) -> str:
    """Write the artifact as a new version, verify it from the disk, and make it current.

    Returns the version's name. Raises ModelRejected, and leaves `CURRENT` alone, when the
    artifact is not sound or the disk gives back something else than was written.
    """
    arrays = artifact.to_arrays()
    versions.home.mkdir(parents=True, exist_ok=True)
    with _publication_lock(versions.home):
        _remove_stale(versions.home, now)
        version = _write(versions, arrays, facts, now)
        _verify(versions, version, facts.fingerprint)
        versions.activate(version)
    return version


def _write(versions: Versions, arrays: Arrays, facts: ManifestFacts, now: datetime) -> str:
    temporary = temporary_in(versions.home)
    temporary.mkdir()
    try:
        entries = {name: _write_array(temporary, name, array) for name, array in arrays.items()}
        manifest = _manifest(versions, entries, facts, now)
        write_durably(temporary / MANIFEST_FILE, encode(manifest))
        sync_folder(temporary)
        temporary.rename(versions.home / manifest.version)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(versions.home)
    return manifest.version


def _write_array(folder: Path, name: str, array: Array) -> ArrayEntry:
    header, content = encode_array(array)
    digest = hashlib.sha256(header)
    digest.update(content)
    write_durably(folder / file_of(name), header, content)
    return ArrayEntry(digest.hexdigest(), array.dtype.str, (len(array),))


def _manifest(
    versions: Versions, entries: Mapping[str, ArrayEntry], facts: ManifestFacts, now: datetime
) -> Manifest:
    version, made = _free_name(versions, entries, now.astimezone(UTC))
    return Manifest(
        format=FORMAT,
        version=version,
        created_at=made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        shop=versions.shop,
        secret_fingerprint=facts.fingerprint,
        seed=facts.seed,
        parameters=dict(facts.parameters),
        metrics=dict(facts.metrics),
        arrays=dict(entries),
        data=dict(facts.data),
    )


def _free_name(
    versions: Versions, entries: Mapping[str, ArrayEntry], now: datetime
) -> tuple[str, datetime]:
    """Return a name of now, or of the first millisecond that no version has yet."""
    content = hashlib.sha256("".join(entries[name].sha256 for name in sorted(entries)).encode())
    taken = {version.split("-")[0] for version in versions.all()}
    while (version := version_name(now, content.hexdigest())).split("-")[0] in taken:
        now += timedelta(milliseconds=1)
    return version, now


def _verify(versions: Versions, version: str, fingerprint: str) -> None:
    try:
        load(versions.folder(version), shop=versions.shop, fingerprint=fingerprint, full=True)
    except ModelRejected as rejected:
        versions.reject(version, rejected.detail, rejected.code)
        raise


@contextmanager
def _publication_lock(home: Path) -> Iterator[None]:
    """Hold the shop's publication lock; the kernel frees it when the process dies."""
    with (home / LOCK_FILE).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_stale(home: Path, now: datetime) -> None:
    """Remove what publications that died have left."""
    for leftover in home.glob(f"{TEMPORARY_PREFIX}*"):
        if now.timestamp() - leftover.lstat().st_mtime < STALE_SECONDS:
            continue
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
