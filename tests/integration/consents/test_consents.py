"""Consents as they are written, read, imported, and gathered for training."""

import os
import time

import pytest

from recsvc.domain.consent.consent import DAY_US, ConsentState, Purpose
from recsvc.domain.consent.statements import ImportOutcome
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from tests.consents import consented_customers, now_us, permits, status_now

EVERYTHING = dict.fromkeys(Purpose, True)


@pytest.fixture
def store(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


def imported(customer: CustomerKey, granted: bool, at_us: int) -> ImportedConsent:
    return ImportedConsent(customer, Purpose.TRAINING, granted, at_us)


def test_a_write_is_read_back(store: ConsentStore, shop: ShopName, customer: CustomerKey) -> None:
    """The returned record equals the record that the next read returns."""
    written = store.write(shop, customer, EVERYTHING, "2026-11", "checkout")

    assert written == store.read(shop, customer)
    assert written.purposes[Purpose.EMAIL].policy_version == "2026-11"
    assert written.purposes[Purpose.EMAIL].source == "checkout"


def test_a_write_is_stamped_with_the_stores_time(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """The stamp is the store's time in microseconds since 1970."""
    record = store.write(shop, customer, {Purpose.EMAIL: True})

    assert abs(record.purposes[Purpose.EMAIL].at_us / 1e6 - time.time()) < 60


def test_only_the_named_purposes_change(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """A denial of `email` does not change the other purposes."""
    before = store.write(shop, customer, EVERYTHING)
    after = store.write(shop, customer, {Purpose.EMAIL: False})

    changed = {each for each in Purpose if before.purposes[each] != after.purposes[each]}
    assert changed == {Purpose.EMAIL}


def test_a_denial_after_a_grant_is_a_withdrawal(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """The state becomes `withdrawn`, and `granted` again after another grant."""
    statements = [False, True, False, False, True]
    states = [
        status_now(store.write(shop, customer, {Purpose.EMAIL: granted})).state(Purpose.EMAIL)
        for granted in statements
    ]

    denied, granted, withdrawn = (
        ConsentState.DENIED,
        ConsentState.GRANTED,
        ConsentState.WITHDRAWN,
    )
    assert states == [denied, granted, withdrawn, withdrawn, granted]


def test_stamps_increase_even_when_the_clock_goes_back(
    store: ConsentStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """The last statement has the latest stamp even if the store's clock went back."""
    tomorrow = int((time.time() + 86_400) * 1e6)
    connections.writes.hset(
        redis_keys.customer(shop, customer), "purpose:email", f"{tomorrow} granted 5 - -"
    )
    record = store.write(shop, customer, {Purpose.EMAIL: False})

    assert record.purposes[Purpose.EMAIL].at_us == tomorrow + 1
    assert record.purposes[Purpose.EMAIL].first_granted_at_us == 5


def test_a_live_statement_replaces_an_unreadable_record(
    store: ConsentStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A live grant or denial repairs an unreadable purpose."""
    connections.writes.hset(redis_keys.customer(shop, customer), "purpose:email", "rubbish")
    record = store.write(shop, customer, {Purpose.EMAIL: True})

    assert permits(record, Purpose.EMAIL)
    assert not record.unreadable


def test_a_key_of_another_type_refuses_the_write(
    store: ConsentStore, connections: Connections, shop: ShopName, customer: CustomerKey
) -> None:
    """A write to a key of another type raises and is not acknowledged."""
    connections.writes.set(redis_keys.customer(shop, customer), "granted")
    with pytest.raises(StoreUnavailable):
        store.write(shop, customer, EVERYTHING)


def test_only_a_literal_true_is_written_as_a_grant(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """A truthy value other than True is stored as a denial."""
    record = store.write(shop, customer, {Purpose.EMAIL: 1, Purpose.OFFERS: "true"})

    assert not permits(record, Purpose.EMAIL)
    assert not permits(record, Purpose.OFFERS)


def test_the_latest_import_wins(store: ConsentStore, shop: ShopName, customer: CustomerKey) -> None:
    """The latest of several imported statements wins in any order of rows."""
    outcome = store.import_many(shop, [imported(customer, False, 20), imported(customer, True, 10)])

    assert outcome == [ImportOutcome.APPLIED, ImportOutcome.SUPERSEDED]
    assert status_now(store.read(shop, customer)).state(Purpose.TRAINING) is ConsentState.WITHDRAWN


def test_denial_wins_a_tie(store: ConsentStore, shop: ShopName, customer: CustomerKey) -> None:
    """Of two imported statements with the same time the denial wins."""
    store.import_many(shop, [imported(customer, False, 20), imported(customer, True, 20)])

    assert not permits(store.read(shop, customer), Purpose.TRAINING)


def test_a_live_withdrawal_survives_imports_of_earlier_statements(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """An export of yesterday does not undo a withdrawal of today."""
    yesterday = int((time.time() - 86_400) * 1e6)
    store.write(shop, customer, {Purpose.TRAINING: False})
    store.import_many(shop, [imported(customer, True, yesterday)])

    assert not permits(store.read(shop, customer), Purpose.TRAINING)


def test_an_import_from_the_future_is_refused(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """A statement in the future would supersede every live statement until then."""
    tomorrow = int((time.time() + 86_400) * 1e6)
    outcome = store.import_many(shop, [imported(customer, True, tomorrow)])

    assert outcome == [ImportOutcome.IN_FUTURE]
    assert store.read(shop, customer).is_empty


def test_an_import_without_a_possible_time_is_refused(
    store: ConsentStore, shop: ShopName, customer: CustomerKey
) -> None:
    """A time of zero or below is invalid."""
    assert store.import_many(shop, [imported(customer, True, 0)]) == [ImportOutcome.NO_TIME]
    assert store.read(shop, customer).is_empty


@pytest.mark.parametrize(
    "value", ["rubbish", "5 granted 1-2 - -", "5 maybe 5 - -", "5 granted 5 -"]
)
def test_an_import_keeps_an_unreadable_record(
    store: ConsentStore,
    connections: Connections,
    shop: ShopName,
    customer: CustomerKey,
    value: str,
) -> None:
    """The unreadable record may be a denial, so only a live statement replaces it."""
    connections.writes.hset(redis_keys.customer(shop, customer), "purpose:training", value)
    outcome = store.import_many(shop, [imported(customer, True, 10)])

    assert outcome == [ImportOutcome.UNREADABLE]
    assert not permits(store.read(shop, customer), Purpose.TRAINING)


def test_a_large_import_is_stored_completely(
    store: ConsentStore, connections: Connections, shop: ShopName
) -> None:
    """An import of more rows than one atomic step is stored completely."""
    customers = [CustomerKey(os.urandom(16)) for _ in range(1203)]
    yesterday = now_us() - DAY_US
    outcome = store.import_many(shop, (imported(each, True, yesterday) for each in customers))

    assert outcome == [ImportOutcome.APPLIED] * 1203
    assert consented_customers(connections).permitted(shop, Purpose.TRAINING).customers == set(
        customers
    )


def test_the_customers_who_permit_a_purpose_now_are_listed(
    store: ConsentStore, connections: Connections, shop: ShopName
) -> None:
    """Withdrawn, unreadable and other shops' records and other purposes are not listed."""
    yes, no, other, odd, spoilt, foreign = (CustomerKey(os.urandom(16)) for _ in range(6))
    store.write(shop, yes, {Purpose.TRAINING: True})
    store.write(shop, no, {Purpose.TRAINING: True})
    store.write(shop, no, {Purpose.TRAINING: False})
    store.write(shop, other, {Purpose.PERSONALIZATION: True})
    store.write(ShopName(f"{shop}-b"), foreign, {Purpose.TRAINING: True})
    connections.writes.set(redis_keys.customer(shop, odd), "granted")
    connections.writes.hset(redis_keys.customer(shop, spoilt), "purpose:training", "true")
    permitted = consented_customers(connections).permitted(shop, Purpose.TRAINING)

    assert permitted.customers == {yes}
    assert permitted.watermark_us >= store.read(shop, no).purposes[Purpose.TRAINING].at_us


@pytest.mark.parametrize("value", ["1", "0", ""])
@pytest.mark.parametrize("flag", ["minor", "restricted"])
def test_a_flagged_customer_is_not_listed_for_training(
    store: ConsentStore, connections: Connections, shop: ShopName, flag: str, value: str
) -> None:
    """A flag of any value excludes the customer from training in spite of grants."""
    plain, flagged = CustomerKey(os.urandom(16)), CustomerKey(os.urandom(16))
    for customer in (plain, flagged):
        store.write(shop, customer, {Purpose.TRAINING: True})
    connections.writes.hset(redis_keys.customer(shop, flagged), f"flag:{flag}", value)
    connections.writes.hset(redis_keys.customer(shop, plain), "flag:objects_to_marketing", "1")

    assert consented_customers(connections).permitted(shop, Purpose.TRAINING).customers == {plain}
