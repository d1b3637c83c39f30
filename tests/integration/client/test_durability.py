"""A Redis that may lose what it acknowledged is refused, unless somebody answers for it."""

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
from recsvc.stores.client.durability import check_durability, watch_durability
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.integration.servers import kill_server, until

SETTINGS = Settings()


@pytest.fixture
def store(own_server: EmbeddedValkey) -> Iterator[redis.Redis]:
    with client(own_server.url, 2.0) as opened:
        yield opened


@pytest.fixture
def forbidden(store: redis.Redis, own_server: EmbeddedValkey) -> Iterator[redis.Redis]:
    """The same server for a user who may not ask about its configuration."""
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
    """With what it is and what it must be."""
    store.config_set(name, wrong)
    with pytest.raises(NotDurable, match=f"{name} is '{wrong}' and must be '{right}'"):
        check_durability(store, SETTINGS)


def test_insecure_accepts_it(store: redis.Redis) -> None:
    """Said by the operator, and logged."""
    store.config_set("appendfsync", "no")
    check_durability(store, replace(SETTINGS, insecure=True))


def test_the_provider_cannot_answer_for_what_can_be_seen(store: redis.Redis) -> None:
    """A statement does not beat the facts."""
    store.config_set("appendfsync", "no")
    with pytest.raises(NotDurable):
        check_durability(store, replace(SETTINGS, durability="provider"))


def test_where_it_cannot_be_asked_it_is_refused(forbidden: redis.Redis) -> None:
    """With the way out in the message."""
    with pytest.raises(NotDurable, match="RECSVC_DURABILITY=provider"):
        check_durability(forbidden, SETTINGS)


def test_where_it_cannot_be_asked_the_provider_answers(forbidden: redis.Redis) -> None:
    """In the operator's name."""
    check_durability(forbidden, replace(SETTINGS, durability="provider"))


def test_a_store_that_is_away_is_not_durable_by_silence(
    store: redis.Redis, own_server: EmbeddedValkey
) -> None:
    """Not even for those who accept anything."""
    kill_server(own_server.url)
    with pytest.raises(StoreUnavailable):
        check_durability(store, replace(SETTINGS, durability="provider", insecure=True))


def test_a_store_that_is_reconfigured_later_is_logged(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was right at the start need not stay so."""
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
