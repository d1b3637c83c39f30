"""An acknowledged erasure holds under concurrent writes and after a crash."""

from concurrent.futures import ThreadPoolExecutor

from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.recent_events import RecentKind
from recsvc.domain.events import Event, EventType
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.events.events import EventStore
from tests.consents import now_us, policy_clock
from tests.integration.servers import kill_server

EVERYTHING = dict.fromkeys(Purpose, True)


def erasures(connections: Connections) -> ErasureStore:
    change_writer = ChangeWriter(connections)
    return ErasureStore(
        change_writer, ConsentStore(connections, change_writer), EventLog(connections), []
    )


def seen(customer: CustomerKey, number: int) -> IncomingEvent:
    event = Event(
        f"m-{number}", EventType.VIEW, customer_id=CustomerId("anna"), item_id=ItemId("milk")
    )
    return IncomingEvent(event, customer, RecentKind.VIEW)


def test_an_erasure_holds_under_concurrent_events_and_imports(
    connections: Connections, secret: Secret, shop: ShopName, customer: CustomerKey
) -> None:
    """Events and imports that run at the time of the acknowledgement leave no data."""
    ConsentStore(connections).write(shop, customer, EVERYTHING)
    store = EventStore(connections, secret, 1000, policy_clock())
    consents = ConsentStore(connections)
    rows = [ImportedConsent(customer, purpose, True, now_us() - 1) for purpose in Purpose]

    def send(number: int) -> None:
        store.add(shop, [seen(customer, number)])
        consents.import_many(shop, rows)

    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(send, number) for number in range(40)]
        erased = erasures(connections).erase(shop, customer)
        sending += [pool.submit(send, number) for number in range(40, 80)]
    assert [each.result() for each in sending] == [None] * 80

    assert erased.removed["purposes"] == len(Purpose)
    assert set(connections.writes.hgetall(redis_keys.customer(shop, customer))) == {b"erased"}
    assert not connections.writes.exists(redis_keys.recent(shop, customer))
    assert list(EventLog(connections).entries_of(shop, customer)) == []


def test_a_concurrent_grant_is_before_or_after_the_erasure(
    connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A grant at the time of an erasure is either erased or re-admits the customer."""
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            pool.submit(ConsentStore(connections).write, shop, customer, EVERYTHING)
            pool.submit(erasures(connections).erase, shop, customer)
    record = ConsentStore(connections).read(shop, customer)

    assert record.tombstone is not None
    assert record.tombstone.is_erased is (not record.purposes)
    stamps = [consent.at_us for consent in record.purposes.values()]
    assert min(stamps, default=record.tombstone.erased_at_us) >= record.tombstone.erased_at_us


def test_an_acknowledged_erasure_survives_a_kill(
    own_server: EmbeddedValkey, own_connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """The erasure is on disk before it is acknowledged."""
    ConsentStore(own_connections).write(shop, customer, EVERYTHING)
    erased = erasures(own_connections).erase(shop, customer)

    kill_server(own_server.url)
    url = own_server.join()

    again = connect(Settings(), url)
    record = ConsentStore(again).read(shop, customer)
    again.close()
    assert record.is_empty
    assert record.tombstone is not None
    assert record.tombstone.erased_at_us == erased.at_us
