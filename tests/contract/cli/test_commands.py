"""Commands for keys, consents, models and checks: their output and their exit codes."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
import redis
from typer.testing import CliRunner, Result

from recsvc.cli import demo
from recsvc.cli.main import app
from recsvc.config import Settings
from recsvc.config_table import SETTINGS
from recsvc.domain.api_keys import KeyKind, new_key_text
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import client
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import Stores, stores_at
from tests.contract.grocery import publish_grocery
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import recsvc

SHOP = ShopName("default")


class Shell:
    """Runs commands in one data folder, and keeps its server running."""

    def __init__(self, data_dir: Path, stores: Stores) -> None:
        self.data_dir, self.stores = data_dir, stores

    def run(self, *words: str, expect: int = 0) -> Result:
        result = CliRunner().invoke(app, [*words, "--data-dir", str(self.data_dir)])
        assert result.exit_code == expect, result.output
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def refusal(self, *words: str) -> str:
        """Return the error line of a command that fails."""
        result = self.run(*words, expect=2)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr


@contextmanager
def shell_in(data_dir: Path) -> Iterator[Shell]:
    with EmbeddedValkey(data_dir) as server:
        stores = stores_at(Settings(data_dir=data_dir), server.url)
        yield Shell(data_dir, stores)
        stores.connections.close()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with shell_in(tmp_path_factory.mktemp("shell")) as used:
        yield used


@pytest.fixture
def new_shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell with an empty data folder."""
    with shell_in(tmp_path) as unused:
        yield unused


def test_a_secret_key_is_shown_once_and_only_its_hash_is_kept(shell: Shell) -> None:
    """A secret key is created, listed without its text, and revoked."""
    made = shell.json("keys", "create", "--scope", "recommend", "--scope", "ops")
    listed = shell.json("keys", "list")
    revoked = shell.json("keys", "revoke", made["id"])

    (entry,) = [key for key in listed if key["id"] == made["id"]]
    assert made["key"].startswith("sk_default_")
    assert entry["scopes"] == ["ops", "recommend"]
    assert made["key"] not in json.dumps(listed)
    assert entry["revoked_at"] is None
    assert revoked["revoked_at"] is not None


@pytest.mark.parametrize("kind", [["--scope", "all"], ["--publishable"]], ids=" ".join)
def test_a_key_that_leaked_is_revoked_by_its_text(shell: Shell, kind: list[str]) -> None:
    """A key can be revoked by its text, which names its shop; no output repeats the text."""
    made = shell.json("keys", "create", *kind, "--shop", "south")

    shown = shell.run("keys", "revoke", f" {made['key']}\n")
    again = shell.run("keys", "revoke", made["key"], "--json")

    listed = {key["id"]: key for key in shell.json("keys", "list", "--shop", "south")}
    assert json.loads(again.stdout)["id"] == made["id"]
    assert made["id"] in shown.stderr
    assert listed[made["id"]]["revoked_at"] is not None
    assert made["key"] not in shown.output + again.output


@pytest.mark.parametrize(
    "text",
    [
        new_key_text(KeyKind.SECRET, SHOP),
        new_key_text(KeyKind.PUBLISHABLE, SHOP),
        new_key_text(KeyKind.SECRET, SHOP)[:-1],
        new_key_text(KeyKind.SECRET, SHOP)[3:],
        f"Bearer {new_key_text(KeyKind.SECRET, SHOP)}",
    ],
    ids=["secret", "publishable", "cut off", "without its prefix", "with a word before it"],
)
@pytest.mark.parametrize(
    "words", [["revoke"], ["token", "--customer", "c", "--key"]], ids=["revoke", "token"]
)
def test_no_error_repeats_the_text_of_a_key(shell: Shell, words: list[str], text: str) -> None:
    """An error about an unknown or incomplete key does not repeat its text."""
    assert text[-20:] not in shell.refusal("keys", *words, text)


