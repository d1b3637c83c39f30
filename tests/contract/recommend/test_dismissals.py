"""A dismissed item is in no list of its customer until the dismissal is cancelled."""

from itertools import count
from typing import Any

import pytest

from recsvc.domain.customers.purchase_history import decode
from recsvc.domain.values.ids import CustomerId
from recsvc.domain.values.timestamps import rfc3339
from recsvc.stores.client import keys as redis_keys
from tests.consents import now_us
from tests.contract.events.test_events import browse, post, statuses
from tests.contract.grocery import ANNA, BERT, ZOE, Service, rows

HOUR_US = 3_600_000_000
SLATES = ["for_you", "discover", "buy_again"]
(POPULAR, EARLY, LISTED) = rows(2, 0, 7)
_NUMBERS = count()


def said(kind: str, item: str, customer: CustomerId = ANNA, **more: object) -> dict[str, object]:
    return {
        "message_id": f"m-{next(_NUMBERS)}",
        "type": kind,
        "item_id": item,
        "customer_id": customer,
        **more,
    }


def shown(service: Service, customer: CustomerId = ANNA, slate: str = "for_you") -> list[str]:
    reply = service.get(f"/v1/customers/{customer}/recommendations?slate={slate}&n=50")
    assert reply.json is not None
    return [item["item_id"] for item in reply.json["items"]]


def sent(service: Service, path: str, body: dict[str, object]) -> Any:
    reply = service.send("POST", path, body)
    assert reply.status_code == 200, reply.data
    return reply.json


@pytest.mark.parametrize("slate", SLATES)
@pytest.mark.parametrize("customer", [ANNA, ZOE])
def test_a_dismissed_item_is_in_no_list(service: Service, customer: CustomerId, slate: str) -> None:
    """Own lists, top-ups and the popular items of a customer unknown to the model."""
    service.consent(customer)
    items = {item for each in SLATES for item in shown(service, customer, each)}
    post(service, *(said("item_dismissed", item, customer) for item in (POPULAR, EARLY, LISTED)))
    left = shown(service, customer, slate)

    assert {POPULAR, EARLY, LISTED} <= items
    assert not {POPULAR, EARLY, LISTED} & set(left)
    assert set(left) == set(left) & items


def test_pages_baskets_and_rankings_leave_it_out(service: Service) -> None:
    """The customer's lists of a page, the basket and the ranking; anonymous lists keep it."""
    service.consent(ANNA)
    post(service, said("item_dismissed", POPULAR))
    placements = [{"name": name, "slate": name, "n": 12} for name in ("for_you", "popular")]
    page = sent(service, "/v1/pages", {"customer_id": ANNA, "placements": placements})
    basket = sent(
        service, "/v1/basket/recommendations", {"customer_id": ANNA, "items": rows(0), "n": 12}
    )
    ranking = sent(service, "/v1/rankings", {"customer_id": ANNA, "items": rows(1, 2, 3)})
    personal, popular = page["placements"]

    for answer in (personal, basket, ranking):
        assert POPULAR not in [item["item_id"] for item in answer["items"]]
    assert POPULAR in [item["item_id"] for item in popular["items"]]
    assert POPULAR in [
        item["item_id"] for item in service.get("/v1/recommendations?n=12").json["items"]
    ]


def test_a_cancelled_dismissal_has_no_effect(service: Service) -> None:
    """The latest statement counts, also if they arrive in another order."""
    service.consent(ANNA)
    before = shown(service)
    post(service, said("item_dismissal_cancelled", LISTED, timestamp=rfc3339(now_us() - HOUR_US)))
    post(service, said("item_dismissed", LISTED, timestamp=rfc3339(now_us() - 2 * HOUR_US)))
    in_between = shown(service)
    post(service, said("item_dismissed", LISTED))
    dismissed = shown(service)
    post(service, said("item_dismissal_cancelled", LISTED))

    assert before == in_between == shown(service)
    assert LISTED not in dismissed


