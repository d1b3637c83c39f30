"""RECSVC_OFFER_EXPLORATION over HTTP: each decision draws rates of its own, and explains itself.

Offers of which nothing has been shown begin with 20 showings at 5 %: each rate is drawn from
Beta(1, 19), offer by offer in the order of their ids.
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
    """Let Anna permit everything, and put offers between which nothing decides."""
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


def test_nothing_is_drawn_unless_the_shop_says_so(service: Service) -> None:
    """The same order each time, and the same rate."""
    found = answers(open_shop(service))

    assert orders(found) == {tuple(DEALS)}
    assert {each["rate"] for answer in found for each in answer["considered"]} == {0.05}


def test_exploring_brings_each_up_in_its_turn(exploring: Service) -> None:
    """Orders differ, and no offer is first each time."""
    found = answers(exploring)

    assert len(orders(found)) > 1
    assert len({order[0] for order in orders(found)}) > 1


def test_a_decision_is_drawn_from_its_own_id(exploring: Service) -> None:
    """So it can be drawn again, long after."""
    for answer in answers(exploring):
        uuid7 = urlsafe_b64decode(answer["decision_id"][:24])[:16]
        told = {each["offer_id"]: each["rate"] for each in answer["considered"]}

        drawn = rate_generator(uuid7).beta([1.0] * len(DEALS), [19.0] * len(DEALS))
        assert [told[offer_id] for offer_id in DEALS] == pytest.approx(drawn.tolist(), abs=1e-6)


def test_a_decision_explains_its_own_order(exploring: Service) -> None:
    """By what was drawn for it; and what is kept of it says the same."""
    for answer in answers(exploring):
        exploring.services.decisions.flush()
        kept = exploring.get(f"/v1/decisions/{answer['decision_id']}").json
        assert kept is not None
        ranked = sorted(answer["considered"], key=lambda each: -each["worth"])
        worth = [round(each["worth"], 6) for each in ranked]

        (order,) = orders([answer])
        assert [each["offer_id"] for each in ranked] == list(order)
        assert [each["worth"] for each in kept["decision"]["offered"]] == worth


def test_everybodys_answer_is_not_explored(exploring: Service) -> None:
    """It is the same for all."""
    assert orders(answers(exploring, ZOE)) == {tuple(DEALS)}