@pytest.mark.parametrize("words", [["revoke", "sk-1", "--shop"], ["create", "--scope"]], ids=str)
def test_a_key_given_as_another_argument_is_masked(shell: Shell, words: list[str]) -> None:
    """The error shows the prefix of a key that was given as another argument, and no more."""
    text = new_key_text(KeyKind.SECRET, SHOP)

    line = shell.refusal("keys", *words, text)

    assert "sk_default_…" in line
    assert text[-20:] not in line


def test_create_prints_only_the_key_on_stdout(shell: Shell) -> None:
    """`SK=$(recsvc keys create --scope all)` works: stdout holds only the key."""
    result = shell.run("keys", "create", "--scope", "all")

    assert result.stdout.startswith("sk_default_")
    assert len(result.stdout.splitlines()) == 1


def test_a_publishable_key_comes_with_its_signing_secret(shell: Shell) -> None:
    """`keys token` prints only a token, signed with the key's signing secret."""
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
        (["keys", "revoke", "mine"], "neither the id of a key"),
        (["keys", "token", "--customer", "c", "--shop", "keyless"], "no live publishable key"),
        (["keys", "token", "--customer", ".."], "--customer is not a valid id"),
        (["keys", "token", "--customer", "c", "--key", "pk_x"], "--key is not the text of a key"),
        (["consents", "grant", "c1", "newsletter"], "no such purpose: newsletter"),
        (["consents", "show", "a/.."], "CUSTOMER is not a valid id"),
        (["models", "verify", "--shop", "modelless"], "has no model yet"),
        (["models", "rollback", "--shop", "modelless"], "has no model yet"),
        (["models", "activate", "../../etc"], "has no such version"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_failure_is_one_error_line(shell: Shell, words: list[str], said: str) -> None:
    """A failed command prints one error line on stderr, without a traceback, and exits with 2."""
    line = shell.refusal(*words)

    assert said in line
    assert line.startswith("error: ")


def test_consent_of_one_customer_can_be_read_and_written(shell: Shell) -> None:
    """`consents grant` and `withdraw` change the statements that `consents show` prints."""
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


def test_versions_are_listed_verified_and_rolled_back(new_shell: Shell) -> None:
    """`models verify` finds a damaged version, and `rollback` skips it."""
    first = publish_grocery(new_shell.stores, SHOP)
    damaged = publish_grocery(new_shell.stores, SHOP, first="b")
    last = publish_grocery(new_shell.stores, SHOP, first="c")
    file = new_shell.data_dir / "models" / SHOP / damaged / "popular_scores.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")

    before = new_shell.json("models", "list")
    sound = new_shell.json("models", "verify")
    refusal = new_shell.refusal("models", "verify", damaged)
    new_shell.run("models", "rollback")
    rolled_back = new_shell.json("models", "list")["current"]
    new_shell.run("models", "activate", last)

    assert [row["version"] for row in before["versions"]] == [first, damaged, last]
    assert [row["state"] for row in before["versions"]] == ["kept", "kept", "current"]
    assert sound == {"version": last, "sound": True}
    assert "popular_scores.npy" in refusal
    assert rolled_back == first
    assert new_shell.json("models", "list")["current"] == last


def test_check_shows_settings_and_results(shell: Shell) -> None:
    """`check` reports settings, store, secret, keys and models, and prints no secret."""
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
    """`check` exits with 2 and one bad result when the store cannot be reached."""
    monkeypatch.setenv("RECSVC_REDIS_URL", f"unix://{tmp_path}/nobody.sock")

    result = shell.run("check", "--json", expect=2)

    bad = [found for found in json.loads(result.stdout)["findings"] if found["verdict"] == "bad"]
    assert [found["what"] for found in bad] == ["store"]
    assert "cannot be reached" in bad[0]["detail"]


@pytest.mark.parametrize("is_there", [True, False])
def test_check_makes_no_folder_and_no_secret(tmp_path: Path, is_there: bool) -> None:
    """`check` reports a missing data folder, secret, store and key, and makes none of them."""
    folder = tmp_path if is_there else tmp_path / "recvsc"
    result = CliRunner().invoke(app, ["check", "--json", "--data-dir", str(folder)])

    found = {each["what"]: each["verdict"] for each in json.loads(result.stdout)["findings"]}
    assert result.exit_code == 2
    assert found == {
        "data folder": "ok" if is_there else "missing",
        "secret": "missing",
        "store": "missing",
        "keys": "bad",
        "models": "missing",
    }
    assert list(tmp_path.iterdir()) == []


