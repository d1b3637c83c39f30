"""The consent history: each change has a row in the same step; changed rows are reported."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import DAY_US, Flag, Purpose
from recsvc.domain.consent.hash_chain import ChainFault, ChainHead, chain_faults
from recsvc.domain.customers.profile import NO_PROFILE
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy import PolicyStore
from recsvc.stores.customers.profiles import NewProfile, ProfileStore
from recsvc.stores.embedded.server import EmbeddedValkey
from tests.consents import now_us, permits
from tests.integration.consents.histories import NO, YES, new_customer, seven_rows


@pytest.fixture
def store(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


@pytest.fixture
def history(connections: Connections) -> HistoryStore:
    return HistoryStore(connections)


def found(history: HistoryStore, shop: ShopName, kept: ChainHead | None = None) -> list[ChainFault]:
    head, last = history.head_and_last_row(shop)
    return list(
        chain_faults(shop, history.chained_rows(shop, last=last) if last else (), head, kept)
    )


def test_each_change_is_a_row(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """Live and imported statements, flags and policies each add one row."""
    change_writer, customer = ChangeWriter(connections), new_customer()
    store.write(shop, customer, {Purpose.EMAIL: True, Purpose.OFFERS: False}, "v1", "shop", "k1")
    old = ImportedConsent(customer, Purpose.TRAINING, True, now_us() - DAY_US, "v0")
    store.import_many(shop, [old, old])
    profiles = ProfileStore(connections, change_writer)
    profiles.put_many(shop, [NewProfile(customer, NO_PROFILE, {Flag.MINOR: True})] * 2)
    PolicyStore(connections, change_writer).change(shop, {Purpose.EMAIL: "v2"})

    rows = [json.loads(link.row) for link in history.chained_rows(shop)]

    assert [(row["kind"], row["subject"], row["word"], row["actor"]) for row in rows] == [
        ("live", "email", "granted", "k1"),
        ("live", "offers", "denied", "k1"),
        ("import", "training", "granted", "cli"),
        ("flag", "minor", "set", "cli"),
        ("policy", "email", "minimum", "cli"),
    ]
    assert [row["customer"] for row in rows] == [customer.hex()] * 4 + [None]
    assert [row.n for row in history.rows_of(shop, customer, 0, 10)] == [1, 2, 3, 4]
    assert [row.n for row in history.rows_of(shop, customer, 1, 2)] == [2, 3]
    assert found(history, shop) == []


def test_a_history_without_rows_is_valid(history: HistoryStore, shop: ShopName) -> None:
    """An empty history has no faults."""
    assert found(history, shop) == []


@pytest.mark.parametrize(
    ("replacement", "what"),
    [
        ({b"row": lambda row: row.replace(b"granted", b"denied")}, "edited"),
        ({b"row": lambda _: b"rubbish"}, "edited"),
        ({b"hash": lambda _: b"0" * 64}, "edited"),
    ],
)
def test_an_edited_row_is_reported(
    store: ConsentStore,
    connections: Connections,
    history: HistoryStore,
    shop: ShopName,
    replacement: dict[bytes, object],
    what: str,
) -> None:
    """A change of the number, the JSON or the hash of a row is reported."""
    seven_rows(store, shop)
    rebuild(
        connections, shop, lambda n, fields: _changed(fields, replacement) if n == 4 else fields
    )
    (finding,) = found(history, shop)

    assert (finding.n, what in finding.what) == (4, True)


def test_an_additional_field_of_an_entry_is_reported(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """The hash does not cover other fields of an entry, and the service writes none."""
    seven_rows(store, shop)
    rebuild(
        connections, shop, lambda n, fields: fields | {b"note": b"forged"} if n == 4 else fields
    )
    (finding,) = found(history, shop)

    assert (finding.n, "additional fields" in finding.what) == (4, True)


def _changed(fields: dict[bytes, bytes], replacement: dict[bytes, object]) -> dict[bytes, bytes]:
    return fields | {name: change(fields[name]) for name, change in replacement.items()}


def rebuild(connections: Connections, shop: ShopName, change: object) -> None:
    """Rewrite the stream, as a client with write access could."""
    redis, name = connections.writes, redis_keys.history(shop)
    entries = redis.xrange(name)
    redis.delete(name)
    for number, (_, fields) in enumerate(entries, start=1):
        changed = change(number, fields)
        if changed is not None:
            redis.xadd(name, changed, id=f"{number}-0")


def test_a_missing_row_is_reported(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """A missing row is reported at the start, in the middle and at the end."""
    for gone in (4, 1, 7):
        place = ShopName(f"{shop}-{gone}")
        seven_rows(store, place)
        connections.writes.xdel(redis_keys.history(place), f"{gone}-0")
        (finding,) = found(history, place)

        assert (finding.n, "missing" in finding.what) == (gone, True)


def test_a_moved_row_is_reported(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """Two exchanged rows are reported, although their content is unchanged."""
    seven_rows(store, shop)
    entries = connections.writes.xrange(redis_keys.history(shop))
    swapped = {3: entries[4][1], 5: entries[2][1]}
    rebuild(connections, shop, swapped.get)
    (finding,) = found(history, shop)

    assert (finding.n, "its content is that of row 5" in finding.what) == (3, True)


def test_an_added_row_is_reported(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """A row after the head is reported, whatever its hash."""
    seven_rows(store, shop)
    last = connections.writes.xrevrange(redis_keys.history(shop), count=1)[0][1]
    connections.writes.xadd(redis_keys.history(shop), last, id="8-0")

    assert [finding.n for finding in found(history, shop)] == [8]


def test_a_kept_head_detects_another_valid_history(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """A client with write access can write another valid history, which a kept head detects."""
    seven_rows(store, shop)
    kept = history.head(shop)
    forget(connections, shop)
    seven_rows(store, shop)

    assert found(history, shop) == []
    (finding,) = found(history, shop, kept)
    assert finding.n == 7


def test_a_kept_head_detects_a_restored_backup(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """A restored backup is valid but ends before the kept head; an earlier head has no fault."""
    redis = connections.writes
    seven_rows(store, shop)
    early = history.head(shop)
    names = [redis_keys.history(shop), redis_keys.audit_head(shop)]
    backup = [redis.dump(name) for name in names]
    seven_rows(store, shop)
    kept = history.head(shop)

    assert found(history, shop, early) == []
    for name, value in zip(names, backup, strict=True):
        redis.restore(name, 0, value, replace=True)
    (finding,) = found(history, shop, kept)
    assert (finding.n, "older" in finding.what) == (8, True)
    assert found(history, shop, early) == []


def forget(connections: Connections, shop: ShopName) -> None:
    connections.writes.delete(redis_keys.history(shop), redis_keys.audit_head(shop))


def test_a_lost_head_does_not_block_a_withdrawal(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """The history continues after its last row, and the audit reports the lost head until then."""
    (customer, *_) = seven_rows(store, shop)
    connections.writes.set(redis_keys.audit_head(shop), "rubbish")
    faults = found(history, shop)
    record = store.write(shop, customer, NO)

    assert [finding.n for finding in faults] == [7]
    assert not permits(record, Purpose.EMAIL)
    assert found(history, shop) == []
    assert history.head_and_last_row(shop)[1] == 8


def test_a_head_of_another_type_counts_as_lost(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """A key of another type in place of the head is reported like a lost head."""
    seven_rows(store, shop)
    connections.writes.delete(redis_keys.audit_head(shop))
    connections.writes.hset(redis_keys.audit_head(shop), "of", "another kind")

    assert [(each.n, "no head" in each.what) for each in found(history, shop)] == [(7, True)]


@pytest.mark.parametrize("name", [redis_keys.history, redis_keys.audit_head])
def test_without_its_row_nothing_changes(
    store: ConsentStore, connections: Connections, shop: ShopName, name: object
) -> None:
    """If the history cannot be written, the change is refused."""
    customer = new_customer()
    connections.writes.hset(name(shop), "of", "another kind")
    with pytest.raises(StoreUnavailable):
        store.write(shop, customer, YES)

    assert store.read(shop, customer).is_empty


def test_a_customers_list_of_another_type_refuses_the_whole_step(
    store: ConsentStore, connections: Connections, history: HistoryStore, shop: ShopName
) -> None:
    """Neither the statement nor its row is written."""
    customer = new_customer()
    connections.writes.set(redis_keys.history_of(shop, customer), "another kind")
    with pytest.raises(StoreUnavailable):
        store.write(shop, customer, YES)

    assert store.read(shop, customer).is_empty
    assert history.head_and_last_row(shop) == (None, 0)


def test_writers_of_several_processes_lose_no_row(
    valkey: EmbeddedValkey, settings: Settings, history: HistoryStore, shop: ShopName
) -> None:
    """Eight concurrent processes write one valid chain with every statement once."""
    customers, start = [new_customer() for _ in range(4)], Barrier(8)

    def write(number: int) -> None:
        own = connect(settings, valkey.url)
        start.wait()
        for place in range(25):
            statement = {Purpose.EMAIL: bool(place % 2)}
            ConsentStore(own).write(
                shop, customers[place % 4], statement, source=f"{number}-{place}"
            )
        own.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))

    rows = [json.loads(link.row) for link in history.chained_rows(shop)]
    assert len({row["source"] for row in rows}) == len(rows) == 200
    assert found(history, shop) == []
    for customer in customers:
        stamps: list[Any] = [row.said_at for row in history.rows_of(shop, customer, 0, 1000)]
        assert stamps == sorted(set(stamps))
