"""`recsvc consents import`, `recsvc consents policy` and `recsvc audit` on one data folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.contract.consents.import_lines import line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("audit")
    with EmbeddedValkey(made):
        yield made


def run(folder: Path, *arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(app, [*arguments, "--data-dir", str(folder)])
    assert result.exit_code == expect, result.output
    return result


def test_a_file_is_imported_by_command(folder: Path, tmp_path: Path) -> None:
    """A second import of a file changes nothing, and a file with too many invalid lines is refused
    as a whole.
    """
    file = tmp_path / "consents.ndjson"
    file.write_text("\n".join(json.dumps(line(True, customer=f"c{n}")) for n in range(120)))
    arguments = ("consents", "import", str(file), "--shop", "imported", "--json")
    first, second = (json.loads(run(folder, *arguments).stdout) for _ in range(2))
    file.write_text(f"{json.dumps(line(False))}\nrubbish\n")
    refused = run(folder, *arguments, expect=2)

    assert (first["imported"], second["imported"], second["known"]) == (120, 0, 120)
    assert "nothing was imported" in refused.output.replace("\n", " ")
    shown = run(folder, "consents", "show", "c7", "--shop", "imported", "--json").stdout
    assert json.loads(shown)["email"]["permitted"] is True


def test_the_policy_is_set_shown_and_cleared(folder: Path) -> None:
    """The policy commands work per purpose and refuse an unknown purpose or an invalid label."""
    arguments = ("consents", "policy", "set", "--purpose", "email", "--minimum", "v2")
    run(folder, *arguments)
    shown = json.loads(run(folder, "consents", "policy", "show", "--json").stdout)
    run(folder, "consents", "grant", "p1", "email", "--policy-version", "v1")
    granted = run(folder, "consents", "show", "p1", "--json").stdout
    run(folder, "consents", "policy", "clear", "--purpose", "email")
    cleared = json.loads(run(folder, "consents", "policy", "show", "--json").stdout)

    assert shown == {**dict.fromkeys(Purpose), "email": "v2"}
    assert json.loads(granted)["email"]["state"] == "expired"
    assert set(cleared.values()) == {None}
    run(folder, "consents", "policy", "set", "--purpose", "x", "--minimum", "v2", expect=2)
    run(folder, *arguments[:-1], "", expect=2)


def test_the_audit_exits_3_for_a_damaged_history(folder: Path, tmp_path: Path) -> None:
    """`audit verify` exits 0 for an intact history and 3 for a damaged one, and accepts a head as
    text or file.
    """
    shop = ("--shop", "audited")
    run(folder, "consents", "grant", "a1", "email", *shop)
    head = run(folder, "audit", "head", *shop).stdout
    file = tmp_path / "head.txt"
    file.write_text(head)
    run(folder, "consents", "withdraw", "a1", "email", *shop)
    history = json.loads(run(folder, "consents", "history", "a1", *shop, "--json").stdout)

    assert [row["word"] for row in history] == ["granted", "denied"]
    for kept in (head.strip(), str(file)):
        run(folder, "audit", "verify", "--head", kept, *shop)
    later = head.replace("1 ", "9 ", 1).strip()
    damaged = run(folder, "audit", "verify", "--head", later, *shop, "--json", expect=3)
    assert json.loads(damaged.stdout)["finding"]["row"] == 3
    assert damaged.stderr.startswith("error: row 3 is missing")
    run(folder, "audit", "verify", "--head", "neither", *shop, expect=2)


@pytest.mark.parametrize("had_rows", [True, False])
def test_the_audit_reports_a_replaced_history(folder: Path, had_rows: bool) -> None:
    """`audit verify` exits 3 if the key of the history holds another type."""
    name = f"replaced-{had_rows:d}"
    if had_rows:
        run(folder, "consents", "grant", "a1", "email", "--shop", name)
    with open_stores(Settings(data_dir=folder)) as stores:
        stores.connections.writes.set(redis_keys.history(ShopName(name)), "another kind")
    damaged = run(folder, "audit", "verify", "--shop", name, expect=3)

    assert damaged.stderr.startswith("error: row 1 is missing, as are all others")


def test_the_audit_reports_a_record_changed_without_the_service(folder: Path) -> None:
    """`audit verify` exits 3 and names the keyed hash and the purpose, until the customer makes a
    new statement.
    """
    shop = ("--shop", "compared")
    run(folder, "consents", "grant", "a1", "email", *shop)
    run(folder, "consents", "withdraw", "a1", "email", *shop)
    whole = json.loads(run(folder, "audit", "verify", *shop, "--json").stdout)
    with open_stores(Settings(data_dir=folder)) as stores:
        key = stores.hasher(ShopName("compared")).key_of(CustomerId("a1"))
        record = redis_keys.customer(ShopName("compared"), key)
        stores.connections.writes.hset(record, "purpose:email", "1700000000000000 granted - - -")
    damaged = run(folder, "audit", "verify", *shop, "--json", expect=3)
    run(folder, "consents", "grant", "a1", "email", *shop)
    after = run(folder, "audit", "verify", *shop)

    assert (whole["whole"], whole["customers"], whole["differences"]) == (True, 1, [])
    found = json.loads(damaged.stdout)
    (difference,) = found["differences"]
    assert (found["whole"], found["finding"]) == (False, None)
    assert (difference["customer"], difference["subject"]) == (key.hex(), "email")
    line = f"error: customer {key.hex()}: email differs from the last row of the history"
    assert damaged.stderr.replace("\n", " ").strip() == line
    assert "1 records match them" in after.output.replace("\n", " ")
