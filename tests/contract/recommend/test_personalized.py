"""`personalized` is false exactly if items and reasons equal those of the anonymous answer."""

from random import Random
from typing import Any

from recsvc.domain.values.ids import CustomerId
from tests.contract.events.test_events import post
from tests.contract.grocery import ANNA, BERT, EVERYTHING, ITEMS, Service
from tests.contract.recommend.test_dismissals import said, sent

KINDS = ["view", "add_to_cart", "purchase", "item_dismissed", "impression"]
SLATES = ["for_you", "discover", "buy_again"]


def shown(answer: Any) -> list[Any]:
    return [(each["item_id"], each["reason"]) for each in answer["items"]]


def answers(service: Service, customer: CustomerId | None, random: Random) -> list[Any]:
    """Return the answers of every route of lists; None: the anonymous ones."""
    n, basket = random.randint(1, 12), random.sample(ITEMS, 2)
    given = [*random.sample(ITEMS, 5), "unheard-of", "dismissed-only"]
    who = {} if customer is None else {"customer_id": customer}
    found = []
    for slate in SLATES:
        path = f"customers/{customer}/recommendations?slate={slate}&"
        path = "recommendations?" if customer is None else path
        found.append(service.get(f"/v1/{path}n={n}").json)
    found.append(sent(service, "/v1/basket/recommendations", {"items": basket, "n": n, **who}))
    found.append(sent(service, "/v1/rankings", {"items": given, **who}))
    page = {"placements": [{"name": "top", "n": n}], **who}
    return [*found, *sent(service, "/v1/pages", page)["placements"]]


def test_personalized_is_false_exactly_for_the_anonymous_items_and_reasons(
    service: Service,
) -> None:
    """Random consents and events of customers inside and outside the model, on every route."""
    random, wrong, seen = Random(7), [], set()
    for number in range(24):
        customer = random.choice([ANNA, BERT, CustomerId(f"c-{number}"), CustomerId(f"d-{number}")])
        granted = random.random() < 0.8
        service.consent(customer, EVERYTHING | {"personalization": granted})
        items = random.choices([*ITEMS, "dismissed-only"], k=random.randint(0, 3))
        events = [said(random.choice(KINDS), item, customer) for item in items]
        if events:
            post(service, *events)
        seed = random.random()
        own, anonymous = (answers(service, each, Random(seed)) for each in (customer, None))
        for route, (one, other) in enumerate(zip(own, anonymous, strict=True)):
            seen.add((route, one["personalized"]))
            if one["personalized"] is (shown(one) == shown(other)):
                wrong.append((number, customer, route, items, one, other))

    assert wrong == []
    assert len(seen) == 12  # every route has answered with both


def test_a_dismissed_item_that_only_the_caller_knows_is_in_no_ranking(service: Service) -> None:
    """The ranking leaves it out, and is personal because of it."""
    customer = CustomerId("new")
    service.consent(customer)
    post(service, said("item_dismissed", "dismissed-only", customer))

    body = {"items": ["dismissed-only", "unheard-of"], "customer_id": customer}
    answer = sent(service, "/v1/rankings", body)

    assert [each["item_id"] for each in answer["items"]] == ["unheard-of"]
    assert answer["personalized"] is True
