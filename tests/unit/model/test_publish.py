"""Publication: identical bytes for identical models, and safety against crashes."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.errors import ModelRejected
from recsvc.model.artifact.artifact import empty_lists
from recsvc.model.artifact.format import ALL_ARRAYS
from recsvc.model.publish import publish
from recsvc.model.registry.loader import load, read_manifest
from tests.model_builders import (
    FACTS,
    FINGERPRINT,
    NOW,
    SHOP,
    fruit_shop,
    published,
    versions_in,
)

REPOSITORY = Path(__file__).parents[3]


def test_a_publication_becomes_current(tmp_path: Path) -> None:
    folder = published(tmp_path)
    manifest = read_manifest(folder)

    assert folder.name == versions_in(tmp_path).current()
    assert folder.name.startswith("20260301T120000.123Z-")
    assert manifest.created_at == "2026-03-01T12:00:00.123Z"
    assert (manifest.shop, manifest.secret_fingerprint, manifest.seed) == (SHOP, FINGERPRINT, 7)
    assert ALL_ARRAYS.keys() == manifest.arrays.keys()


def test_the_same_artifact_gives_the_same_bytes(tmp_path: Path) -> None:
    """Every array is identical, and the manifest except for its version and time."""
    one, other = published(tmp_path / "1"), published(tmp_path / "2", now=NOW + timedelta(days=9))

    assert [(one / f"{name}.npy").read_bytes() for name in ALL_ARRAYS] == [
        (other / f"{name}.npy").read_bytes() for name in ALL_ARRAYS
    ]
    assert one.name[-8:] == other.name[-8:]
    assert read_manifest(one).arrays == read_manifest(other).arrays


def test_numpy_reads_the_files_too(tmp_path: Path) -> None:
    """The arrays are plain `.npy` files."""
    folder = published(tmp_path)
    loaded = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ALL_ARRAYS}

    for name, array in fruit_shop().to_arrays().items():
        np.testing.assert_array_equal(array, loaded[name])


def test_two_publications_in_one_millisecond_have_two_names(tmp_path: Path) -> None:
    """The names sort in the order of the publications."""
    first, second = published(tmp_path), published(tmp_path, fruit_shop("apricot"))

    assert [first.name, second.name] == versions_in(tmp_path).all()
    assert second.name == versions_in(tmp_path).current()


def test_a_manifest_may_contain_numpy_numbers(tmp_path: Path) -> None:
    facts = replace(FACTS, metrics={"ndcg": np.float32(0.5)}, data={"rows": np.int64(3)})
    versions = versions_in(tmp_path)
    folder = versions.folder(publish(versions, fruit_shop(), facts, now=NOW))

    assert read_manifest(folder).metrics == {"ndcg": 0.5}
    assert read_manifest(folder).data == {"rows": 3}


def test_an_invalid_artifact_does_not_change_current(tmp_path: Path) -> None:
    folder = published(tmp_path)
    unsound = replace(fruit_shop(), slates={slate: empty_lists(5) for slate in CustomerSlate})

    with pytest.raises(ModelRejected):
        published(tmp_path, unsound)

    assert [folder.name] == versions_in(tmp_path).all()
    assert folder.name == versions_in(tmp_path).current()


def test_a_manifest_too_large_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = published(tmp_path)
    versions = versions_in(tmp_path)
    facts = replace(FACTS, metrics={"curve": list(range(500_000))})

    with pytest.raises(ModelRejected, match="1048576 are allowed"):
        publish(versions, fruit_shop(), facts, now=NOW)

    assert [folder.name] == versions.all()
    assert list(versions.home.glob(".tmp-*")) == []


def test_a_corrupted_write_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is verified from disk before it becomes current, and is rejected."""
    old = published(tmp_path)
    versions = versions_in(tmp_path)
    rename = Path.rename

    def damaging(self: Path, target: Path) -> Path:
        file = self / "popular_scores.npy"
        file.write_bytes(file.read_bytes()[:-1] + b"\x01")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", damaging)
    with pytest.raises(ModelRejected, match="its content is not what was published"):
        published(tmp_path, fruit_shop("apricot"))
    [_, damaged] = versions.all()

    assert old.name == versions.current()
    assert (
        str(versions.rejected(damaged))
        == "popular_scores.npy: its content is not what was published"
    )


def test_folders_of_dead_publications_are_removed_after_an_hour(tmp_path: Path) -> None:
    home = versions_in(tmp_path).home
    for name, minutes in ((".tmp-old", 61), (".tmp-new", 59)):
        (home / name).mkdir(parents=True)
        (home / name / "item_ids.npy").write_bytes(b"half")
        moment = NOW.timestamp() - 60 * minutes
        os.utime(home / name, (moment, moment))
    published(tmp_path)

    assert [left.name for left in home.glob(".tmp-*")] == [".tmp-new"]


def publish_and_die(root: Path, step: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        publisher(root, "apricot", step),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def publisher(root: Path, first: str, step: int) -> list[str]:
    module = "tests.unit.model.killed_publication"
    return [sys.executable, "-m", module, str(root), first, str(step)]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return the number of disk steps of a publication."""
    root = tmp_path_factory.mktemp("models")
    published(root)
    return int(publish_and_die(root, 0).stdout)


FROM_THE_START = [1, 2, 3, 4, 5, 30]
FROM_THE_END = [9, 8, 7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("place", [*FROM_THE_START, *(-back for back in FROM_THE_END)])
def test_a_publication_killed_at_any_step_leaves_the_old_model(
    tmp_path: Path, steps: int, place: int
) -> None:
    """The old model stays current and loadable, and the next publication works without repair."""
    old = published(tmp_path)
    versions = versions_in(tmp_path)
    step = place if place > 0 else steps + place
    died = publish_and_die(tmp_path, step)

    assert died.returncode == -signal.SIGKILL
    assert old.name == versions.current()
    assert load(old, shop=SHOP, fingerprint=FINGERPRINT, full=True).version == old.name

    new = published(tmp_path, fruit_shop("avocado"), now=NOW + timedelta(days=2))

    assert new.name == versions.current()
    for version in versions.all():
        load(versions.folder(version), shop=SHOP, fingerprint=FINGERPRINT, full=True)


def test_a_publication_killed_after_its_last_rename_is_complete(tmp_path: Path, steps: int) -> None:
    """The new model is current and complete."""
    published(tmp_path)
    versions = versions_in(tmp_path)
    publish_and_die(tmp_path, steps)
    current = versions.current()

    assert versions.all()[-1] == current
    assert current is not None
    load(versions.folder(current), shop=SHOP, fingerprint=FINGERPRINT, full=True)


def test_a_publication_compiles_no_loop(tmp_path: Path) -> None:
    """A process that publishes a model and verifies it does not wait for numba."""
    code = (
        "import sys; from tests.unit.model.killed_publication import main; "
        f"main({str(tmp_path)!r}, 'apricot', '0'); sys.exit('numba' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True)


def test_two_publications_at_once_run_one_after_the_other(tmp_path: Path) -> None:
    """Both versions are complete, and the last to finish is current."""
    published(tmp_path)
    versions = versions_in(tmp_path)
    commands = [publisher(tmp_path, first, 0) for first in ("apricot", "avocado")]
    running = [
        subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) for command in commands
    ]

    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert len(versions.all()) == 3
    assert versions.current() in versions.all()[1:]
    for version in versions.all():
        load(versions.folder(version), shop=SHOP, fingerprint=FINGERPRINT, full=True)
