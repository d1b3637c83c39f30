"""Changes of published versions, and reads of a registry, for its tests."""

from datetime import timedelta
from pathlib import Path

from recsvc.model.artifact.versions import Versions
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.registry import ModelRegistry
from tests.model_builders import NOW, SHOP

LATER = NOW + timedelta(days=1)
LATEST = NOW + timedelta(days=2)


def damage(folder: Path) -> None:
    (folder / "popular_items.npy").unlink()


def activate(folder: Path) -> None:
    Versions(folder.parents[1], SHOP).activate(folder.name)


def served(registry: ModelRegistry) -> str | None:
    registry.refresh()
    return registry.status(SHOP).version


def first_item(model: LoadedModel | None) -> str | None:
    return None if model is None else model.items.id(0)
