"""Hot swap: a new model replaces the old one whole, and a bad one replaces nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from recsvc.domain.ids import ShopName
from recsvc.domain.slates import CustomerSlate
from recsvc.model.candidates import assemble
from recsvc.model.loaded import LoadedModel
from recsvc.model.loader import load
from recsvc.model.shelf import ModelShelf
from recsvc.model.versions import Versions
from recsvc.model.writer import publish
from tests.model_builders import (
    FACTS,
    FINGERPRINT,
    NOW,
    SHOP,
    admitted,
    customer,
    edit_manifest,
    fruit_shop,
    published,
    versions_in,
)

LATER = NOW + timedelta(days=1)
LATEST = NOW + timedelta(days=2)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[ModelShelf]:
    shelf = ModelShelf(tmp_path, FINGERPRINT)
    yield shelf
    shelf.close()


def spoil(folder: Path) -> None:
    (folder / "popular_items.npy").unlink()


def activate(folder: Path) -> None:
    Versions(folder.parents[1], SHOP).activate(folder.name)


def served(shelf: ModelShelf) -> str | None:
    shelf.refresh()
    return shelf.status(SHOP).version


def first_item(model: LoadedModel | None) -> str | None:
    return None if model is None else model.items.id(0)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
    return False


def test_nothing_published_is_no_model(shelf: ModelShelf) -> None:
    shelf.refresh()

    assert shelf.model(SHOP) is None
    assert (shelf.status(SHOP).version, shelf.status(SHOP).rejection) == (None, None)


def test_a_new_current_is_picked_up(shelf: ModelShelf, tmp_path: Path) -> None:
    old = published(tmp_path)
    assert old.name == served(shelf)

    new = published(tmp_path, fruit_shop("apricot"), LATER)

    assert new.name == served(shelf)
    assert first_item(shelf.model(SHOP)) == "apricot"


def test_a_rollback_is_picked_up(shelf: ModelShelf, tmp_path: Path) -> None:
    old, new = published(tmp_path), published(tmp_path, fruit_shop("apricot"), LATER)
    assert new.name == served(shelf)

    activate(old)

    assert old.name == served(shelf)


def test_a_request_keeps_the_model_that_it_took(shelf: ModelShelf, tmp_path: Path) -> None:
    """Also after the swap, and after its files are gone."""
    old = published(tmp_path)
    shelf.refresh()
    taken = shelf.model(SHOP)
    published(tmp_path, fruit_shop("apricot"), LATER)
    shelf.refresh()
    spoil(old)

    assert first_item(taken) == "apple"
    assert first_item(shelf.model(SHOP)) == "apricot"


def test_a_bad_version_is_rejected_and_the_old_one_serves_on(
    shelf: ModelShelf, tmp_path: Path
) -> None:
    """With the reason beside the versions and in the status."""
    old = published(tmp_path)
    assert old.name == served(shelf)
    bad = published(tmp_path, fruit_shop("apricot"), LATER)
    spoil(bad)

    assert old.name == served(shelf)
    assert str(shelf.status(SHOP).rejection) == "missing file: popular_items.npy"
    assert str(versions_in(tmp_path).rejected(bad.name)) == "missing file: popular_items.npy"

    good = published(tmp_path, fruit_shop("apricot"), LATEST)

    assert good.name == served(shelf)
    assert shelf.status(SHOP).rejection is None


def test_a_rejected_version_is_judged_once(
    shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again when it is made current again."""
    published(tmp_path)
    shelf.refresh()
    bad = published(tmp_path, fruit_shop("apricot"), LATER)
    original = (bad / "popular_items.npy").read_bytes()
    spoil(bad)
    loads: list[Path] = []

    def counted(folder: Path, *, shop: ShopName, fingerprint: str) -> LoadedModel:
        loads.append(folder)
        return load(folder, shop=shop, fingerprint=fingerprint)

    monkeypatch.setattr("recsvc.model.shelf.load", counted)
    for _ in range(3):
        shelf.refresh()

    assert [bad] == loads

    (bad / "popular_items.npy").write_bytes(original)
    activate(bad)

    assert bad.name == served(shelf)


