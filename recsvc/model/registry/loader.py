"""Load a version from its folder; raise ModelRejected with the reason if it must not be served.

The manifest is checked against the format, and the files against both. Content is never executed
and links are never followed. `full=True` reads and hashes all content; so does the load of a small
model. The load of a larger one checks samples.
"""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from recsvc.domain.catalogue.slates import ReasonCode, reason_of
from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.ids import ShopName
from recsvc.filesystem.regular_file import open_regular
from recsvc.model.artifact import format as layout
from recsvc.model.artifact.artifact import CustomersPurchases, RankedLists
from recsvc.model.artifact.checks import check_arrays, check_names
from recsvc.model.artifact.format import (
    ALL_ARRAYS,
    MANIFEST_FILE,
    Array,
    Arrays,
    file_of,
    is_newer_minor,
)
from recsvc.model.artifact.manifest import MAX_MANIFEST_BYTES, ArrayEntry, Manifest, decode
from recsvc.model.artifact.npy import map_array
from recsvc.model.artifact.rejection import FORMAT_UNKNOWN, SECRET_MISMATCH
from recsvc.model.registry.candidates import Candidates, assemble
from recsvc.model.registry.history_arrays import history_arrays, purchases_share
from recsvc.model.registry.id_map import CustomerMap, IdMap
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.vote_tally import appeal_of

_HASH_CHUNK = 1 << 20
SMALL_BYTES = 64 << 20  # about a tenth of a second to read and hash

_NO_INTERVALS = np.zeros(0, np.float32)


def load(folder: Path, *, shop: ShopName, fingerprint: str, full: bool = False) -> LoadedModel:
    """Load one version; raise ModelRejected with the reason if it must not be served.

    `fingerprint`: of the secret in use. An OSError means that files cannot be read at the moment;
    it is no fault of the version.
    """
    small_bytes = math.inf if full else SMALL_BYTES
    parts = open_version(folder, shop=shop, fingerprint=fingerprint, small_bytes=small_bytes)
    model = _model(*parts)
    _smoke_test(model)
    return model


def open_version(
    folder: Path, *, shop: ShopName, fingerprint: str, small_bytes: float
) -> tuple[Manifest, Arrays]:
    """Return the manifest and the checked arrays of a version; raise as `load`.

    `small_bytes`: a version up to this size is read and hashed completely, a larger one sampled.
    """
    files = _files(folder)
    check_names(files, "file", {MANIFEST_FILE}, files)
    manifest = read_manifest(folder)
    _check_origin(manifest, folder.name, shop, fingerprint)
    try:
        return manifest, _open_arrays(folder, files, manifest, small_bytes)
    except ModelRejected as rejected:
        if not is_newer_minor(manifest.format):
            raise
        # Damage, or a rule of the newer release: this release cannot tell, so it is not final.
        raise ModelRejected(rejected.detail, code=FORMAT_UNKNOWN) from rejected


def _open_arrays(folder: Path, files: set[str], manifest: Manifest, small_bytes: float) -> Arrays:
    """Map the arrays that this release knows; hash and check them."""
    ignored = set(manifest.arrays) - set(ALL_ARRAYS) if is_newer_minor(manifest.format) else set()
    names = set(manifest.arrays) - ignored
    check_names(names, "array in the manifest")
    check_names(files, "file", _files_of(manifest.arrays), ())
    arrays = {name: _map(folder, name, manifest.arrays[name]) for name in sorted(names)}
    full = _size(folder) <= small_bytes
    if full:
        _check_hashes(folder, manifest)
    check_arrays(arrays, full=full)
    return arrays


def read_manifest(folder: Path) -> Manifest:
    with open_regular(folder / MANIFEST_FILE) as stream:
        return decode(stream.read(MAX_MANIFEST_BYTES + 1))


def _files_of(arrays: Iterable[str]) -> set[str]:
    return {MANIFEST_FILE, *map(file_of, arrays)}


def _files(folder: Path) -> set[str]:
    if folder.is_symlink() or not folder.is_dir():
        raise ModelRejected(f"{folder.name} is not a folder")
    return {entry.name for entry in folder.iterdir()}


def _size(folder: Path) -> int:
    return sum(entry.lstat().st_size for entry in folder.iterdir())


def _check_origin(manifest: Manifest, version: str, shop: ShopName, fingerprint: str) -> None:
    if manifest.version != version:
        raise ModelRejected(f"the manifest belongs to version {manifest.version[:80]!r}")
    if manifest.shop != shop:
        raise ModelRejected(f"made for shop {manifest.shop[:80]!r}, not for {shop!r}")
    if manifest.secret_fingerprint != fingerprint:
        raise ModelRejected(
            f"made under another secret ({manifest.secret_fingerprint[:16]}) than the one in use "
            f"({fingerprint}): its customers cannot be recognized",
            code=SECRET_MISMATCH,
        )


