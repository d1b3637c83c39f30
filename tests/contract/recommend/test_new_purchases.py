"""Purchases since the end of a model's data, of customers whom the model knows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from recsvc.config import models_root
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.artifact.artifact import HistoryScores
from recsvc.model.artifact.versions import Versions
from recsvc.model.kernels.kernels import PURCHASES_SHARE
from recsvc.model.publish import ManifestFacts, publish
from recsvc.model.registry.history_arrays import DEFAULT_COEFFICIENTS
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, ITEMS, ZOE, Service, grocery, rows
from tests.model_builders import neighbours

END = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)

Judged = Callable[[float | None], Service]


@pytest.fixture
def judged(stores: Stores, service: Service) -> Judged:
    """Return a service whose model ends five days ago and has a share of new purchases."""

    def make(share: float | None) -> Service:
        coefficients = DEFAULT_COEFFICIENTS.copy()
        if share is not None:
            coefficients[PURCHASES_SHARE] = share
        scores = HistoryScores(
            neighbours([[] for _ in ITEMS]),
            np.full(len(ITEMS), 3.0),
            np.full(len(ITEMS), -6.0),
            coefficients,
        )
        data = {"purchases": {"last": rfc3339(int(END.timestamp() * 1e6))}}
        facts = ManifestFacts(stores.secret.fingerprint(), seed=1, data=data)
        artifact = replace(grocery(stores, service.shop), history_scores=scores)
        versions = Versions(models_root(stores.settings), service.shop)
        publish(versions, artifact, facts, now=datetime.now(UTC))
        return Service(stores, service.shop)

    return make


def bought(service: Service, item: str, at: datetime, customer: str = ANNA) -> None:
    event = {
        "message_id": f"{item}-{at:%d%H%M%S}",
        "type": "purchase",
        "item_id": item,
        "customer_id": customer,
        "timestamp": at.isoformat(),
    }
    reply = service.send("POST", "/v1/events", {"events": [event]})
    assert [result["status"] for result in reply.json["results"]] == [201]


def items_of(service: Service, slate: str = "for_you", n: int = 12) -> list[dict[str, Any]]:
    reply = service.get(f"/v1/customers/{ANNA}/recommendations?slate={slate}&n={n}")
    assert reply.status_code == 200
    found: list[dict[str, Any]] = reply.json["items"]
    return found


def ids(service: Service, slate: str = "for_you") -> list[str]:
    return [item["item_id"] for item in items_of(service, slate)]


@pytest.mark.parametrize("share", [None, 0.35])
@pytest.mark.parametrize("slate", ["for_you", "buy_again"])
def test_purchases_up_to_the_end_of_the_data_do_not_count_twice(
    judged: Judged, share: float | None, slate: str
) -> None:
    """The lists of the model know them: the answers stay as they are."""
    service = judged(share)
    service.consent(ANNA)
    before = items_of(service, slate)
    bought(service, rows(0)[0], END)
    bought(service, rows(7)[0], END - timedelta(days=1))

    assert items_of(service, slate) == before


def test_a_purchase_up_to_the_end_of_the_data_leaves_discover(judged: Judged) -> None:
    """An item that was bought is not new, whenever it was bought."""
    service = judged(0.35)
    service.consent(ANNA)
    bought(service, rows(4)[0], END - timedelta(days=1))

    assert rows(4)[0] not in ids(service, "discover")


def test_a_purchase_since_then_raises_the_item_by_the_judged_share(judged: Judged) -> None:
    """With a share the item enters `for_you` and `buy_again`; without one it is on cooldown."""
    service = judged(0.5)
    service.consent(ANNA)
    bought(service, rows(4)[0], END + timedelta(days=1))
    raised, again = items_of(service), ids(service, "buy_again")
    unjudged = judged(None)

    assert [item["item_id"] for item in raised[:3]] == rows(7, 0, 4)
    assert raised[2]["reason"] == {"code": "buy_again_due", "item_id": None}
    assert set(again) == set(rows(0, 1, 4))
    assert ids(unjudged)[-1] == rows(4)[0]


@pytest.mark.parametrize(("hours", "is_last"), [(0, True), (5, True), (7, False)])
def test_an_item_that_was_just_bought_is_last(judged: Judged, hours: int, is_last: bool) -> None:
    """The order of the last six hours is not recommended again at once."""
    service = judged(0.5)
    service.consent(ANNA)
    bought(service, rows(7)[0], datetime.now(UTC) - timedelta(hours=hours))

    assert (ids(service)[-1] == rows(7)[0]) is is_last


def test_a_share_of_zero_leaves_the_lists_alone(judged: Judged) -> None:
    """Where past windows say that new purchases add nothing, they add nothing."""
    service = judged(0.0)
    service.consent(ANNA)
    before = items_of(service)
    bought(service, rows(0)[0], END + timedelta(days=1))

    assert items_of(service) == before


def test_new_purchases_count_once_whatever_was_bought_before(judged: Judged) -> None:
    """Purchases up to the end of the data do not raise the weight of the later one."""
    service = judged(0.5)
    service.consent(ANNA)
    bought(service, rows(4)[0], END + timedelta(days=1))
    once = items_of(service)
    for days in (3, 4, 5):
        bought(service, rows(4)[0], END - timedelta(days=days))

    assert items_of(service) == once


@pytest.mark.parametrize("slate", ["for_you", "discover", "buy_again"])
@pytest.mark.parametrize("customer", [ANNA, ZOE])
def test_no_list_of_a_customer_shows_an_item_that_became_sensitive(
    judged: Judged, slate: str, customer: str
) -> None:
    """Neither a listed item, nor a bought one, nor a popular one behind them."""
    service = judged(0.5)
    service.consent(customer)
    for item in rows(0, 4, 8):
        bought(service, item, END + timedelta(days=1), customer)
    for item in rows(4, 7):
        service.item(item, sensitive=True)
    reply = service.get(f"/v1/customers/{customer}/recommendations?slate={slate}&n=12")
    named = [item["item_id"] for item in reply.json["items"]]
    named += [item["reason"]["item_id"] for item in reply.json["items"]]

    assert reply.json["personalized"]
    assert not set(rows(4, 7)) & set(named)


def test_a_history_of_sensitive_items_alone_is_the_anonymous_list(judged: Judged) -> None:
    """Nothing of the customer takes part, so the answer says so and equals everybody's."""
    service = judged(0.5)
    service.consent(ZOE)
    bought(service, rows(4)[0], END + timedelta(days=1), ZOE)
    service.item(rows(4)[0], sensitive=True)
    answer = service.get(f"/v1/customers/{ZOE}/recommendations?n=12").json
    anybody = service.get("/v1/recommendations?n=12").json

    assert (answer["personalized"], answer["fallback"]) == (False, "unknown_customer")
    assert answer["items"] == anybody["items"]
