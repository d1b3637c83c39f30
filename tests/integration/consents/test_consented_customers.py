"""The list of consented customers is consistent and applies every rule of consent."""

import pytest

from recsvc.domain.consent.consent import DAY_US, Purpose
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consents import ConsentStore, ImportedConsent
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy import PolicyStore
from tests.consents import consented_customers, now_us
from tests.integration.consents.histories import NO, YES, new_customer, seven_rows


@pytest.fixture
def store(connections: Connections) -> ConsentStore:
    return ConsentStore(connections)


@pytest.mark.parametrize("moment", ["_scan", "_since"])
def test_a_listing_includes_changes_during_its_scan(
    store: ConsentStore,
    connections: Connections,
    shop: ShopName,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """The list of consented customers is consistent as of its watermark, under changes during scan
    and catch-up.
    """
    customers, late = seven_rows(store, shop), new_customer()
    listing, changes = consented_customers(connections), [(customers[0], NO), (late, YES)]
    read = getattr(listing, moment)

    def read_then_change(*arguments: object) -> object:
        found = read(*arguments)
        while changes:
            customer, statement = changes.pop()
            store.write(shop, customer, statement)
        return found

    monkeypatch.setattr(listing, moment, read_then_change)
    result = listing.permitted(shop, Purpose.EMAIL)

    assert result.customers == {*customers[1:], late}
    assert result.watermark_us == HistoryStore(connections).head(shop).at_us


def test_a_listing_applies_age_and_policy(
    store: ConsentStore, connections: Connections, shop: ShopName
) -> None:
    """The list of consented customers excludes expired grants, as every reader does."""
    young, old, unversioned = new_customer(), new_customer(), new_customer()
    ages = {young: 9, old: 11, unversioned: 1}
    for customer, days in ages.items():
        version = None if customer == unversioned else "v10"
        said_at = now_us() - days * DAY_US
        row = ImportedConsent(customer, Purpose.EMAIL, True, said_at, version)
        store.import_many(shop, [row])
    before = consented_customers(connections, max_age_days=10).permitted(shop, Purpose.EMAIL)
    PolicyStore(connections, ChangeWriter(connections)).change(shop, {Purpose.EMAIL: "v9"})
    after = consented_customers(connections, max_age_days=10).permitted(shop, Purpose.EMAIL)

    assert before.customers == {young, unversioned}
    assert after.customers == {young}
