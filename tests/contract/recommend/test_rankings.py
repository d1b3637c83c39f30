"""`POST /v1/rankings`: the caller's items in the order of a customer's interest."""

from typing import Any

import pytest

from tests.contract.grocery import ANNA, BERT, ZOE, Service, item_ids, rows, without

RANKINGS = "/v1/rankings"


def rank(service: Service, items: list[str], **more: object) -> Any:
    reply = service.send("POST", RANKINGS, {"items": items, **more})
    assert reply.status_code == 200, reply.data
    return reply


def test_without_a_customer_popularity_decides(service: Service) -> None:
    """The popular item comes first; an item that the shop does not know comes last."""
    reply = rank(service, ["unheard-of", *rows(5, 9, 2)])

    assert item_ids(reply) == [*rows(2, 5, 9), "unheard-of"]
    assert (reply.json["slate"], reply.json["personalized"]) == ("popular", False)
    assert [item["reason"]["code"] for item in reply.json["items"]] == [
        "popular",
        "popular",
        "popular",
        "unknown_item",
    ]


def test_the_customer_list_comes_before_popularity(service: Service) -> None:
    """Anna's own list decides first, with its reasons; scores never rise along the answer."""
    service.consent(ANNA)

    reply = rank(service, rows(1, 2, 0, 7), customer_id=ANNA)

    assert item_ids(reply) == rows(7, 0, 1, 2)
    assert (reply.json["slate"], reply.json["personalized"]) == ("for_you", True)
    assert reply.json["items"][0]["reason"] == {
        "code": "because_you_bought",
        "item_id": rows(3)[0],
    }
    scores = [item["score"] for item in reply.json["items"]]
    assert scores == sorted(scores, reverse=True)


def test_without_consent_the_ranking_equals_the_anonymous_one(service: Service) -> None:
    """The bytes differ only in the id and the fallback, whatever the model knows."""
    items = [*rows(7, 0, 5), "unheard-of"]
    anonymous = rank(service, items)
    refused = rank(service, items, customer_id=ANNA)
    service.consent(BERT, {"personalization": False})
    denied = rank(service, items, customer_id=BERT)

    names = ("recommendation_id", "fallback")
    assert without(refused.data, *names) == without(anonymous.data, *names)
    assert without(denied.data, *names) == without(anonymous.data, *names)
    assert denied.json["fallback"] == "no_consent"
    assert anonymous.json["fallback"] is None


def test_a_privacy_signal_denies_the_personal_order(service: Service) -> None:
    """`Sec-GPC: 1` gives the anonymous order."""
    service.consent(ANNA)

    reply = service.client.post(
        RANKINGS,
        json={"items": rows(7, 1), "customer_id": ANNA},
        headers={"Authorization": f"Bearer {service.keys.secret.text}", "Sec-GPC": "1"},
    )

    assert item_ids(reply) == rows(1, 7)


def test_a_ranking_is_personal_only_if_the_customer_changes_it(service: Service) -> None:
    """None of these items is on Anna's list, and the model does not know Zoe."""
    service.consent(ANNA)
    service.consent(ZOE)

    for customer in (ANNA, ZOE):
        reply = rank(service, rows(9, 4), customer_id=customer)

        assert item_ids(reply) == rows(4, 9)
        assert (reply.json["personalized"], reply.json["fallback"]) == (False, "unknown_customer")


def test_filters_and_exclusions_leave_items_out(service: Service) -> None:
    """Items of another category, excluded, sold out or unknown are not in a filtered answer."""
    service.item(rows(3)[0], category="tea", title="Green tea")
    service.item(rows(4)[0], category="tea", in_stock=False)
    service.item(rows(5)[0], category="tea")
    items = [*rows(1, 3, 4, 5), "unheard-of"]

    reply = rank(service, items, category=["tea"], exclude=rows(5), fields=["title"])

    assert item_ids(reply) == rows(3)
    assert reply.json["items"][0]["title"] == "Green tea"


def test_the_answer_has_each_item_once_and_at_most_n(service: Service) -> None:
    """A repeated item counts once; `n` cuts the end of the ranking."""
    reply = rank(service, rows(5, 2, 5, 9), n=2)

    assert item_ids(reply) == rows(2, 5)
    assert item_ids(rank(service, [])) == []


def test_a_thousand_items_are_ranked(service: Service) -> None:
    """Unknown items keep the order of the request."""
    unknown = [f"new-{place}" for place in range(990)]

    reply = rank(service, [*unknown, *rows(8, 3)])

    assert item_ids(reply) == [*rows(3, 8), *unknown]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": ["ok", "a/.."]}, "items[1]"),
        ({"items": [".."]}, "items[0]"),
        ({"items": ["a", ""]}, "items[1]"),
        ({"items": ["a\nb"]}, "items[0]"),
        ({"items": ["é" * 65]}, "items[0]"),
        ({"items": [1]}, "items[0]"),
        ({"items": ["a"] * 1001}, "items"),
        ({"items": [], "n": 0}, "n"),
        ({"items": [], "customer_id": "."}, "customer_id"),
        ({"items": [], "min_price": 2, "max_price": 1}, "max_price"),
        ({"items": [], "diversity": 1}, "diversity"),
    ],
)
def test_a_wrong_member_is_named(service: Service, body: dict[str, object], field: str) -> None:
    """An invalid body is 400, with the path of the member."""
    reply = service.send("POST", RANKINGS, body)

    assert reply.json is not None
    assert reply.status_code == 400
    assert [error["field"] for error in reply.json["errors"]] == [field]
