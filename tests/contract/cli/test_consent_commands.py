"""`recsvc consents`: recorded statements and refused input."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.stores.embedded.server import EmbeddedValkey


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a data folder whose server keeps running between commands."""
    folder = tmp_path_factory.mktemp("consents")
    with EmbeddedValkey(folder):
        yield folder


def run(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["consents", *arguments, "--data-dir", str(data_dir)])


def shown(data_dir: Path, customer: str) -> Any:
    return json.loads(run(data_dir, "show", customer, "--json").stdout)


def test_a_grant_is_recorded_with_its_policy_and_its_time(data_dir: Path) -> None:
    """The time is shown to the microsecond, as over HTTP."""
    run(data_dir, "grant", "c1", "email", "--policy-version", "v 1")

    email = shown(data_dir, "c1")["email"]

    assert (email["state"], email["policy_version"], email["source"]) == (
        "granted",
        "v 1",
        "command line",
    )
    assert len(email["at"]) == len("2024-05-06T07:08:09.000123Z")
    assert datetime.fromisoformat(email["at"]).tzinfo is not None


def test_a_withdrawal_has_no_policy_version(data_dir: Path) -> None:
    """The withdrawn purpose shows no policy version, and the other purposes keep theirs."""
    run(data_dir, "grant", "c2", "email", "offers", "--policy-version", "v1")
    run(data_dir, "withdraw", "c2", "email")

    record = shown(data_dir, "c2")

    assert (record["email"]["state"], record["email"]["policy_version"]) == ("withdrawn", None)
    assert (record["offers"]["state"], record["offers"]["policy_version"]) == ("granted", "v1")


@pytest.mark.parametrize("label", ["", "a" * 129, "a\nb", "\x1b[31m", "v\x7f", "v\x85", "\udcff"])
def test_an_invalid_policy_version_is_refused(data_dir: Path, label: str) -> None:
    """The command exits with 2 and one line, and records nothing."""
    result = run(data_dir, "grant", "c3", "email", "--policy-version", label)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --policy-version is not a valid label")
    assert len(result.stderr.splitlines()) == 1
    assert shown(data_dir, "c3")["email"]["state"] == "unknown"
