"""The three recommendation routes: what is in an answer, and what stands in for it."""

import pytest

from tests.contract.grocery import ANNA, BERT, ITEMS, ZOE, Service, item_ids, rows, without

ALL = {"recommendation_id", "model_version", "slate", "personalized", "fallback", "items"}


def test_an_answer_has_exactly_the_members_that_are_promised(service: Service) -> None:
    """The shape is a contract: members, order of items, reasons."""
    service.consent(ANNA)

    answer = service.get("/v1/customers/anna/recommendations?n=2").json

    assert answer is not None
    assert set(answer) == ALL
    assert without_id(answer) == {
        "model_version": service.registry.status(service.shop).version,
        "slate": "for_you",
        "personalized": True,
        "fallback": None,
        "items": [
            {
                "item_id": "item-07",
                "score": 0.9,
                "reason": {"code": "because_you_bought", "item_id": "item-03"},
            },
            {
                "item_id": "item-00",
                "score": 0.8,
                "reason": {"code": "buy_again_due", "item_id": None},
            },
        ],
    }


def test_a_short_personal_list_is_topped_up_with_popular_items(service: Service) -> None:
    """No item twice, own items first, and as many as were asked for."""
    service.consent(ANNA)

    reply = service.get("/v1/customers/anna/recommendations?slate=for_you&n=5")

    assert item_ids(reply) == rows(7, 0, 1, 2, 3)


def test_discover_is_never_topped_up_with_what_was_bought(service: Service) -> None:
    """Items 0 and 1 are due again and item 3 is why item 7 is there: all were bought."""
    service.consent(ANNA)

    reply = service.get("/v1/customers/anna/recommendations?slate=discover&n=100")

    assert item_ids(reply) == rows(7, 2, 4, 5, 6, 8, 9, 10, 11)


def test_buy_again_stays_short(service: Service) -> None:
    """Everything in it was bought before, so nothing else may fill it."""
    service.consent(ANNA)
    service.consent(BERT)

    annas = service.get("/v1/customers/anna/recommendations?slate=buy_again")
    berts = service.get("/v1/customers/bert/recommendations?slate=buy_again")

    assert item_ids(annas) == rows(0, 1)
    assert (item_ids(berts), berts.json and berts.json["personalized"]) == ([], True)


def test_ten_items_are_answered_by_default(grocery_service: Service) -> None:
    """`n` is 10 and `slate` the first of the route's when neither is named."""
    reply = grocery_service.get("/v1/recommendations")

    assert item_ids(reply) == ITEMS[:10]


@pytest.mark.parametrize(
    ("path", "slate", "found"),
    [
        ("/v1/items/item-00/recommendations?n=4", "similar", rows(5, 6, 1, 2)),
        (
            "/v1/items/item-00/recommendations?slate=bought_together&n=2",
            "bought_together",
            rows(9, 1),
        ),
        ("/v1/items/item-02/recommendations?n=3", "popular", rows(0, 1, 3)),
        ("/v1/items/nobody-knows-it/recommendations?n=3", "popular", rows(0, 1, 2)),
        ("/v1/recommendations?slate=trending&n=4", "trending", rows(4, 2, 0, 1)),
        ("/v1/recommendations?slate=popular&n=100", "popular", ITEMS),
    ],
)
def test_lists_about_nobody(
    grocery_service: Service, path: str, slate: str, found: list[str]
) -> None:
    """Neighbours, then popular items, never the item itself; unknown items are no 404."""
    reply = grocery_service.get(path)

    assert reply.json is not None
    assert (reply.status_code, item_ids(reply), reply.json["slate"]) == (200, found, slate)
    assert reply.json["personalized"] is False


def test_the_reason_of_a_neighbour_is_the_item_that_was_asked_about(
    grocery_service: Service,
) -> None:
    """So that a page can say: because you look at this."""
    reply = grocery_service.get("/v1/items/item-01/recommendations?n=2")

    assert reply.json is not None
    assert [item["reason"] for item in reply.json["items"]] == [
        {"code": "similar", "item_id": "item-01"},
        {"code": "popular", "item_id": None},
    ]