def test_a_dismissed_item_does_not_vote(service: Service) -> None:
    """A view adds neighbours; after the dismissal of the viewed item it does not."""
    service.consent(ZOE)
    without_view = shown(service, ZOE)
    post(service, said("view", EARLY, ZOE))
    voted = shown(service, ZOE)
    post(service, said("item_dismissed", EARLY, ZOE))

    assert voted != without_view
    assert shown(service, ZOE) == [item for item in without_view if item != EARLY]


def test_a_dismissal_concerns_its_customer_alone(service: Service) -> None:
    """Lists of other customers stay as they are."""
    service.consent(ANNA)
    service.consent(BERT)
    before = shown(service, BERT)
    post(service, said("item_dismissed", POPULAR))

    assert shown(service, BERT) == before


@pytest.mark.parametrize("consents", [{"personalization": False}, {"analytics": True}])
def test_without_consent_a_dismissal_is_not_kept(
    service: Service, consents: dict[str, bool]
) -> None:
    """Nothing is written without personalization, and after a grant nothing is left out."""
    service.consent(ANNA, consents)
    assert statuses(post(service, said("item_dismissed", POPULAR))) == [201]
    stored = history_of(service)
    service.consent(ANNA)

    assert stored == b""
    assert POPULAR in shown(service)


@pytest.mark.parametrize("flag", ["minor", "restricted"])
def test_flags_and_sec_gpc_keep_nothing(service: Service, flag: str) -> None:
    """A customer with a flag, or a request with Sec-GPC, writes no history."""
    service.consent(ANNA)
    purchase = said("purchase", POPULAR, order_id="A")
    post(service, said("item_dismissed", POPULAR), denied=True)
    post(service, {**purchase, "message_id": "gpc"}, denied=True)
    service.send("PATCH", f"/v1/customers/{ANNA}/profile", {flag: True})
    post(service, purchase, said("item_dismissed", POPULAR))

    assert history_of(service) == b""


def test_browsers_dismiss_with_a_token(service: Service) -> None:
    """A publishable key sends both statements for its token's customer, and no refund."""
    service.consent(ANNA)
    token = service.keys.token(ANNA)
    kinds = ("item_dismissed", "item_dismissal_cancelled", "item_dismissed")
    allowed = browse(service, *(said(kind, POPULAR) for kind in kinds), token=token)
    refused = browse(service, said("refund", POPULAR, order_id="A"), token=token)

    assert browse(service, said("item_dismissed", POPULAR)).status_code == 403
    assert statuses(allowed) == [201, 201, 201]
    assert statuses(refused) == [403]


def test_a_sensitive_item_is_not_kept_and_leaves(service: Service) -> None:
    """An item that becomes sensitive is removed at the next write; a sensitive one is not added."""
    service.consent(ANNA)
    bought = [said("purchase", item, order_id="A", price=2) for item in (EARLY, LISTED)]
    post(service, *bought, said("item_dismissed", POPULAR))
    for item in (EARLY, POPULAR):
        service.item(item, sensitive=True)
    post(service, said("purchase", rows(9)[0], order_id="A"), said("purchase", EARLY, order_id="B"))
    history = decode(history_of(service))

    assert {item.item_id for item in history.items} == {LISTED, rows(9)[0]}
    assert history.dismissals == ()
    assert EARLY.encode() not in history_of(service)
    assert sum(line.paid or 0 for part in history.parts for line in part.lines) == 4


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "refund", "customer_id": ANNA}, "order_id"),
        ({"type": "refund", "order_id": "A", "quantity": 1}, "item_id"),
        ({"type": "refund", "order_id": "A", "line_id": "1"}, "item_id"),
        ({"type": "item_dismissed", "customer_id": ANNA}, "item_id"),
    ],
)
def test_an_incomplete_event_names_the_missing_field(
    service: Service, event: dict[str, object], field: str
) -> None:
    """A refund requires the order, and the item if it is of a part of the order."""
    (result,) = post(service, {"message_id": "m", **event}).json["results"]

    assert result["status"] == 422
    assert [error["field"] for error in result["errors"]] == [field]


def history_of(service: Service, customer: CustomerId = ANNA) -> bytes:
    key = service.stores.hasher(service.shop).key_of(customer)
    return service.stores.connections.writes.get(redis_keys.purchases(service.shop, key)) or b""
