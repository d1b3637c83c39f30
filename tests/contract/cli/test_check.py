"""`recsvc check` of a bad data folder and of models: it finds each fault and changes no file."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recsvc.cli.main import app
from recsvc.config import Settings, models_root
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.values.ids import ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import Stores, stores_at
from tests.contract.grocery import publish_grocery

SHOP = ShopName("default")


@pytest.fixture
def stores(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stores]:
    """A store with an API key, named by RECSVC_REDIS_URL, whose files are not in the data folder.

    The data folder is `data` in the test's folder; its secret is in the environment and in a file.
    """
    folder, secret = tmp_path / "data", secrets.token_urlsafe(48)
    folder.mkdir()
    (folder / "secret").write_text(secret)
    (folder / "secret").chmod(0o600)
    with EmbeddedValkey(tmp_path_factory.mktemp("store")) as server:
        monkeypatch.setenv("RECSVC_REDIS_URL", server.url)
        monkeypatch.setenv("RECSVC_SECRET", secret)
        used = stores_at(Settings(data_dir=folder, secret=secret), server.url)
        used.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES)
        yield used
        used.connections.close()


def check(folder: Path, expect: int) -> dict[str, Any]:
    """Return the results of `recsvc check` by name; the table has them too."""
    words = ["check", "--data-dir", str(folder)]
    table = CliRunner().invoke(app, words)
    report = CliRunner().invoke(app, [*words, "--json"])
    assert (table.exit_code, report.exit_code) == (expect, expect), table.output + report.output
    assert table.stderr == report.stderr == ""
    results = json.loads(report.stdout)["findings"]
    assert all(result["detail"] in table.stdout for result in results)
    return {result["what"]: result for result in results}


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of every file and folder."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


@pytest.mark.parametrize("place", ["/proc/nope", "/proc/nope/below", "file", "file/below", "link"])
def test_a_data_folder_that_cannot_be_made_is_bad(
    stores: Stores, tmp_path: Path, place: str
) -> None:
    """`check` exits with 2 where `serve` could not make the data folder, also with a good store."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    results = check(tmp_path / place, expect=2)

    assert results["data folder"]["verdict"] == "bad"
    assert "none can be made" in results["data folder"]["detail"]
    assert results["store"]["verdict"] == results["keys"]["verdict"] == "ok"


def test_a_data_folder_that_can_be_made_is_missing(stores: Stores, tmp_path: Path) -> None:
    """`check` exits with 0 where `serve` would make the data folder, and makes none itself."""
    results = check(tmp_path / "some" / "where", expect=0)

    assert results["data folder"]["verdict"] == "missing"
    assert not (tmp_path / "some").exists()


def test_a_secret_that_cannot_be_made_is_bad(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` exits with 2 if there is no secret and the data folder admits no new file."""
    monkeypatch.delenv("RECSVC_SECRET")
    results = check(Path("/proc"), expect=2)

    assert results["data folder"]["verdict"] == "ok"
    assert results["secret"]["verdict"] == "bad"


def test_models_that_cannot_be_listed_are_one_bad_result(stores: Stores) -> None:
    """`check` reports a file in place of the folder of models, as every other fault."""
    models_root(stores.settings).touch()
    results = check(stores.settings.data_dir, expect=2)

    assert results["models"]["verdict"] == "bad"


@pytest.mark.parametrize("fault", ["none", "damaged", "lifted", "no secret"])
def test_check_changes_no_file(stores: Stores, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """`check` reports a model, good or bad, and leaves every file of the data folder as it is."""
    folder = stores.settings.data_dir
    version = publish_grocery(stores, SHOP)
    home = models_root(stores.settings) / SHOP
    if fault == "damaged":
        (home / version / "popular_scores.npy").write_bytes(b"")
    elif fault == "lifted":  # a worker would load the version and remove this rejection
        rejection = {"version": version, "code": "secret_mismatch", "reason": "another secret"}
        (home / f"{version}.rejected").write_text(json.dumps(rejection))
    elif fault == "no secret":
        (folder / "secret").unlink()
        monkeypatch.delenv("RECSVC_SECRET")
    before = files_of(folder)
    is_good = fault in ("none", "lifted")
    result = check_model(folder, is_good=is_good)

    assert files_of(folder) == before
    assert result["verdict"] == ("ok" if is_good else "bad")
    assert ("cannot be checked without the secret" in result["detail"]) == (fault == "no secret")


def check_model(folder: Path, *, is_good: bool) -> Any:
    return check(folder, expect=0 if is_good else 2)[f"model of {SHOP}"]
