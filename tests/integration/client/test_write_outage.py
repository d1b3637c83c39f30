"""Writes during an outage: refused without an acknowledgement, and accepted after a restart."""

from dataclasses import replace

import pytest

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.consents import permits
from tests.integration.servers import frozen, kill_server, until

EVERYTHING = dict.fromkeys(Purpose, True)


def test_a_write_to_a_dead_store_is_refused(
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """A write to a dead store raises StoreUnavailable."""
    kill_server(own_server.url)
    with pytest.raises(StoreUnavailable):
        ConsentStore(own_connections).write(shop, customer, EVERYTHING)


def test_a_write_to_a_frozen_store_is_refused(
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """A write without an answer raises StoreUnavailable and is not sent twice."""
    impatient = replace(own_connections, writes=own_connections.reads)
    own_connections.writes.config_resetstat()
    with frozen(own_server.url), pytest.raises(StoreUnavailable):
        ConsentStore(impatient).write(shop, customer, EVERYTHING)

    def transactions() -> int:
        calls = own_connections.writes.info("commandstats")
        return calls.get("cmdstat_exec", {"calls": 0})["calls"]

    until(lambda: transactions() > 0)

    assert transactions() == 1
    assert "cmdstat_evalsha" not in own_connections.writes.info("commandstats")


def test_a_write_after_a_restart_succeeds(
    own_server: EmbeddedValkey,
    own_connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
) -> None:
    """A write succeeds although the restart removed the scripts and closed the connections."""
    store = ConsentStore(own_connections)
    store.write(shop, customer, EVERYTHING)
    kill_server(own_server.url)
    own_server.join()

    assert permits(store.write(shop, customer, EVERYTHING), Purpose.EMAIL)
