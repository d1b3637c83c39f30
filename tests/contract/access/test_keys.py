"""Access control: scopes, publishable keys, customer tokens, revocation."""

import pytest

from recsvc.domain.api_keys import Scope
from recsvc.stores.api_keys import NewKey
from tests.contract.grocery import ANNA, BERT, ZOE, Keys, Service

LISTS = "/v1/customers/anna/recommendations"
CONSENTS = "/v1/customers/anna/consents"
POPULAR = "/v1/recommendations"


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        (LISTS, Scope.RECOMMEND),
        ("/v1/items/item-00/recommendations", Scope.RECOMMEND),
        ("/v1/recommendations", Scope.RECOMMEND),
        (CONSENTS, Scope.CONSENT),
        ("/metrics", Scope.OPS),
        ("/readyz", Scope.OPS),
    ],
)
def test_a_secret_key_needs_the_routes_scope(service: Service, path: str, scope: Scope) -> None:
    """A secret key with the route's scope is authorized; a key with all other scopes is not."""
    right = service.secret_key(scope)
    wrong = service.secret_key(*(other for other in Scope if other is not scope))

    replies = [service.get(path, key) for key in (right, wrong)]

    assert [reply.status_code for reply in replies] == [200, 403]
    assert replies[1].json is not None
    assert replies[1].json["code"] == "missing_scope"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic eA==",
        "Bearer sk_default_" + "A" * 43,
        "Bearer sk_no-such-shop_" + "A" * 43,
        "Bearer pk_default_" + "A" * 43,
        "Bearer \xff",
    ],
)
@pytest.mark.parametrize("path", [LISTS, CONSENTS, "/v1/recommendations", "/metrics"])
def test_without_a_valid_key_every_refusal_is_the_same(
    grocery_service: Service, path: str, authorization: str | None
) -> None:
    """A missing, malformed or unknown key gives the same 401, byte for byte."""
    headers = {} if authorization is None else {"Authorization": authorization}

    reply = grocery_service.client.get(path, headers=headers)

    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.data == grocery_service.client.get("/v1/recommendations").data


def test_the_scheme_may_be_written_in_any_case(grocery_service: Service) -> None:
    """The authentication scheme is case-insensitive, as RFC 9110 requires."""
    authorization = f"bEARER {grocery_service.keys.secret.text}"

    reply = grocery_service.client.get(
        "/v1/recommendations", headers={"Authorization": authorization}
    )

    assert reply.status_code == 200


def test_a_key_with_a_changed_shop_name_is_refused(
    grocery_service: Service, service: Service
) -> None:
    """A key whose text is changed to name another shop is refused."""
    text = service.keys.secret.text.replace(service.shop, grocery_service.shop)

    reply = grocery_service.get("/v1/recommendations", text)

    assert reply.status_code == 401


def test_a_revoked_key_is_refused_from_the_next_request_on(service: Service) -> None:
    """A worker that has cached a key refuses it from the first request after the revocation."""
    keys = [service.keys.secret, service.keys.browser]
    before = [service.get("/v1/recommendations", created.text).status_code for created in keys]
    for created in keys:
        service.stores.api_keys.revoke(service.shop, created.key.key_id)

    after = [service.get("/v1/recommendations", created.text).status_code for created in keys]

    assert (before, after) == ([200, 200], [401, 401])


def test_a_key_created_after_the_start_is_accepted_at_once(service: Service) -> None:
    """A worker updates its key cache on the first request with a new key."""
    reply = service.get("/v1/recommendations", service.secret_key(Scope.RECOMMEND))

    assert reply.status_code == 200


def test_a_publishable_key_reaches_the_anonymous_routes_and_no_others(
    grocery_service: Service,
) -> None:
    """A publishable key without a customer token reaches only the anonymous routes."""
    paths = ["/v1/recommendations", "/v1/items/item-00/recommendations"]
    closed = [LISTS, CONSENTS, "/metrics", "/readyz"]

    allowed = [grocery_service.as_browser(path).status_code for path in paths]
    refused = [grocery_service.as_browser(path).status_code for path in closed]

    assert (allowed, refused) == ([200, 200], [403, 403, 403, 403])


def test_a_customer_token_permits_that_customers_lists_and_consent(service: Service) -> None:
    """A customer token permits reading and writing the customer's consent and reading the lists."""
    headers = {"X-Customer-Token": service.keys.token(ANNA)}
    written = service.put(
        CONSENTS, {"purposes": {"personalization": True}}, service.keys.browser.text, **headers
    )

    read = service.as_browser(CONSENTS, ANNA)
    listed = service.as_browser(LISTS, ANNA)

    assert [reply.status_code for reply in (written, read, listed)] == [200, 200, 200]
    assert listed.json is not None
    assert listed.json["personalized"] is True


@pytest.mark.parametrize("path", ["recommendations", "consents"])
def test_every_other_customer_is_the_same_403(service: Service, path: str) -> None:
    """A token gives the same 403 for other customers, known or unknown, as no token does."""
    service.consent(BERT)

    others = [
        service.as_browser(f"/v1/customers/{other}/{path}", ANNA) for other in (BERT, ZOE, "eve")
    ]
    tokenless = service.as_browser(f"/v1/customers/{BERT}/{path}")

    assert [reply.status_code for reply in others] == [403, 403, 403]
    assert {reply.data for reply in others} == {tokenless.data}


def test_two_live_keys_allow_a_key_rotation(service: Service) -> None:
    """New keys and tokens work beside the old ones, and after the old ones are revoked."""
    old, new = service.keys, Keys.created_for(service.stores, service.shop)

    def statuses() -> list[int]:
        replies = [service.get(POPULAR, key.text) for keys in (old, new) for key in _both(keys)]
        replies += [
            service.get(LISTS, keys.browser.text, **{"X-Customer-Token": keys.token(ANNA)})
            for keys in (old, new)
        ]
        return [reply.status_code for reply in replies]

    together = statuses()
    for created in _both(old):
        service.stores.api_keys.revoke(service.shop, created.key.key_id)

    assert together == [200] * 6
    assert statuses() == [401, 401, 200, 200, 401, 200]


def _both(keys: Keys) -> list[NewKey]:
    return [keys.secret, keys.browser]