@pytest.mark.parametrize(
    ("customer", "purposes", "fallback"),
    [
        (ZOE, None, "unknown_customer"),
        (ANNA, None, "unknown_customer"),
        (ANNA, {"personalization": False}, "no_consent"),
        (ANNA, {"email": True, "offers": True, "training": True}, "no_consent"),
        (ZOE, {"personalization": True}, "unknown_customer"),
    ],
    ids=["stranger", "never asked", "said no", "said yes to other things", "new to the model"],
)
def test_a_secret_key_is_told_why_a_list_is_generic(
    service: Service, customer: str, purposes: dict[str, bool] | None, fallback: str
) -> None:
    """Without permission a customer's list is the popular one; granting one purpose is one."""
    if purposes is not None:
        service.consent(customer, purposes)  # type: ignore[arg-type]
    generic = service.get("/v1/recommendations?slate=popular&n=4")

    reply = service.get(f"/v1/customers/{customer}/recommendations?slate=discover&n=4")

    assert reply.json is not None
    assert (reply.status_code, reply.json["fallback"]) == (200, fallback)
    assert without(reply.data, "recommendation_id", "fallback") == without(
        generic.data, "recommendation_id", "fallback"
    )


def test_a_browser_is_never_told_why(service: Service) -> None:
    """Withdrawn, never asked and unknown look the same to a publishable key."""
    service.consent(BERT, {"personalization": False})

    answers = [
        service.as_browser(f"/v1/customers/{customer}/recommendations", customer)
        for customer in (ANNA, BERT, ZOE)
    ]

    assert [reply.status_code for reply in answers] == [200] * 3
    assert [without(reply.data, "recommendation_id")["fallback"] for reply in answers] == [None] * 3
    assert len({str(without(reply.data, "recommendation_id")) for reply in answers}) == 1


def test_global_privacy_control_denies_for_that_request(service: Service) -> None:
    """`Sec-GPC: 1` makes one answer generic and changes nothing; other values mean nothing."""
    service.consent(ANNA)
    path = "/v1/customers/anna/recommendations"

    sent = [service.get(path, **{"Sec-GPC": value}) for value in ("1", "0", "true", "11")]

    assert [reply.json and reply.json["personalized"] for reply in sent] == [False] + [True] * 3
    assert sent[0].json is not None
    assert sent[0].json["fallback"] == "no_consent"


@pytest.mark.parametrize("joined", ["1,1", "1, 1", "0,1", "1\t,0", ",1", " 1 "])
def test_a_repeated_privacy_signal_denies_as_well(service: Service, joined: str) -> None:
    """A server hands the lines of one header on as one, joined with commas."""
    service.consent(ANNA)

    reply = service.get("/v1/customers/anna/recommendations", **{"Sec-GPC": joined})

    assert reply.json is not None
    assert (reply.json["personalized"], reply.json["fallback"]) == (False, "no_consent")


def test_a_shop_without_a_model_answers_empty_lists(bare_service: Service) -> None:
    """200 on every route, and secret keys are told that there is no model."""
    bare_service.consent(ANNA)
    paths = ["customers/anna/", "customers/zoe/", "items/item-00/", ""]

    replies = [bare_service.get(f"/v1/{path}recommendations") for path in paths]

    assert [reply.status_code for reply in replies] == [200] * 4
    assert [reply.json and reply.json["items"] for reply in replies] == [[]] * 4
    assert [reply.json and reply.json["model_version"] for reply in replies] == [None] * 4
    assert [reply.json and reply.json["fallback"] for reply in replies] == [
        "no_model",
        "unknown_customer",
        "no_model",
        "no_model",
    ]


def test_ids_may_be_any_text(service: Service) -> None:
    """Spaces, question marks and letters of any script are one customer each."""
    service.consent(ZOE)

    reply = service.get("/v1/customers/zo%C3%AB/consents")

    assert reply.json is not None
    assert reply.json["purposes"]["personalization"]["state"] == "granted"


def without_id(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name != "recommendation_id"}
