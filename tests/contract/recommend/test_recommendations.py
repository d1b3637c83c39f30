"""The three recommendation routes: personal, item and anonymous lists, and their fallbacks."""

import pytest

from tests.contract.grocery import ANNA, BERT, ITEMS, ZOE, Service, item_ids, rows, without

ALL = {"recommendation_id", "model_version", "slate", "personalized", "fallback", "items"}


def test_an_answer_has_exactly_the_documented_members(service: Service) -> None:
    """The members, the order of items and the reasons are a contract."""
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
                "score": 1.0,
                "reason": {"code": "because_you_bought", "item_id": "item-03"},
            },
            {
                "item_id": "item-00",
                "score": 0.63093,
                "reason": {"code": "buy_again_due", "item_id": None},
            },
        ],
    }


def test_a_short_personal_list_is_topped_up_with_popular_items(service: Service) -> None:
    """The customer's items come first, popular items fill the list, and no item is repeated."""
    service.consent(ANNA)

    reply = service.get("/v1/customers/anna/recommendations?slate=for_you&n=5")

    assert item_ids(reply) == rows(7, 0, 1, 2, 3)


def test_discover_is_never_topped_up_with_bought_items(service: Service) -> None:
    """Items 0 and 1 are due again and item 3 is the reason of item 7: all were bought."""
    service.consent(ANNA)

    reply = service.get("/v1/customers/anna/recommendations?slate=discover&n=100")

    assert item_ids(reply) == rows(7, 2, 4, 5, 6, 8, 9, 10, 11)


def test_buy_again_stays_short(service: Service) -> None:
    """The list contains only items bought before, so no other item fills it."""
    service.consent(ANNA)
    service.consent(BERT)

    annas = service.get("/v1/customers/anna/recommendations?slate=buy_again")
    berts = service.get("/v1/customers/bert/recommendations?slate=buy_again")

    assert item_ids(annas) == rows(0, 1)
    assert (item_ids(berts), berts.json and berts.json["personalized"]) == ([], True)


def test_ten_items_are_answered_by_default(grocery_service: Service) -> None:
    """`n` defaults to 10, and `slate` to the first slate of the route."""
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
def test_lists_without_a_customer(
    grocery_service: Service, path: str, slate: str, found: list[str]
) -> None:
    """Neighbours come first, then popular items, never the item itself; no item is a 404."""
    reply = grocery_service.get(path)

    assert reply.json is not None
    assert (reply.status_code, item_ids(reply), reply.json["slate"]) == (200, found, slate)
    assert reply.json["personalized"] is False


def test_the_reason_of_a_neighbour_names_the_requested_item(
    grocery_service: Service,
) -> None:
    """The reason names the item, for a text such as "because you viewed"."""
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
    ids=["unknown", "never asked", "denied", "granted other purposes", "unknown to the model"],
)
def test_a_secret_key_receives_the_fallback(
    service: Service, customer: str, purposes: dict[str, bool] | None, fallback: str
) -> None:
    """Without consent the list is the popular one; a grant of another purpose is not enough."""
    if purposes is not None:
        service.consent(customer, purposes)
    generic = service.get("/v1/recommendations?slate=popular&n=4")

    reply = service.get(f"/v1/customers/{customer}/recommendations?slate=discover&n=4")

    assert reply.json is not None
    assert (reply.status_code, reply.json["fallback"]) == (200, fallback)
    assert without(reply.data, "recommendation_id", "fallback") == without(
        generic.data, "recommendation_id", "fallback"
    )


def test_a_publishable_key_receives_no_fallback(service: Service) -> None:
    """Withdrawn, never asked and unknown are indistinguishable for a publishable key."""
    service.consent(BERT, {"personalization": False})

    answers = [
        service.as_browser(f"/v1/customers/{customer}/recommendations", customer)
        for customer in (ANNA, BERT, ZOE)
    ]

    assert [reply.status_code for reply in answers] == [200] * 3
    assert [without(reply.data, "recommendation_id")["fallback"] for reply in answers] == [None] * 3
    assert len({str(without(reply.data, "recommendation_id")) for reply in answers}) == 1


def test_global_privacy_control_denies_for_that_request(service: Service) -> None:
    """`Sec-GPC: 1` makes one answer anonymous and stores nothing; other values have no effect."""
    service.consent(ANNA)
    path = "/v1/customers/anna/recommendations"

    sent = [service.get(path, **{"Sec-GPC": value}) for value in ("1", "0", "true", "11")]

    assert [reply.json and reply.json["personalized"] for reply in sent] == [False] + [True] * 3
    assert sent[0].json is not None
    assert sent[0].json["fallback"] == "no_consent"


@pytest.mark.parametrize("joined", ["1,1", "1, 1", "0,1", "1\t,0", ",1", " 1 "])
def test_a_repeated_privacy_signal_denies_as_well(service: Service, joined: str) -> None:
    """WSGI servers join repeated header lines with commas."""
    service.consent(ANNA)

    reply = service.get("/v1/customers/anna/recommendations", **{"Sec-GPC": joined})

    assert reply.json is not None
    assert (reply.json["personalized"], reply.json["fallback"]) == (False, "no_consent")


def test_a_shop_without_a_model_answers_empty_lists(bare_service: Service) -> None:
    """Every route returns 200, and secret keys receive the fallback `no_model`."""
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
    """An id may contain spaces, question marks and letters of any script."""
    service.consent(ZOE)

    reply = service.get("/v1/customers/zo%C3%AB/consents")

    assert reply.json is not None
    assert reply.json["purposes"]["personalization"]["state"] == "granted"


def without_id(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name != "recommendation_id"}