@pytest.mark.parametrize("text", ["../x", "/etc", "", "latest", "../default/CURRENT"])
def test_a_current_that_leads_elsewhere_is_refused(
    shelf: ModelShelf, tmp_path: Path, text: str
) -> None:
    old = published(tmp_path)
    shelf.refresh()
    (old.parent / "CURRENT").write_text(text)

    assert old.name == served(shelf)
    assert "is not the name of a version" in str(shelf.status(SHOP).rejection)


def test_a_current_of_another_shop_is_refused(shelf: ModelShelf, tmp_path: Path) -> None:
    """A version that was copied from shop to shop."""
    theirs = published(tmp_path / "theirs")
    other = ShopName("other")
    (tmp_path / other).mkdir()
    theirs.rename(tmp_path / other / theirs.name)
    Versions(tmp_path, other).activate(theirs.name)
    shelf.refresh()

    assert shelf.model(other) is None
    assert str(shelf.status(other).rejection) == "made for shop 'default', not for 'other'"


def test_a_worker_that_starts_with_a_bad_current_serves_the_newest_good_one(
    shelf: ModelShelf, tmp_path: Path
) -> None:
    published(tmp_path)
    good = published(tmp_path, fruit_shop("apricot"), LATER)
    bad = published(tmp_path, fruit_shop("avocado"), LATEST)
    spoil(bad)

    assert good.name == served(shelf)
    assert str(shelf.status(SHOP).rejection) == "missing file: popular_items.npy"


def test_no_newer_version_than_current_is_ever_chosen(shelf: ModelShelf, tmp_path: Path) -> None:
    """An operator who rolled back did not want the newer one."""
    old = published(tmp_path)
    rolled_back = published(tmp_path, fruit_shop("apricot"), LATER)
    published(tmp_path, fruit_shop("avocado"), LATEST)
    activate(rolled_back)
    spoil(rolled_back)

    assert old.name == served(shelf)


def test_a_version_found_damaged_is_never_fallen_back_to(shelf: ModelShelf, tmp_path: Path) -> None:
    """Though what a load reads of it looks good."""
    oldest = published(tmp_path)
    damaged = published(tmp_path, fruit_shop("apricot"), LATER)
    bad = published(tmp_path, fruit_shop("avocado"), LATEST)
    versions_in(tmp_path).reject(damaged.name, "its content is not what was published")
    spoil(bad)

    assert oldest.name == served(shelf)


def test_a_process_with_another_secret_takes_the_model_from_nobody(tmp_path: Path) -> None:
    """It serves nothing and says why; one with the right secret judges for itself."""
    folder = published(tmp_path)
    stranger, ours = ModelShelf(tmp_path, "f" * 16), ModelShelf(tmp_path, FINGERPRINT)
    stranger.refresh()
    recorded = versions_in(tmp_path).rejected(folder.name)
    ours.refresh()

    assert stranger.model(SHOP) is None
    assert recorded is not None
    assert recorded.code == "secret_mismatch"
    assert folder.name == ours.status(SHOP).version
    assert versions_in(tmp_path).rejected(folder.name) is None


def test_an_unknown_format_is_left_to_a_newer_release(shelf: ModelShelf, tmp_path: Path) -> None:
    old = published(tmp_path)
    shelf.refresh()
    new = published(tmp_path, fruit_shop("apricot"), LATER)
    edit_manifest(new, format=2)

    assert old.name == served(shelf)
    assert "format 2 is not known here" in str(shelf.status(SHOP).rejection)


def test_a_vanished_current_takes_no_model_away(shelf: ModelShelf, tmp_path: Path) -> None:
    old = published(tmp_path)
    shelf.refresh()
    (old.parent / "CURRENT").unlink()

    assert old.name == served(shelf)


