"""The small commands: what they print where, and the exit codes that a job can act on."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner, Result

from recsvc.cli.main import app
from recsvc.config import SETTINGS, Settings
from recsvc.domain.ids import ShopName
from recsvc.stores.embedded import EmbeddedValkey
from recsvc.wiring import Stores, stores_at
from tests.contract.grocery import publish_grocery

SHOP = ShopName("default")


class Shell:
    """Runs commands in one data folder, whose server it keeps running meanwhile."""

    def __init__(self, data_dir: Path, stores: Stores) -> None:
        self.data_dir, self.stores = data_dir, stores

    def run(self, *words: str, expect: int = 0) -> Result:
        result = CliRunner().invoke(app, [*words, "--data-dir", str(self.data_dir)])
        assert result.exit_code == expect, result.output
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def refusal(self, *words: str) -> str:
        """Return the one line that a command says when it cannot do its job."""
        result = self.run(*words, expect=2)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data_dir = tmp_path_factory.mktemp("shell")
    with EmbeddedValkey(data_dir) as server:
        stores = stores_at(Settings(data_dir=data_dir), server.url)
        yield Shell(data_dir, stores)
        stores.connections.close()


def test_a_secret_key_is_shown_once_and_only_its_hash_is_kept(shell: Shell) -> None:
    """Created, listed without its text, revoked."""
    made = shell.json("keys", "create", "--scope", "recommend", "--scope", "ops")
    listed = shell.json("keys", "list")
    revoked = shell.json("keys", "revoke", made["id"])

    (entry,) = [key for key in listed if key["id"] == made["id"]]
    assert made["key"].startswith("sk_default_")
    assert entry["scopes"] == ["ops", "recommend"]
    assert made["key"] not in json.dumps(listed)
    assert entry["revoked_at"] is None
    assert revoked["revoked_at"] is not None


def test_people_get_the_key_alone_on_stdout(shell: Shell) -> None:
    """So that `SK=$(recsvc keys create --scope all)` works."""
    result = shell.run("keys", "create", "--scope", "all")

    assert result.stdout.startswith("sk_default_")
    assert len(result.stdout.splitlines()) == 1


def test_a_publishable_key_comes_with_its_signing_secret(shell: Shell) -> None:
    """And `token` prints nothing but a token that this secret has signed."""
    made = shell.json("keys", "create", "--publishable", "--shop", "north")

    newest = shell.run("keys", "token", "--customer", "c 1", "--shop", "north").stdout.strip()
    named = shell.run("keys", "token", "--customer", "c 1", "--key", made["key"]).stdout.strip()

    assert made["key"].startswith("pk_north_")
    claims = [jwt.decode(token, made["signing_secret"], ["HS256"]) for token in (newest, named)]
    assert [claim["sub"] for claim in claims] == ["c 1", "c 1"]
    assert [claim["exp"] - claim["iat"] for claim in claims] == [900, 900]
    assert jwt.get_unverified_header(newest)["kid"] == made["id"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["keys", "create"], "--publishable or at least one --scope"),
        (["keys", "create", "--scope", "ops", "--publishable"], "either"),
        (["keys", "create", "--scope", "everything"], "no such scope: everything"),
        (["keys", "create", "--scope", "ops", "--shop", "No Shop"], "is not a shop name"),
        (["keys", "revoke", "sk-0000"], "has no key sk-0000"),
        (["keys", "token", "--customer", "c", "--shop", "keyless"], "no live publishable key"),
        (["keys", "token", "--customer", ".."], "customer is not a valid id"),
        (["keys", "token", "--customer", "c", "--key", "pk_x"], "that is not a key"),
        (["consents", "grant", "c1", "newsletter"], "no such purpose: newsletter"),
        (["consents", "show", "a/b"], "customer is not a valid id"),
        (["models", "verify", "--shop", "modelless"], "has no model yet"),
        (["models", "rollback", "--shop", "modelless"], "has no model yet"),
        (["models", "activate", "../../etc"], "is not the name of a version"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_one_clear_line(shell: Shell, words: list[str], said: str) -> None:
    """On stderr, with exit code 2 and no traceback."""
    line = shell.refusal(*words)

    assert said in line
    assert line.startswith("error: ")


def test_consent_of_one_customer_can_be_read_and_written(shell: Shell) -> None:
    """Granted, withdrawn, shown."""
    shell.run("consents", "grant", "c1", "email", "personalization", "--policy-version", "v1")
    shell.run("consents", "withdraw", "c1", "email")

    shown = shell.json("consents", "show", "c1")

    assert {purpose: row["state"] for purpose, row in shown.items()} == {
        "personalization": "granted",
        "offers": "unknown",
        "email": "withdrawn",
        "analytics": "unknown",
        "training": "unknown",
    }
    assert shown["personalization"]["policy_version"] == "v1"


def test_versions_are_listed_verified_and_rolled_back(shell: Shell) -> None:
    """A damaged version is found by `verify`, and `rollback` goes to the last sound one."""
    first = publish_grocery(shell.stores, SHOP)
    damaged = publish_grocery(shell.stores, SHOP, first="b")
    last = publish_grocery(shell.stores, SHOP, first="c")
    file = shell.data_dir / "models" / SHOP / damaged / "popular_scores.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")

    before = shell.json("models", "list")
    sound = shell.json("models", "verify")
    refusal = shell.refusal("models", "verify", damaged)
    shell.run("models", "rollback")
    rolled_back = shell.json("models", "list")["current"]
    shell.run("models", "activate", last)

    assert [row["version"] for row in before["versions"]] == [first, damaged, last]
    assert [row["state"] for row in before["versions"]] == ["kept", "kept", "current"]
    assert sound == {"version": last, "sound": True}
    assert "popular_scores.npy" in refusal
    assert rolled_back == first
    assert shell.json("models", "list")["current"] == last


def test_check_shows_every_setting_and_finds_what_is_there(shell: Shell) -> None:
    """Settings, store, secret, keys and models; no secret is shown."""
    publish_grocery(shell.stores, SHOP)
    shell.run("keys", "create", "--scope", "all")

    report = shell.json("check")
    text = shell.run("check").stdout

    assert [row["setting"] for row in report["settings"]] == [s.variable for s in SETTINGS]
    verdicts = {finding["what"]: finding["verdict"] for finding in report["findings"]}
    assert verdicts["store"] == verdicts["secret"] == verdicts["keys"] == "ok"
    assert verdicts["model of default"] == "ok"
    assert all(setting.variable in text for setting in SETTINGS)
    assert (shell.data_dir / "secret").read_text().strip() not in text


def test_check_fails_where_serve_would(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 when the store cannot be reached."""
    monkeypatch.setenv("RECSVC_REDIS_URL", f"unix://{tmp_path}/nobody.sock")

    result = shell.run("check", "--json", expect=2)

    assert json.loads(result.stdout)["findings"][-1]["verdict"] == "bad"


def test_a_wrong_setting_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is opened."""
    monkeypatch.setenv("RECSVC_THREADS", "many")

    assert "RECSVC_THREADS" in shell.refusal("check")


@pytest.mark.parametrize(
    "words",
    [
        *([command, "--help"] for command in ("serve", "check", "keys", "consents", "models")),
        *(["keys", command, "--help"] for command in ("create", "list", "revoke", "token")),
        *(["consents", command, "--help"] for command in ("show", "grant", "withdraw")),
        *(["models", command, "--help"] for command in ("list", "verify", "activate", "rollback")),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(words: list[str]) -> None:
    """`--help` works without a data folder."""
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0
    assert "Usage" in result.stdout
