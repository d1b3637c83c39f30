"""A rejected version replaces no model, is reported, and is checked again if that can help."""

import shutil
from pathlib import Path

import pytest

from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.model.registry.registry import ModelRegistry
from tests.model_builders import (
    FINGERPRINT,
    SHOP,
    edit_manifest,
    fruit_shop,
    published,
    versions_in,
)
from tests.unit.model.registries import LATER, LATEST, activate, damage, served


def test_a_bad_version_is_rejected_and_the_old_one_stays(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """The reason is written beside the versions and is in the status."""
    old = published(tmp_path)
    assert old.name == served(registry)
    bad = published(tmp_path, fruit_shop("apricot"), LATER)
    damage(bad)

    assert old.name == served(registry)
    assert str(registry.status(SHOP).rejection) == "missing file: popular_items.npy"
    assert str(versions_in(tmp_path).rejected(bad.name)) == "missing file: popular_items.npy"

    good = published(tmp_path, fruit_shop("apricot"), LATEST)

    assert good.name == served(registry)
    assert registry.status(SHOP).rejection is None


def test_a_rejected_version_is_checked_once(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected version is checked again only after it is activated again."""
    published(tmp_path)
    registry.refresh()
    bad = published(tmp_path, fruit_shop("apricot"), LATER)
    original = (bad / "popular_items.npy").read_bytes()
    damage(bad)
    loads: list[Path] = []

    def counted(folder: Path, *, shop: ShopName, fingerprint: str) -> LoadedModel:
        loads.append(folder)
        return load(folder, shop=shop, fingerprint=fingerprint)

    monkeypatch.setattr("recsvc.model.registry.registry.load", counted)
    for _ in range(3):
        registry.refresh()

    assert [bad] == loads

    (bad / "popular_items.npy").write_bytes(original)
    activate(bad)

    assert bad.name == served(registry)


@pytest.mark.parametrize("text", ["../x", "/etc", "", "latest", "../default/CURRENT"])
def test_a_current_outside_of_the_folder_is_refused(
    registry: ModelRegistry, tmp_path: Path, text: str
) -> None:
    old = published(tmp_path)
    registry.refresh()
    (old.parent / "CURRENT").write_text(text)

    assert old.name == served(registry)
    assert "is not the name of a version" in str(registry.status(SHOP).rejection)


def test_a_current_of_another_shop_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    """A version that was copied from another shop is refused."""
    theirs = published(tmp_path / "theirs")
    other = ShopName("other")
    (tmp_path / other).mkdir()
    theirs.rename(tmp_path / other / theirs.name)
    Versions(tmp_path, other).activate(theirs.name)
    registry.refresh()

    assert registry.model(other) is None
    assert str(registry.status(other).rejection) == "made for shop 'default', not for 'other'"


def test_a_worker_that_starts_with_a_bad_current_serves_the_newest_good_one(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    published(tmp_path)
    good = published(tmp_path, fruit_shop("apricot"), LATER)
    bad = published(tmp_path, fruit_shop("avocado"), LATEST)
    damage(bad)

    assert good.name == served(registry)
    assert str(registry.status(SHOP).rejection) == "missing file: popular_items.npy"


def test_no_version_newer_than_current_is_served(registry: ModelRegistry, tmp_path: Path) -> None:
    """The fallback is an older version: an operator may have rolled back from the newer one."""
    old = published(tmp_path)
    rolled_back = published(tmp_path, fruit_shop("apricot"), LATER)
    published(tmp_path, fruit_shop("avocado"), LATEST)
    activate(rolled_back)
    damage(rolled_back)

    assert old.name == served(registry)


def test_a_damaged_version_is_no_fallback(registry: ModelRegistry, tmp_path: Path) -> None:
    """A version with a recorded rejection is skipped, even if its sampled arrays look valid."""
    oldest = published(tmp_path)
    damaged = published(tmp_path, fruit_shop("apricot"), LATER)
    bad = published(tmp_path, fruit_shop("avocado"), LATEST)
    versions_in(tmp_path).reject(damaged.name, "its content is not what was published")
    damage(bad)

    assert oldest.name == served(registry)


def test_a_rejection_for_another_secret_is_not_final(tmp_path: Path) -> None:
    """A process with another secret serves nothing; one with the right secret loads the version."""
    folder = published(tmp_path)
    other_secret, same_secret = (
        ModelRegistry(tmp_path, "f" * 16),
        ModelRegistry(tmp_path, FINGERPRINT),
    )
    other_secret.refresh()
    recorded = versions_in(tmp_path).rejected(folder.name)
    same_secret.refresh()

    assert other_secret.model(SHOP) is None
    assert recorded is not None
    assert recorded.code == "secret_mismatch"
    assert folder.name == same_secret.status(SHOP).version
    assert versions_in(tmp_path).rejected(folder.name) is None


def test_an_unknown_format_is_rejected(registry: ModelRegistry, tmp_path: Path) -> None:
    old = published(tmp_path)
    registry.refresh()
    new = published(tmp_path, fruit_shop("apricot"), LATER)
    edit_manifest(new, format="2.0")

    assert old.name == served(registry)
    assert "format 2.0 is not known here" in str(registry.status(SHOP).rejection)


def test_a_rejection_of_a_release_before_1_1_is_not_final(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """A rolled-back service rejects the format "1.1"; the next release serves the version."""
    folder = published(tmp_path)
    versions = versions_in(tmp_path)
    reason = "the manifest cannot be read: Expected `int`, got `str` - at `$.format`"
    versions.reject(folder.name, reason, "model_rejected")

    assert folder.name == served(registry)
    assert versions.rejected(folder.name) is None


def test_a_deleted_current_keeps_the_model(registry: ModelRegistry, tmp_path: Path) -> None:
    old = published(tmp_path)
    registry.refresh()
    (old.parent / "CURRENT").unlink()

    assert old.name == served(registry)


@pytest.mark.parametrize("deleted", ["CURRENT", "the whole folder"])
def test_a_rejection_ends_with_its_current(
    registry: ModelRegistry, tmp_path: Path, deleted: str
) -> None:
    """The model in service stays, and the status no longer reports the rejection."""
    old = published(tmp_path)
    registry.refresh()
    bad = published(tmp_path, fruit_shop("apricot"), LATER)
    damage(bad)
    registry.refresh()
    rejection = registry.status(SHOP).rejection
    if deleted == "CURRENT":
        (bad.parent / deleted).unlink()
    else:
        shutil.rmtree(bad.parent)

    assert old.name == served(registry)
    assert rejection is not None
    assert registry.status(SHOP).rejection is None


def test_a_temporary_error_is_retried(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files is no fault of the version, and no rejection is recorded."""
    folder = published(tmp_path)

    def refuse(*_: object, **__: object) -> LoadedModel:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as troubled:
        troubled.setattr("recsvc.model.registry.registry.load", refuse)
        assert served(registry) is None
    rejection = registry.status(SHOP).rejection

    assert rejection is not None
    assert rejection.code == "model_unreadable"
    assert versions_in(tmp_path).rejected(folder.name) is None
    assert folder.name == served(registry)


def test_a_read_only_folder_can_be_served_from(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a read-only folder, only the status reports the rejection."""
    old = published(tmp_path)
    registry.refresh()
    damage(published(tmp_path, fruit_shop("apricot"), LATER))

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Versions, "reject", refuse)

    assert old.name == served(registry)
    assert str(registry.status(SHOP).rejection) == "missing file: popular_items.npy"
