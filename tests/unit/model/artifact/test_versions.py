"""The folder of versions: the current one, rejected ones, and entries that are no version."""

import os
from pathlib import Path

import pytest

from recsvc.domain.errors import BadRequest, ModelRejected
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions, version_name
from tests.model_builders import NOW, SHOP, published, versions_in

A = "20260101T000000.000Z-aaaaaaaa"
B = "20260201T000000.000Z-bbbbbbbb"


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    for version in (B, A):
        (tmp_path / SHOP / version).mkdir(parents=True)
    return versions_in(tmp_path)


def test_a_version_name_holds_time_and_content_hash() -> None:
    assert version_name(NOW, "deadbeef" * 8) == "20260301T120000.123Z-deadbeef"


def test_versions_are_listed_oldest_first(versions: Versions, tmp_path: Path) -> None:
    """Unfinished folders, links and other names are not listed."""
    (versions.home / ".tmp-1234").mkdir()
    (versions.home / "latest").mkdir()
    (versions.home / "20260301T000000.000Z-cccccccc").symlink_to(tmp_path)
    (versions.home / "20260401T000000.000Z-dddddddd").write_text("")

    assert versions.all() == [A, B]


def test_nothing_published_is_no_error(tmp_path: Path) -> None:
    versions = versions_in(tmp_path)

    assert (versions.all(), versions.current(), versions.stamp()) == ([], None, None)


def test_activation_replaces_current_and_its_stamp(versions: Versions) -> None:
    versions.activate(A)
    before = versions.stamp()
    versions.activate(B)

    assert versions.current() == B
    assert before != versions.stamp()
    assert f"{B}\n" == (versions.home / "CURRENT").read_text()
    assert list(versions.home.glob(".tmp-*")) == []


def test_activating_a_missing_version_is_refused(versions: Versions) -> None:
    versions.activate(A)

    with pytest.raises(ModelRejected, match="is not a folder"):
        versions.activate("20260501T000000.000Z-eeeeeeee")

    assert versions.current() == A


@pytest.mark.parametrize(
    "name",
    ["../x", "..", "", ".", "/etc", f"{A}/../{B}", f"{A}/", f"{A}\n", f"../default/{A}", "CURRENT"],
)
def test_a_name_that_is_no_version_is_refused(versions: Versions, name: str) -> None:
    """A version name never leads outside of the root."""
    with pytest.raises(ModelRejected, match="is not the name of a version"):
        versions.folder(name)


@pytest.mark.parametrize("text", ["../x\n", "/etc\n", "\0", "x" * 10_000, f"{A} {B}", "\udcff"])
def test_a_current_that_names_no_version_is_refused(versions: Versions, text: str) -> None:
    (versions.home / "CURRENT").write_text(text, errors="surrogateescape")

    with pytest.raises(ModelRejected, match="is not the name of a version"):
        versions.current()


def test_a_version_that_is_a_link_is_refused(versions: Versions, tmp_path: Path) -> None:
    """A version that is a symbolic link is refused, even a link to another version."""
    linked = "20260301T000000.000Z-cccccccc"
    (versions.home / linked).symlink_to(tmp_path / SHOP / A)

    with pytest.raises(ModelRejected, match="is a symbolic link"):
        versions.folder(linked)


def test_a_shop_that_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    """A symbolic link in place of the shop's folder is refused."""
    elsewhere = published(tmp_path / "elsewhere").parent
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / SHOP).symlink_to(elsewhere)
    versions = versions_in(tmp_path / "models")
    [version] = versions.all()

    with pytest.raises(ModelRejected, match="is outside of"):
        versions.folder(version)


def test_a_current_that_is_a_pipe_is_refused_without_waiting_for_it(versions: Versions) -> None:
    os.mkfifo(versions.home / "CURRENT")

    with pytest.raises(ModelRejected, match="CURRENT is not a regular file"):
        versions.current()


def test_a_shop_name_cannot_leave_the_root(tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        Versions(tmp_path, ShopName("../other"))


def test_activation_removes_a_rejection(versions: Versions) -> None:
    versions.reject(A, "its content is not what was published", "model_rejected")
    recorded = versions.rejected(A)

    assert recorded is not None
    assert str(recorded) == "its content is not what was published"
    assert versions.all() == [A, B]
    assert versions.rejected(B) is None

    versions.activate(A)

    assert versions.rejected(A) is None


def test_an_unreadable_rejection_rejects(versions: Versions) -> None:
    (versions.home / f"{A}.rejected").write_text("{")

    assert str(versions.rejected(A)) == "the rejection cannot be read"


def test_models_can_be_moved(tmp_path: Path) -> None:
    """A root that is reached through a link is accepted."""
    folder = published(tmp_path / "here")
    (tmp_path / "there").symlink_to(tmp_path / "here")

    assert folder.resolve() == versions_in(tmp_path / "there").folder(folder.name).resolve()
