"""RECSVC_OFFER_EXPLORATION over HTTP: each decision draws its own acceptance rates.

An offer without impressions has the prior Beta(1, 19): 20 impressions at 5 %. Rates are drawn in
the order of offer ids.
"""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from recsvc.config import Settings
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.model.offers.decision import rate_generator
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import stores_at
from tests.contract.grocery import ANNA, ZOE, Service, publish_grocery

DEALS = [f"deal-{number}" for number in range(6)]
TIMES = 12


def answers(service: Service, customer: CustomerId = ANNA) -> list[Any]:
    path = f"/v1/customers/{customer}/offers?explain=true"
    return [service.get(path).json for _ in range(TIMES)]


def orders(found: list[Any]) -> set[tuple[str, ...]]:
    return {tuple(each["offer_id"] for each in answer["offers"]) for answer in found}


def open_shop(service: Service) -> Service:
    """Grant Anna everything, and create offers that score the same."""
    service.consent(ANNA)
    for offer_id in DEALS:
        body = {"title": "A deal", "kind": "free_shipping"}
        assert service.send("PUT", f"/v1/offers/{offer_id}", body).status_code == 200
    return service


@pytest.fixture
def exploring(valkey: EmbeddedValkey, settings: Settings, shop: ShopName) -> Iterator[Service]:
    stores = stores_at(replace(settings, offer_exploration=True), valkey.url)
    publish_grocery(stores, shop)
    yield open_shop(Service(stores, shop))
    stores.connections.close()


def test_exploration_is_off_by_default(service: Service) -> None:
    """Without the setting, order and rates are the same for each request."""
    found = answers(open_shop(service))

    assert orders(found) == {tuple(DEALS)}
    assert {each["rate"] for answer in found for each in answer["considered"]} == {0.05}


def test_exploration_varies_the_order(exploring: Service) -> None:
    """The order differs between requests, and no offer is always first."""
    found = answers(exploring)

    assert len(orders(found)) > 1
    assert len({order[0] for order in orders(found)}) > 1


def test_the_decision_id_seeds_its_rates(exploring: Service) -> None:
    """The drawn rates can be reproduced from the decision id."""
    for answer in answers(exploring):
        uuid7 = urlsafe_b64decode(answer["decision_id"][:24])[:16]
        reported = {each["offer_id"]: each["rate"] for each in answer["considered"]}

        drawn = rate_generator(uuid7).beta([1.0] * len(DEALS), [19.0] * len(DEALS))
        assert [reported[offer_id] for offer_id in DEALS] == pytest.approx(drawn.tolist(), abs=1e-6)


def test_an_explanation_has_the_drawn_rates(exploring: Service) -> None:
    """Explanation and stored record contain the rates that ordered the offers."""
    for answer in answers(exploring):
        exploring.services.decisions.flush()
        kept = exploring.get(f"/v1/decisions/{answer['decision_id']}").json
        assert kept is not None
        ranked = sorted(answer["considered"], key=lambda each: -each["worth"])
        worth = [round(each["worth"], 6) for each in ranked]

        (order,) = orders([answer])
        assert [each["offer_id"] for each in ranked] == list(order)
        assert [each["worth"] for each in kept["decision"]["offered"]] == worth


def test_a_generic_answer_is_not_explored(exploring: Service) -> None:
    """Without consent the answer is the same for every customer."""
    assert orders(answers(exploring, ZOE)) == {tuple(DEALS)}
