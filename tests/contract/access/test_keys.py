"""Access control: scopes, publishable keys, customer tokens, revocation."""

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from recsvc.domain.api_keys import KeyKind, Scope
from recsvc.stores.api_keys import NewKey
from recsvc.usecases.access.customer_tokens import mint
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
    before = [service.get("/v1/recommendations", made.text).status_code for made in keys]
    for made in keys:
        service.stores.api_keys.revoke(service.shop, made.key.key_id)

    after = [service.get("/v1/recommendations", made.text).status_code for made in keys]

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

    opened = [grocery_service.as_browser(path).status_code for path in paths]
    refused = [grocery_service.as_browser(path).status_code for path in closed]

    assert (opened, refused) == ([200, 200], [403, 403, 403, 403])


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


def test_a_token_may_name_its_key_by_the_keys_text(service: Service) -> None:
    """The `kid` of a token may be the text of the publishable key instead of its id."""
    browser = service.keys.browser
    token = mint(ANNA, browser.text, service.keys.signing_secret, datetime.now(UTC))

    reply = service.get(LISTS, browser.text, **{"X-Customer-Token": token})

    assert reply.status_code == 200


def _unsigned(service: Service, algorithm: str) -> str:
    """Return a token whose header declares that it has no signature."""
    parts = [{"alg": algorithm, "typ": "JWT", "kid": service.keys.browser.key.key_id}]
    parts.append({"sub": ANNA, "iat": NOW, "exp": NOW + 60})
    shown = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*shown, ""])


def _token(
    service: Service, /, kid: str = "", secret: str = "", algorithm: str = "HS256", **claims: Any
) -> str:
    now = int(datetime.now(UTC).timestamp())
    payload = {"sub": ANNA, "iat": now, "exp": now + 60, **claims}
    signing = secret or service.keys.signing_secret
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not ...},
        signing,
        algorithm,
        headers={"kid": kid or service.keys.browser.key.key_id},
    )


