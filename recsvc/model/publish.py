"""Publish a version: write it to a temporary folder, verify it from disk, make it current.

Readers ignore temporary folders, so a crash at any point leaves the old version current and
intact. Publications of one shop run one at a time; the others wait.
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

_STALE_SECONDS = 3600
_LOCK_FILE = ".publishing"


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """The trainer's part of the manifest. `fingerprint`: of the secret in use."""

    fingerprint: str
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def publish(versions: Versions, artifact: Artifact, facts: ManifestFacts, *, now: datetime) -> str:
    """Write the artifact as a new version, verify it from disk, and make it current.

    Return the version's name. Raise ModelRejected, without changing `CURRENT`, if the artifact is
    invalid or the files on disk differ from the written ones.
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
    version, created_at = _free_name(versions, entries, now.astimezone(UTC))
    return Manifest(
        format=FORMAT,
        version=version,
        created_at=created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
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
    """Return the name and time of now, or of the next millisecond that no version has."""
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
    """Hold the shop's publication lock; the kernel releases it if the process dies."""
    with (home / _LOCK_FILE).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_stale(home: Path, now: datetime) -> None:
    """Remove the temporary folders of publications that died."""
    for leftover in home.glob(f"{TEMPORARY_PREFIX}*"):
        if now.timestamp() - leftover.lstat().st_mtime < _STALE_SECONDS:
            continue
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
