"""Hot swap: a new model replaces the old one atomically."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import publish
from recsvc.model.registry.candidates import assemble
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.model.registry.registry import ModelRegistry
from tests.model_builders import (
    FACTS,
    NOW,
    SHOP,
    admitted,
    customer,
    fruit_shop,
    published,
    versions_in,
)
from tests.unit.model.registries import LATER, activate, damage, first_item, served


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
    return False


def test_nothing_published_is_no_model(registry: ModelRegistry) -> None:
    registry.refresh()

    assert registry.model(SHOP) is None
    assert (registry.status(SHOP).version, registry.status(SHOP).rejection) == (None, None)


def test_a_new_current_is_loaded(registry: ModelRegistry, tmp_path: Path) -> None:
    old = published(tmp_path)
    assert old.name == served(registry)

    new = published(tmp_path, fruit_shop("apricot"), LATER)

    assert new.name == served(registry)
    assert first_item(registry.model(SHOP)) == "apricot"


def test_a_rollback_is_loaded(registry: ModelRegistry, tmp_path: Path) -> None:
    old, new = published(tmp_path), published(tmp_path, fruit_shop("apricot"), LATER)
    assert new.name == served(registry)

    activate(old)

    assert old.name == served(registry)


def test_a_request_keeps_the_model_that_it_took(registry: ModelRegistry, tmp_path: Path) -> None:
    """A model stays usable after the swap, and after its files are deleted."""
    old = published(tmp_path)
    registry.refresh()
    taken = registry.model(SHOP)
    published(tmp_path, fruit_shop("apricot"), LATER)
    registry.refresh()
    damage(old)

    assert first_item(taken) == "apple"
    assert first_item(registry.model(SHOP)) == "apricot"


def test_a_file_named_like_a_shop_is_ignored(
    registry: ModelRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is ignored without a log line, because the folder is read twice a second."""
    (tmp_path / "file").write_text("")
    registry.refresh()

    assert caplog.records == []
    assert registry.shops() == []


def test_a_failure_of_one_shop_does_not_affect_others(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure of one shop does not prevent the load of another shop's model."""
    published(tmp_path)
    other = ShopName("a-shop")
    publish(Versions(tmp_path, other), fruit_shop("avocado"), FACTS, now=NOW)
    (tmp_path / "not a shop").mkdir()
    (tmp_path / "file").write_text("")

    def broken(folder: Path, *, shop: ShopName, fingerprint: str) -> LoadedModel:
        if shop == other:
            raise RuntimeError("never seen before")
        return load(folder, shop=shop, fingerprint=fingerprint)

    monkeypatch.setattr("recsvc.model.registry.registry.load", broken)
    registry.refresh()

    assert first_item(registry.model(SHOP)) == "apple"
    assert registry.model(other) is None


def test_requests_for_unknown_shops_store_nothing(registry: ModelRegistry, tmp_path: Path) -> None:
    published(tmp_path)
    registry.refresh()
    for number in range(100):
        assert registry.model(ShopName(f"shop-{number}")) is None
        assert registry.status(ShopName(f"shop-{number}")).version is None

    assert registry.shops() == [SHOP]


def test_watching_loads_now_and_later(registry: ModelRegistry, tmp_path: Path) -> None:
    """Watching loads models at once and later within seconds, always in one thread."""
    old = published(tmp_path)
    registry.watch(interval_seconds=0.01)
    registry.watch(interval_seconds=0.01)
    assert old.name == registry.status(SHOP).version

    new = published(tmp_path, fruit_shop("apricot"), LATER)

    assert eventually(lambda: registry.status(SHOP).version == new.name)
    assert sum(thread.name == "model-registry" for thread in threading.enumerate()) == 1


def test_watching_survives_a_folder_that_cannot_be_listed(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher continues when the folder can be listed again."""
    registry.watch(interval_seconds=0.01)
    failed = threading.Event()

    def refuse(_: Path) -> list[ShopName]:
        failed.set()
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as troubled:
        troubled.setattr("recsvc.model.registry.registry.shops_under", refuse)
        assert failed.wait(10)
    folder = published(tmp_path)

    assert eventually(lambda: registry.status(SHOP).version == folder.name)


@pytest.fixture
def threads_change_often() -> Iterator[None]:
    """Switch threads fifty times as often as usual, to provoke races."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 50)
    yield
    sys.setswitchinterval(usual)


def test_readers_never_see_a_mix_of_two_versions(
    registry: ModelRegistry, tmp_path: Path, threads_change_often: None
) -> None:
    """All reads through one reference return data of one version."""
    names = {published(tmp_path).name: "apple"}
    names[published(tmp_path, fruit_shop("apricot"), LATER).name] = "apricot"
    folders = [versions_in(tmp_path).folder(name) for name in names]
    registry.refresh()
    done = threading.Event()

    def read() -> set[tuple[str, str, str]]:
        seen = set()
        while not done.is_set():
            model = registry.model(SHOP)
            assert model is not None
            own = model.customer_slate(admitted(customer(1)), CustomerSlate.FOR_YOU)
            assert own is not None
            ranked = assemble(2, own)
            seen.add((model.version, model.items.id(ranked.items[1]), model.manifest.version))
        return seen

    with ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read) for _ in range(4)]
        for folder in folders * 20:
            activate(folder)
            registry.refresh()
        done.set()
        seen = set().union(*(read.result() for read in reading))

    assert {(name, first, name) for name, first in names.items()} == seen


def test_a_model_is_prepared_before_it_is_served(registry: ModelRegistry, tmp_path: Path) -> None:
    """Each model is prepared once; models in service are prepared when the callback is set."""
    old = published(tmp_path)
    registry.refresh()
    prepared: list[tuple[str, str | None]] = []

    def prepare(shop: ShopName, model: LoadedModel) -> None:
        prepared.append((model.version, registry.status(shop).version))

    registry.before_swap(prepare)
    new = published(tmp_path, fruit_shop("apricot"), LATER)
    for _ in range(2):
        registry.refresh()

    assert prepared == [(old.name, old.name), (new.name, old.name)]


def test_a_model_that_cannot_be_prepared_does_not_replace_the_old_one(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """The old model stays in service, and the next refresh retries."""
    old = published(tmp_path)
    registry.refresh()
    faults = [KeyError("a fault of ours")]

    def prepare(_shop: ShopName, model: LoadedModel) -> None:
        if faults and model.version != old.name:
            raise faults.pop()

    registry.before_swap(prepare)
    new = published(tmp_path, fruit_shop("apricot"), LATER)

    assert [served(registry) for _ in range(2)] == [old.name, new.name]
