"""HTTP caching: browsers may store anonymous answers; answers about a customer are not stored."""

from dataclasses import replace

from tests.contract.grocery import ANNA, Service, publish_grocery

PATH = "/v1/recommendations?n=3"


def test_an_anonymous_answer_to_a_browser_is_public_and_revalidated(
    grocery_service: Service,
) -> None:
    """All browsers get the same anonymous answer, with an ETag and `public, no-cache`."""
    first, second = (grocery_service.as_browser(PATH) for _ in range(2))

    assert first.data == second.data
    assert first.json is not None
    assert first.headers["ETag"] == f'"{first.json["recommendation_id"]}"'
    assert first.headers["Cache-Control"] == "public, no-cache"
    assert first.headers["Vary"] == "Authorization, Origin"


def test_a_current_etag_is_answered_with_304(service: Service) -> None:
    """A matching ETag gives 304 until the content changes, here by a new model."""
    had = service.as_browser(PATH).headers["ETag"]
    same = [
        service.as_browser(PATH, more={"If-None-Match": value})
        for value in (had, f"W/{had}", f'"other", {had}', "*")
    ]
    publish_grocery(service.stores, service.shop, first="another")
    service.registry.refresh()
    changed = service.as_browser(PATH, more={"If-None-Match": had})

    assert [(reply.status_code, reply.data) for reply in same] == [(304, b"")] * 4
    assert same[0].headers["ETag"] == had
    assert "Content-Length" not in same[0].headers
    assert changed.status_code == 200
    assert changed.headers["ETag"] != had


def test_different_answers_have_different_etags(grocery_service: Service) -> None:
    """The ETag depends on the whole answer."""
    paths = [PATH, "/v1/recommendations?n=4", "/v1/items/item-01/recommendations?n=3"]

    names = [grocery_service.as_browser(path).headers["ETag"] for path in paths]

    assert len(set(names)) == 3


def test_an_answer_to_a_secret_key_is_private(grocery_service: Service) -> None:
    """An answer to a secret key has its own id, no ETag and `private, no-store`."""
    replies = [grocery_service.get(PATH) for _ in range(2)]

    assert [reply.headers["Cache-Control"] for reply in replies] == ["private, no-store"] * 2
    assert ["ETag" in reply.headers for reply in replies] == [False, False]
    assert len({reply.json["recommendation_id"] for reply in replies if reply.json}) == 2


def test_answers_about_a_customer_are_private_for_every_key(service: Service) -> None:
    """Every answer on a customer's route is private, also an anonymous list or a refusal."""
    path = "/v1/customers/anna/recommendations"
    replies = [
        service.get(path),
        service.as_browser(path, ANNA),
        service.as_browser(path),
        service.get(path, key=None),
        service.get(f"{path}?n=0"),
    ]

    assert [reply.headers["Cache-Control"] for reply in replies] == ["private, no-store"] * 5


def test_a_public_max_age_can_be_set(service: Service) -> None:
    """RECSVC_PUBLIC_MAX_AGE lets browsers reuse an anonymous answer without a request."""
    settings = replace(service.stores.settings, public_max_age=30)
    aged = Service(service.stores, service.shop, settings)

    reply = aged.as_browser(PATH)

    assert reply.headers["Cache-Control"] == "public, max-age=30"
