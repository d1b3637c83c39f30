"""Every condition of an eligibility is decided on facts that the service has, over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from recsvc.domain.offers.eligibility import CONDITIONS
from tests.contract.grocery import ANNA, ITEMS, Service
from tests.contract.offers.test_offer_facts import is_for

# By condition: a value that Anna meets, and one that she does not. Her profile is below.
CONDITIONS_OF_ANNA: Mapping[str, tuple[object, object]] = {
    "min_orders": (3, 4),
    "max_orders": (3, 2),
    "min_days_since_last_order": (1, 30_000),
    "max_days_since_last_order": (30_000, 1),
    "min_spent": (10, 10.01),
    "max_spent": (10, 9.99),
    "segments": (["vip"], ["staff"]),
    "attributes": ({"tier": "gold"}, {"tier": "blue"}),
    "bought": ({"items": [ITEMS[3]]}, {"items": [ITEMS[7]]}),
    "not_bought": ({"items": [ITEMS[7]]}, {"items": [ITEMS[3]]}),
    "new_customers_only": (False, True),
    "birthday_month": (True, None),
    "anniversary_month": (True, None),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_fact_of_every_condition_reaches_the_decision(service: Service, condition: str) -> None:
    """Each condition is decided on data of the model or the store.

    A new condition fails here until the service provides its fact.
    """
    service.consent(ANNA)
    month = datetime.now(UTC).month
    profile = {
        "attributes": {"tier": "gold"},
        "segments": ["vip"],
        "birth_month": month,
        "customer_since": f"2020-{month:02}-01",
    }
    send_profile(service, profile)
    met, unmet = CONDITIONS_OF_ANNA[condition]
    found = [is_for(service, ANNA, **{condition: met})]
    if unmet is None:  # a condition on the month
        other = month % 12 + 1
        changed = {"birth_month": other, "customer_since": f"2020-{other:02}-01"}
        send_profile(service, profile | changed)
        unmet = met
    found.append(is_for(service, ANNA, **{condition: unmet}))

    assert found == [True, False]


def send_profile(service: Service, profile: Mapping[str, object]) -> None:
    path = f"/v1/customers/{ANNA}/profile"
    assert service.send("PATCH", path, profile).status_code == 200
