"""A published version to damage, and a model registry."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsvc.model.registry.registry import ModelRegistry
from tests.model_builders import FINGERPRINT, published


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a published version that tests must not change."""
    return published(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """Return a copy of a published version that a test may change."""
    return shutil.copytree(original, tmp_path / original.name)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ModelRegistry]:
    registry = ModelRegistry(tmp_path, FINGERPRINT)
    yield registry
    registry.close()