def test_trouble_of_the_moment_is_tried_again(
    shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files is no fault of the version, and is not recorded as one."""
    folder = published(tmp_path)

    def refuse(*_: object, **__: object) -> LoadedModel:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as troubled:
        troubled.setattr("recsvc.model.shelf.load", refuse)
        assert served(shelf) is None
    rejection = shelf.status(SHOP).rejection

    assert rejection is not None
    assert rejection.code == "model_unreadable"
    assert versions_in(tmp_path).rejected(folder.name) is None
    assert folder.name == served(shelf)


def test_a_read_only_folder_can_be_served_from(
    shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rejection is then told in the status only."""
    old = published(tmp_path)
    shelf.refresh()
    spoil(published(tmp_path, fruit_shop("apricot"), LATER))

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Versions, "reject", refuse)

    assert old.name == served(shelf)
    assert str(shelf.status(SHOP).rejection) == "missing file: popular_items.npy"


def test_shops_do_not_share_their_troubles(
    shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One shop's fault, of whatever kind, keeps no model from another."""
    published(tmp_path)
    other = ShopName("a-shop")
    publish(Versions(tmp_path, other), fruit_shop("avocado"), FACTS, now=NOW)
    (tmp_path / "not a shop").mkdir()
    (tmp_path / "file").write_text("")

    def broken(folder: Path, *, shop: ShopName, fingerprint: str) -> LoadedModel:
        if shop == other:
            raise RuntimeError("never seen before")
        return load(folder, shop=shop, fingerprint=fingerprint)

    monkeypatch.setattr("recsvc.model.shelf.load", broken)
    shelf.refresh()

    assert first_item(shelf.model(SHOP)) == "apple"
    assert shelf.model(other) is None


def test_asking_for_unknown_shops_takes_no_memory(shelf: ModelShelf, tmp_path: Path) -> None:
    published(tmp_path)
    shelf.refresh()
    for number in range(100):
        assert shelf.model(ShopName(f"shop-{number}")) is None
        assert shelf.status(ShopName(f"shop-{number}")).version is None

    assert shelf.shops() == [SHOP]


def test_watching_serves_at_once_and_picks_up_what_comes(shelf: ModelShelf, tmp_path: Path) -> None:
    """Within seconds, in one thread however often it is asked to watch."""
    old = published(tmp_path)
    shelf.watch(interval_seconds=0.01)
    shelf.watch(interval_seconds=0.01)
    assert old.name == shelf.status(SHOP).version

    new = published(tmp_path, fruit_shop("apricot"), LATER)

    assert eventually(lambda: shelf.status(SHOP).version == new.name)
    assert sum(thread.name == "model-shelf" for thread in threading.enumerate()) == 1


def test_watching_survives_a_folder_that_cannot_be_listed(
    shelf: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes on when it can be again."""
    shelf.watch(interval_seconds=0.01)
    failed = threading.Event()

    def refuse(_: Path) -> list[ShopName]:
        failed.set()
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as troubled:
        troubled.setattr("recsvc.model.shelf._shops_under", refuse)
        assert failed.wait(10)
    folder = published(tmp_path)

    assert eventually(lambda: shelf.status(SHOP).version == folder.name)


def test_readers_never_see_a_mix_of_two_versions(shelf: ModelShelf, tmp_path: Path) -> None:
    """Each request takes one reference, and everything it reads is of that version."""
    names = {published(tmp_path).name: "apple"}
    names[published(tmp_path, fruit_shop("apricot"), LATER).name] = "apricot"
    folders = [versions_in(tmp_path).folder(name) for name in names]
    shelf.refresh()
    done = threading.Event()

    def read() -> set[tuple[str, str, str]]:
        seen = set()
        while not done.is_set():
            model = shelf.model(SHOP)
            assert model is not None
            own = model.customer_slate(admitted(customer(1)), CustomerSlate.FOR_YOU)
            assert own is not None
            picks = assemble(2, own)
            seen.add((model.version, model.items.id(picks.items[1]), model.manifest.version))
        return seen

    with ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read) for _ in range(4)]
        for folder in folders * 20:
            activate(folder)
            shelf.refresh()
        done.set()
        seen = set().union(*(read.result() for read in reading))

    assert {(name, first, name) for name, first in names.items()} == seen
