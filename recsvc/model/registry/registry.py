"""The models in service: one reference per shop, replaced atomically when `CURRENT` changes.

A request takes the reference once and keeps it until its end, so it never sees two versions. The
old version is unmapped when the last request has released it. A version that is rejected never
replaces one that is served.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recsvc.domain.errors import BadRequest, ModelRejected
from recsvc.domain.values.ids import ShopName, checked_shop
from recsvc.model.artifact.rejection import UNREADABLE, Rejection
from recsvc.model.artifact.versions import CURRENT_FILE, Stamp, Versions
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.model.registry.page_warmup import warm_in_background

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegistryStatus:
    """The version in service for a shop, and the rejection of `CURRENT` if it is another."""

    version: str | None = None
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One shop's model, and the stamp of the `CURRENT` that it was loaded for."""

    stamp: Stamp | None = None
    model: LoadedModel | None = None
    rejection: Rejection | None = None


_EMPTY = _Loaded()


class ModelRegistry:
    """Holds the model of every shop that has a folder under `root`.

    `read_only`: write and remove no rejection, so that the folder stays as it is.
    """

    def __init__(self, root: Path, fingerprint: str, *, read_only: bool = False) -> None:
        self._root = root
        self._fingerprint = fingerprint
        self._read_only = read_only
        self._loaded_by_shop: dict[ShopName, _Loaded] = {}
        self._prepare: Callable[[ShopName, LoadedModel], None] | None = None
        self._refreshing = threading.Lock()
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def model(self, shop: ShopName) -> LoadedModel | None:
        """Return the shop's model. Take it once per request."""
        return self._loaded_by_shop.get(shop, _EMPTY).model

    def status(self, shop: ShopName) -> RegistryStatus:
        loaded = self._loaded_by_shop.get(shop, _EMPTY)
        return RegistryStatus(loaded.model.version if loaded.model else None, loaded.rejection)

    def shops(self) -> list[ShopName]:
        """Return the shops with a folder of models, as of the last refresh."""
        return sorted(self._loaded_by_shop)

    def before_swap(self, prepare: Callable[[ShopName, LoadedModel], None]) -> None:
        """Call `prepare` with each model before it is served, and now with those in service."""
        with self._refreshing:
            self._prepare = prepare
            for shop, loaded in self._loaded_by_shop.items():
                if loaded.model is not None:
                    prepare(shop, loaded.model)

    def refresh(self) -> None:
        """Load and swap the model of every shop whose `CURRENT` was replaced."""
        with self._refreshing:
            for shop in {*shops_under(self._root), *self._loaded_by_shop}:
                try:
                    self._refresh_shop(Versions(self._root, shop))
                except Exception:  # a failure of one shop must not stop the others
                    _log.exception("model refresh failed", extra={"shop": shop})

    def watch(self, interval_seconds: float = 0.5) -> None:
        """Refresh now, then regularly in a daemon thread. Call it in each worker process."""
        if self._watcher is not None and self._watcher.is_alive():
            return
        self._closing.clear()
        self._watcher = threading.Thread(
            target=self._watch, args=(interval_seconds,), name="model-registry", daemon=True
        )
        self.refresh()
        self._watcher.start()

    def close(self) -> None:
        """Stop watching. The models stay loaded."""
        self._closing.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self, interval_seconds: float) -> None:
        while not self._closing.wait(interval_seconds):
            try:
                self.refresh()
            except OSError:
                _log.exception("models cannot be listed")

    def _refresh_shop(self, versions: Versions) -> None:
        old, stamp = self._loaded_by_shop.get(versions.shop, _EMPTY), versions.stamp()
        if stamp == old.stamp:
            return
        new = _Loaded(model=old.model) if stamp is None else self._loaded(versions, old, stamp)
        if self._prepare is not None and new.model is not None and new.model is not old.model:
            self._prepare(versions.shop, new.model)
        self._loaded_by_shop[versions.shop] = new
        if self._watcher is not None and new.model is not None and new.model is not old.model:
            warm_in_background(new.model.arrays())
        _log_change(versions.shop, old, new)

    def _loaded(self, versions: Versions, old: _Loaded, stamp: Stamp) -> _Loaded:
        """Load the current version; on failure keep the old model or the newest older version."""
        version: str | None = None
        try:
            version = versions.current()
            if version is None or (old.model is not None and old.model.version == version):
                return _Loaded(stamp, old.model)
            return _Loaded(stamp, self._load(versions, version))
        except ModelRejected as rejected:
            rejection = Rejection(version or CURRENT_FILE, rejected.code, rejected.detail)
            if not self._read_only:
                _record(versions, rejection)
        except OSError as error:  # no fault of the version: retry at the next refresh
            rejection = Rejection(version or CURRENT_FILE, UNREADABLE, str(error))
            stamp = _RETRY
        return _Loaded(stamp, old.model or self._newest_older(versions, version), rejection)

    def _load(self, versions: Versions, version: str) -> LoadedModel:
        recorded = versions.rejected(version)
        if recorded is not None and recorded.is_final:
            raise ModelRejected(recorded.reason, code=recorded.code)
        folder = versions.folder(version)
        model = load(folder, shop=versions.shop, fingerprint=self._fingerprint)
        if recorded is not None and not self._read_only:
            versions.lift_rejection(version)
        return model

    def _newest_older(self, versions: Versions, version: str | None) -> LoadedModel | None:
        """Return the newest loadable version before this one; before any, if `version` is None."""
        for older in reversed(versions.all()):
            if version is None or older < version:
                try:
                    return self._load(versions, older)
                except (ModelRejected, OSError):
                    continue
        return None


_RETRY: Stamp = (-1, -1, -1)


def shops_under(root: Path) -> list[ShopName]:
    """Return the shops with a folder of models."""
    try:
        names = [entry.name for entry in root.iterdir()]
    except FileNotFoundError:
        return []
    return [ShopName(name) for name in names if _is_shop(name)]


def _is_shop(name: str) -> bool:
    try:
        checked_shop(name)
    except BadRequest:
        return False
    return True


def _record(versions: Versions, rejection: Rejection) -> None:
    """Write the rejection beside the versions, unless it exists or the folder is read-only."""
    try:
        if rejection.version != CURRENT_FILE and versions.rejected(rejection.version) is None:
            versions.reject(rejection.version, rejection.reason, rejection.code)
    except OSError as error:
        _log.warning("model rejection not recorded", extra={"error": str(error)})


def _log_change(shop: ShopName, old: _Loaded, new: _Loaded) -> None:
    if new.rejection is not None and new.rejection != old.rejection:
        fields = {"shop": shop, "version": new.rejection.version, "reason": new.rejection.reason}
        _log.error("model rejected", extra=fields)
    if new.model is not None and new.model is not old.model:
        _log.info("model loaded", extra={"shop": shop, "version": new.model.version})
