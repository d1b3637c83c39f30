"""A Redis that may lose acknowledged writes is refused, unless the operator accepts it."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from structlog.testing import capture_logs

from recsvc.config import Settings
from recsvc.domain.errors import NotDurable, StoreUnavailable
from recsvc.stores.client import durability
from recsvc.stores.client.connection import client
from recsvc.stores.client.durability import check_durability, erasure_fault, watch_durability
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import kill_server, until

SETTINGS = Settings()


@pytest.fixture
def store(own_server: EmbeddedValkey) -> Iterator[redis.Redis]:
    with client(own_server.url, 2.0) as opened:
        yield opened


@pytest.fixture
def without_config(store: redis.Redis, own_server: EmbeddedValkey) -> Iterator[redis.Redis]:
    """A client of the same server whose user may not run CONFIG."""
    store.acl_setuser(
        "tenant", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"]
    )
    with client(own_server.url.replace("unix://", "unix://tenant:any@"), 2.0) as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("appendonly", "no", "yes"),
        ("appendfsync", "everysec", "always"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_a_setting_that_loses_writes_is_named(
    store: redis.Redis, name: str, wrong: str, right: str
) -> None:
    """The error names the wrong setting, its value and its required value."""
    store.config_set(name, wrong)
    with pytest.raises(NotDurable, match=f"{name} is '{wrong}' and must be '{right}'"):
        check_durability(store, SETTINGS)


@pytest.mark.parametrize(
    ("name", "wrong", "right"), [("aof-use-rdb-preamble", "yes", "no"), ("save", "60 1", "")]
)
def test_a_setting_that_keeps_erased_ids_is_named(
    store: redis.Redis, name: str, wrong: str, right: str
) -> None:
    """RDB snapshots and the RDB preamble are named; the embedded server has neither."""
    assert erasure_fault(store) is None
    store.config_set(name, wrong)
    fault = erasure_fault(store)

    assert fault is not None
    assert f"{name} is '{wrong}' and must be '{right}'" in fault


def test_insecure_accepts_a_store_that_is_not_durable(store: redis.Redis) -> None:
    """RECSVC_INSECURE=1 accepts a store that may lose acknowledged writes."""
    store.config_set("appendfsync", "no")
    check_durability(store, replace(SETTINGS, insecure=True))


def test_the_provider_setting_does_not_override_a_known_fault(store: redis.Redis) -> None:
    """RECSVC_DURABILITY=provider does not accept settings that are known to be wrong."""
    store.config_set("appendfsync", "no")
    with pytest.raises(NotDurable):
        check_durability(store, replace(SETTINGS, durability="provider"))


def test_a_store_that_forbids_config_is_refused(without_config: redis.Redis) -> None:
    """A Redis that forbids CONFIG is refused, and the error names RECSVC_DURABILITY=provider."""
    with pytest.raises(NotDurable, match="RECSVC_DURABILITY=provider"):
        check_durability(without_config, SETTINGS)


def test_the_provider_setting_accepts_a_store_without_config(
    without_config: redis.Redis,
) -> None:
    """RECSVC_DURABILITY=provider accepts a Redis that forbids CONFIG."""
    check_durability(without_config, replace(SETTINGS, durability="provider"))


def test_an_unavailable_store_is_not_accepted_as_durable(
    store: redis.Redis, own_server: EmbeddedValkey
) -> None:
    """The check of an unavailable store fails, whichever settings relax it."""
    kill_server(own_server.url)
    with pytest.raises(StoreUnavailable):
        check_durability(store, replace(SETTINGS, durability="provider", insecure=True))


def test_a_store_that_is_reconfigured_later_is_logged(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that becomes wrong after the start is logged as an error."""
    monkeypatch.setattr(durability, "WATCH_SECONDS", 0.01)
    leaving = threading.Event()
    watching = threading.Thread(target=watch_durability, args=(store, SETTINGS, leaving))
    with capture_logs() as logs:
        watching.start()
        store.config_set("appendfsync", "everysec")
        until(lambda: bool(logs))
        leaving.set()
        watching.join()

    assert (logs[0]["event"], logs[0]["log_level"]) == ("store_not_durable", "error")
    assert "appendfsync is 'everysec'" in logs[0]["reason"]