NOW = int(datetime.now(UTC).timestamp())
BAD_TOKENS: dict[str, Callable[[Service], str]] = {
    "empty": lambda _: "",
    "no JWT": lambda _: "a.b.c",
    "long": lambda _: "a" * 10_000,
    "not ASCII": lambda _: "\xff.\xff.\xff",
    "other secret": lambda service: _token(service, secret="x" * 43),
    "other kid": lambda service: _token(service, kid="pk-0000000000000000"),
    "no kid": lambda service: jwt.encode(
        {"sub": ANNA, "iat": NOW, "exp": NOW + 60}, service.keys.signing_secret
    ),
    "unsigned": lambda service: jwt.encode(
        {"sub": ANNA, "iat": NOW, "exp": NOW + 60},
        "",
        "none",
        {"kid": service.keys.browser.key.key_id},
    ),
    "HS384": lambda service: _token(service, algorithm="HS384"),
    "HS512": lambda service: _token(service, algorithm="HS512"),
    "unsigned, alg in mixed case": lambda service: _unsigned(service, "nOnE"),
    "the signature cut off": lambda service: service.keys.token(ANNA).rpartition(".")[0] + ".",
    "ten years long": lambda service: _token(service, exp=NOW + 10 * 365 * 86_400),
    "a second too long a life": lambda service: _token(service, iat=NOW, exp=NOW + 901),
    "sub is no text": lambda service: _token(service, sub=["anna"]),
    "sub is too long": lambda service: _token(service, sub="a" * 129),
    "expired": lambda service: _token(service, iat=NOW - 600, exp=NOW - 60),
    "too long a life": lambda service: _token(service, exp=NOW + 3600),
    "not yet": lambda service: _token(service, iat=NOW + 3000, exp=NOW + 3100),
    "not before": lambda service: _token(service, nbf=NOW + 3000),
    "no exp": lambda service: _token(service, exp=...),
    "no iat": lambda service: _token(service, iat=...),
    "no sub": lambda service: _token(service, sub=...),
    "endless": lambda service: _token(service, exp=float("inf")),
    "exp beyond any float": lambda service: _token(service, exp=10**2000),
    "exp is text": lambda service: _token(service, exp="9999999999"),
    "exp before iat": lambda service: _token(service, iat=NOW, exp=NOW - 1),
    "sub is no id": lambda service: _token(service, sub=".."),
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
@pytest.mark.filterwarnings("ignore:.*:jwt.warnings.InsecureKeyLengthWarning")
def test_every_bad_token_is_the_same_401(
    grocery_service: Service, make: Callable[[Service], str]
) -> None:
    """The 401 of an invalid token does not depend on the kind of error."""
    browser = grocery_service.keys.browser.text
    reference = grocery_service.get(LISTS, browser, **{"X-Customer-Token": "x"})

    reply = grocery_service.get(LISTS, browser, **{"X-Customer-Token": make(grocery_service)})

    assert (reply.status_code, reply.data) == (401, reference.data)


def test_a_thousand_flipped_bits_are_a_thousand_equal_refusals(grocery_service: Service) -> None:
    """A token with one flipped bit is always refused with the same 401."""
    browser, token = grocery_service.keys.browser.text, grocery_service.keys.token(ANNA)
    positions = [(position, bit) for position in range(len(token)) for bit in range(8)]
    headers = {"Authorization": f"Bearer {browser}"}

    def ask(shown: str) -> tuple[int, bytes]:
        environ = {"HTTP_X_CUSTOMER_TOKEN": shown}  # the test client refuses line ends
        reply = grocery_service.client.get(LISTS, headers=headers, environ_overrides=environ)
        return reply.status_code, reply.data

    refusals = {
        ask(token[:position] + chr(ord(token[position]) ^ (1 << bit)) + token[position + 1 :])
        for position, bit in random.Random(5).sample(positions, 1000)
    }

    assert {status for status, _ in refusals} == {401}
    assert len(refusals) == 1
    assert ask(token)[0] == 200


@pytest.mark.parametrize("by_text", [True, False])
def test_a_token_of_another_shops_key_is_refused(
    grocery_service: Service, service: Service, by_text: bool
) -> None:
    """A token signed with another shop's key is refused, whichever key its `kid` names."""
    ours, theirs = grocery_service.keys.browser, service.keys
    kid = theirs.browser.text if by_text else theirs.browser.key.key_id
    kids = [kid, ours.text if by_text else ours.key.key_id]
    tokens = [mint(ANNA, each, theirs.signing_secret, datetime.now(UTC)) for each in kids]

    replies = [
        grocery_service.get(LISTS, ours.text, **{"X-Customer-Token": token}) for token in tokens
    ]

    assert [reply.status_code for reply in replies] == [401, 401]
    assert len({reply.data for reply in replies}) == 1


def test_two_live_keys_allow_a_key_rotation(service: Service) -> None:
    """New keys and tokens work beside the old ones, and after the old ones are revoked."""
    old, new = service.keys, Keys.created_for(service.stores, service.shop)

    def statuses() -> list[int]:
        asked = [service.get(POPULAR, key.text) for keys in (old, new) for key in _both(keys)]
        asked += [
            service.get(LISTS, keys.browser.text, **{"X-Customer-Token": keys.token(ANNA)})
            for keys in (old, new)
        ]
        return [reply.status_code for reply in asked]

    together = statuses()
    for made in _both(old):
        service.stores.api_keys.revoke(service.shop, made.key.key_id)

    assert together == [200] * 6
    assert statuses() == [401, 401, 200, 200, 401, 200]


def _both(keys: Keys) -> list[NewKey]:
    return [keys.secret, keys.browser]


def test_a_token_of_another_key_of_the_shop_is_refused(service: Service) -> None:
    """A token is valid only with the publishable key whose signing secret signed it."""
    other = service.stores.api_keys.create(KeyKind.PUBLISHABLE, service.shop, frozenset())

    reply = service.get(LISTS, other.text, **{"X-Customer-Token": service.keys.token(ANNA)})

    assert reply.status_code == 401


def test_clocks_may_differ_a_little(service: Service) -> None:
    """A token from a clock that is five seconds ahead is accepted."""
    browser = service.keys.browser
    ahead = datetime.now(UTC) + timedelta(seconds=5)
    token = mint(ANNA, browser.key.key_id, service.keys.signing_secret, ahead)

    reply = service.get(LISTS, browser.text, **{"X-Customer-Token": token})

    assert reply.status_code == 200
