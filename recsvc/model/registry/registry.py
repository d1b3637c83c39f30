"""The models in service: one reference per shop, replaced whole when `CURRENT` changes.

A request takes the reference once and keeps it to its end, so it never sees parts of two
versions; the old one is unmapped when the last request has let it go. What cannot be served
never replaces what can.
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
from recsvc.model.registry.page_warmup import warm_behind

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegistryStatus:
    """What is served to a shop, and why `CURRENT` is not, if it is not."""

    version: str | None = None
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What one shop has on the shelf, and the `CURRENT` that was judged for it."""

    stamp: Stamp | None = None
    model: LoadedModel | None = None
    rejection: Rejection | None = None


_EMPTY = _Loaded()


class ModelRegistry:
    """Holds the model of every shop that has a folder under `root`."""

    def __init__(self, root: Path, fingerprint: str) -> None:
        self._root = root
        self._fingerprint = fingerprint
        self._places: dict[ShopName, _Loaded] = {}
        self._prepare: Callable[[ShopName, LoadedModel], None] | None = None
        self._refreshing = threading.Lock()
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def model(self, shop: ShopName) -> LoadedModel | None:
        """Return the shop's model. Take it once per request."""
        return self._places.get(shop, _EMPTY).model

    def status(self, shop: ShopName) -> RegistryStatus:
        place = self._places.get(shop, _EMPTY)
        return RegistryStatus(place.model.version if place.model else None, place.rejection)

    def shops(self) -> list[ShopName]:
        """Return the shops that something was ever published for, as far as is known here."""
        return sorted(self._places)

    def before_swap(self, prepare: Callable[[ShopName, LoadedModel], None]) -> None:
        """Have each model shown to `prepare` before it is served; those that are there, now."""
        with self._refreshing:
            self._prepare = prepare
            for shop, place in self._places.items():
                if place.model is not None:
                    prepare(shop, place.model)

    def refresh(self) -> None:
        """Look at every shop's `CURRENT`; judge those that were replaced, and swap."""
        with self._refreshing:
            for shop in {*_shops_under(self._root), *self._places}:
                try:
                    self._refresh_shop(Versions(self._root, shop))
                except Exception:  # one shop's trouble is not the others'
                    _log.exception("model refresh failed", extra={"shop": shop})

    def watch(self, interval_seconds: float = 0.5) -> None:
        """Refresh now and from now on, in one daemon thread. Call it in each worker process."""
        if self._watcher is not None and self._watcher.is_alive():
            return
        self._closing.clear()
        self._watcher = threading.Thread(
            target=self._watch, args=(interval_seconds,), name="model-shelf", daemon=True
        )
        self.refresh()
        self._watcher.start()

    def close(self) -> None:
        """Stop watching. What is on the shelf stays there."""
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
        old, stamp = self._places.get(versions.shop, _EMPTY), versions.stamp()
        if stamp == old.stamp:
            return
        new = _Loaded(model=old.model) if stamp is None else self._judge(versions, old, stamp)
        if self._prepare is not None and new.model is not None and new.model is not old.model:
            self._prepare(versions.shop, new.model)
        self._places[versions.shop] = new
        if self._watcher is not None and new.model is not None and new.model is not old.model:
            warm_behind(new.model.arrays())
        _log_change(versions.shop, old, new)

    def _judge(self, versions: Versions, old: _Loaded, stamp: Stamp) -> _Loaded:
        """Return what is to be served from now on."""
        version: str | None = None
        try:
            version = versions.current()
            if version is None or (old.model is not None and old.model.version == version):
                return _Loaded(stamp, old.model)
            return _Loaded(stamp, self._load(versions, version))
        except ModelRejected as rejected:
            rejection = Rejection(version or CURRENT_FILE, rejected.code, rejected.detail)
            _record(versions, rejection)
        except OSError as error:  # says nothing about the version: ask again next time
            rejection = Rejection(version or CURRENT_FILE, UNREADABLE, str(error))
            stamp = _ASK_AGAIN
        return _Loaded(stamp, old.model or self._newest_older(versions, version), rejection)

    def _load(self, versions: Versions, version: str) -> LoadedModel:
        recorded = versions.rejected(version)
        if recorded is not None and recorded.is_final:
            raise ModelRejected(recorded.reason, code=recorded.code)
        folder = versions.folder(version)
        model = load(folder, shop=versions.shop, fingerprint=self._fingerprint)
        if recorded is not None:
            versions.lift_rejection(version)
        return model

    def _newest_older(self, versions: Versions, version: str | None) -> LoadedModel | None:
        """Return the newest good version before this one; of all, when it cannot be told."""
        for older in reversed(versions.all()):
            if version is None or older < version:
                try:
                    return self._load(versions, older)
                except (ModelRejected, OSError):
                    continue
        return None


_ASK_AGAIN: Stamp = (-1, -1, -1)


def _shops_under(root: Path) -> list[ShopName]:
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
    """Leave the reason beside the versions, unless it is there or the folder is read-only."""
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