def _map(folder: Path, name: str, entry: ArrayEntry) -> Array:
    if not ALL_ARRAYS[name].admits(entry.dtype):
        raise ModelRejected(
            f"{name}: the manifest has {entry.dtype}, which the format does not allow"
        )
    return map_array(folder / file_of(name), entry.dtype, entry.shape)


def _check_hashes(folder: Path, manifest: Manifest) -> None:
    for name, entry in manifest.arrays.items():
        digest = hashlib.sha256()
        with open_regular(folder / file_of(name)) as stream:
            while chunk := stream.read(_HASH_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != entry.sha256:
            raise ModelRejected(f"{file_of(name)}: its content is not what was published")


def _model(manifest: Manifest, arrays: Arrays) -> LoadedModel:
    histories, end_us = history_arrays(arrays), manifest.data_end_us
    return LoadedModel(
        manifest=manifest,
        items=IdMap(arrays[layout.ITEM_IDS.name]),
        customers=CustomerMap(arrays[layout.CUSTOMER_KEYS.name]),
        categories=IdMap(arrays[layout.CATEGORY_NAMES.name]),
        _slates={
            slate: _ranked_lists(arrays, spec.name)
            for slate, spec in layout.SLATES.items()
            if spec.is_in(arrays)
        },
        _neighbours={
            slate: _ranked_lists(arrays, spec.name, reason_of(slate))
            for slate, spec in layout.NEIGHBOURS.items()
            if spec.is_in(arrays)
        },
        _category_popular=_ranked_lists(
            arrays, layout.CATEGORY_POPULAR.name, ReasonCode.POPULAR_IN_CATEGORY
        ),
        _top_lists={
            slate: _top_list(arrays, spec.name, reason_of(slate))
            for slate, spec in layout.TOP_LISTS.items()
            if spec.is_in(arrays)
        },
        intervals=arrays.get(layout.ITEM_INTERVALS.name, _NO_INTERVALS),
        _purchases=_purchases(arrays),
        appeal=_appeal(arrays),
        history_arrays=histories,
        data_end_seconds=None if end_us is None else end_us / 1_000_000,
        purchases_share=purchases_share(histories),
    )


def _ranked_lists(arrays: Arrays, name: str, reason: ReasonCode | None = None) -> RankedLists:
    """Return lists with their stored reasons, or with one reason for every entry."""
    offsets = arrays[f"{name}_offsets"]
    items, scores = arrays[f"{name}_items"], arrays[f"{name}_scores"]
    if reason is None:
        reasons, reason_items = arrays[f"{name}_reasons"], arrays[f"{name}_reason_items"]
        return RankedLists(offsets, items, scores, reasons, reason_items)
    return RankedLists(offsets, items, scores, _repeated(reason, items))


def _top_list(arrays: Arrays, name: str, reason: ReasonCode) -> Candidates:
    items, scores = arrays[f"{name}_items"], arrays[f"{name}_scores"]
    return Candidates(items, scores, _repeated(reason, items))


def _repeated(reason: ReasonCode, items: Array) -> Array:
    return np.broadcast_to(np.uint8(reason), items.shape)  # a view: it takes no memory


def _purchases(arrays: Arrays) -> CustomersPurchases | None:
    if layout.CUSTOMER_ORDERS.name not in arrays:
        return None
    return CustomersPurchases(
        _ranked_lists(arrays, layout.BOUGHT.name, ReasonCode.BUY_AGAIN_DUE),
        arrays[layout.CUSTOMER_ORDERS.name],
        arrays[layout.CUSTOMER_SPENT.name],
        arrays[layout.FIRST_ORDER.name],
        arrays[layout.LAST_ORDER.name],
    )


def _appeal(arrays: Arrays) -> Array:
    """Return each item's popularity factor; the array is small and stays in memory."""
    items, scores = (arrays[spec.name] for spec in layout.POPULAR.arrays())
    popularity = np.zeros(len(arrays[layout.ITEM_IDS.name]), dtype=np.float32)
    popularity[items] = scores
    return appeal_of(popularity)


def _smoke_test(model: LoadedModel) -> None:
    """Build a list as a request would; raise ModelRejected if that fails."""
    try:
        ranked = assemble(10, model.trending(), model.popular())
        for item in ranked.items:
            if model.items.row(model.items.id(item)) != item:
                raise ModelRejected(f"item row {item} is not found by its own id")
    except (IndexError, ValueError) as error:
        raise ModelRejected(f"the model does not answer: {error}") from error