def test_check_asks_a_given_redis_without_making_a_secret(
    other_redis: redis.Redis, tmp_path: Path
) -> None:
    """`check` reaches the store of RECSVC_REDIS_URL also when there is no data folder yet."""
    folder = tmp_path / "recvsc"
    result = CliRunner().invoke(app, ["check", "--json", "--data-dir", str(folder)])

    found = {each["what"]: each["verdict"] for each in json.loads(result.stdout)["findings"]}
    assert (found["secret"], found["store"], found["keys"]) == ("missing", "ok", "bad")
    assert not folder.exists()


def test_check_names_the_origin_of_each_setting(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` shows if a setting is from the command line, the environment or the default."""
    shell.run("keys", "create", "--scope", "all")
    monkeypatch.setenv("RECSVC_THREADS", "8")
    origins = {row["setting"]: row["from"] for row in shell.json("check")["settings"]}

    assert origins["RECSVC_DATA_DIR"] == "--data-dir"
    assert origins["RECSVC_THREADS"] == "environment"
    assert origins["RECSVC_SECRET"] == "default"


@pytest.mark.parametrize("words", [["keys", "create", "--scope", "all"], ["check"]], ids=" ".join)
def test_a_folder_that_cannot_be_made_is_named_with_the_options_for_another(
    words: list[str],
) -> None:
    """The error names the folder and the options; the kernel's `no such file` would not help."""
    result = CliRunner().invoke(app, [*words, "--data-dir", "/proc/nowhere"])

    assert result.exit_code == 2
    assert "no data folder /proc/nowhere and none can be made" in result.output
    assert "--data-dir" in result.output


@pytest.fixture
def other_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A server of this test's own, named by RECSVC_REDIS_URL."""
    with EmbeddedValkey(tmp_path) as server, client(server.url, 2.0) as store:
        monkeypatch.setenv("RECSVC_REDIS_URL", server.url)
        yield store
        store.config_set("requirepass", "")


def test_check_warns_of_a_store_that_keeps_erased_ids(
    shell: Shell, other_redis: redis.Redis
) -> None:
    """`check` names RDB snapshots; the service starts in spite of them."""
    shell.run("keys", "create", "--scope", "all")
    other_redis.config_set("save", "60 1")
    found = {each["what"]: each for each in shell.json("check")["findings"]}

    assert found["erasure"]["verdict"] == "warning"
    assert "save is '60 1'" in found["erasure"]["detail"]


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create", "--scope", "all"],
        ["keys", "revoke", "sk-0000"],
        ["consents", "grant", "c1", "email"],
        ["consents", "withdraw", "c1", "email"],
        ["demo", "--no-serve"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_store_that_may_lose_writes_gets_none(
    shell: Shell, other_redis: redis.Redis, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that writes fails on a store that may lose acknowledged writes."""
    monkeypatch.setattr(demo, "_prepare", lambda *_: None)
    other_redis.config_set("appendfsync", "everysec")

    line = shell.refusal(*words)

    assert "appendfsync is 'everysec' and must be 'always'" in line
    assert other_redis.dbsize() == 0


def test_the_operator_may_accept_a_store_that_may_lose_writes(
    shell: Shell, other_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RECSVC_INSECURE accepts such a store with a warning on stderr; stdout holds only the key."""
    other_redis.config_set("appendfsync", "everysec")
    monkeypatch.setenv("RECSVC_INSECURE", "1")

    made = shell.run("keys", "create", "--scope", "all")
    store = next(found for found in shell.json("check")["findings"] if found["what"] == "store")

    assert re.fullmatch(r"sk_default_\S+\n", made.stdout)
    assert "warning: store not durable" in made.stderr
    assert (store["verdict"], "RECSVC_INSECURE=1 accepts" in store["detail"]) == ("ok", True)


def test_reading_needs_no_durable_store(shell: Shell, other_redis: redis.Redis) -> None:
    """A command that only reads works on a store that may lose writes."""
    other_redis.config_set("appendfsync", "everysec")

    assert shell.json("keys", "list") == []


def test_the_provider_setting_replaces_the_check(
    shell: Shell, other_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RECSVC_DURABILITY=provider replaces the check where CONFIG is forbidden."""
    _as_user(other_redis, monkeypatch, "+@all", "-config")
    refusal = shell.refusal("keys", "create", "--scope", "all")
    monkeypatch.setenv("RECSVC_DURABILITY", "provider")
    made = shell.run("keys", "create", "--scope", "all")

    assert "RECSVC_DURABILITY=provider" in refusal
    assert made.stdout.startswith("sk_default_")


def test_a_missing_password_differs_from_an_unreachable_store(
    shell: Shell, other_redis: redis.Redis
) -> None:
    """A missing password is reported as such, and not as an unreachable store."""
    other_redis.config_set("requirepass", "hunter2")

    said = [shell.refusal("keys", "list"), shell.run("check", expect=2).stdout]

    assert ["wants a user name and password" in text for text in said] == [True, True]


def test_a_wrong_password_is_not_shown(
    shell: Shell, other_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error shows neither the wrong password nor the server's message about it."""
    _as_user(other_redis, monkeypatch, "+@all", saying="hunter2")

    said = shell.refusal("keys", "list")

    assert "wants a user name and password" in said
    assert "hunter2" not in said
    assert "tenant" not in said


def test_a_user_without_permission_is_reported(
    shell: Shell, other_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis user without permission for a needed command is reported as such."""
    _as_user(other_redis, monkeypatch, "+@all", "-hgetall")

    assert "may not run a command that is needed" in shell.refusal("keys", "list")


def _as_user(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch, *commands: str, saying: str = "any"
) -> None:
    """Connect the following commands as a Redis user with these permissions and password `any`."""
    url = f"unix://{store.connection_pool.connection_kwargs['path']}"
    store.acl_setuser(
        "tenant", enabled=True, passwords=["+any"], keys=["*"], commands=list(commands)
    )
    monkeypatch.setenv("RECSVC_REDIS_URL", url.replace("unix://", f"unix://tenant:{saying}@"))


def test_a_wrong_setting_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid setting is named before a store is opened."""
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
def test_every_command_has_help(words: list[str]) -> None:
    """`--help` of each command works without a data folder."""
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_a_secret_key_is_made_with_a_limit_and_a_publishable_one_is_not(tmp_path: Path) -> None:
    """A secret key may have a rate limit; publishable keys share RECSVC_LIMIT_PER_KEY."""
    words = ("keys", "create", "--scope", "recommend", "--limit", "600", "--json")
    made = recsvc_here(*words, data_dir=tmp_path)
    refused = recsvc(
        *("keys", "create", "--publishable", "--limit", "600"), data_dir=tmp_path, expect=2
    )
    listed = recsvc_here("keys", "list", "--json", data_dir=tmp_path)

    assert json.loads(made.stdout)["limit"] == 600
    assert "RECSVC_LIMIT_PER_KEY" in refused.stderr
    assert [key["limit"] for key in json.loads(listed.stdout)] == [600]


@pytest.mark.parametrize(
    "words",
    [
        ("offers", "list"),
        ("offers", "show", "deal"),
        ("items", "list"),
        ("keys", "list"),
        ("customers", "export", "anna"),
        ("audit", "verify"),
        ("events", "drain", "--to", "."),
    ],
    ids=" ".join,
)
def test_a_reading_command_makes_no_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A command that only reads exits with 2 without a data folder, and makes none."""
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "recvsc"
    result = CliRunner().invoke(app, [*words, "--data-dir", str(there)])

    assert result.exit_code == 2
    assert "there is no data folder" in result.stderr.replace("\n", " ")
    assert not there.exists()
