"""Customer tokens of browsers: valid for one customer with one key of one shop."""

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from recsvc.domain.api_keys import KeyKind
from recsvc.usecases.access.customer_tokens import mint
from tests.contract.grocery import ANNA, Service

LISTS = "/v1/customers/anna/recommendations"


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


FAULTS = {
    "empty": "no JWT",
    "no JWT": "no JWT",
    "long": "no JWT",
    "not ASCII": "no JWT",
    "other secret": "signature:",
    "other kid": "kid: it names another",
    "no kid": "kid: missing",
    "unsigned": "no JWT",
    "HS384": "no JWT",
    "HS512": "no JWT",
    "unsigned, alg in mixed case": "no JWT",
    "the signature cut off": "no JWT",
    "ten years long": "exp: more than 15",
    "a second too long a life": "exp: more than 15",
    "sub is no text": "sub:",
    "sub is too long": "sub:",
    "expired": "exp: it has passed",
    "too long a life": "exp: more than 15",
    "not yet": "iat: it is in the future",
    "not before": "nbf: it is in the future",
    "no exp": "exp: missing",
    "no iat": "iat: missing",
    "no sub": "sub: missing",
    "endless": "exp:",
    "exp beyond any float": "exp:",
    "exp is text": "exp: it must be a number",
    "exp before iat": "exp: not after iat",
    "sub is no id": "sub:",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
@pytest.mark.filterwarnings("ignore:.*:jwt.warnings.InsecureKeyLengthWarning")
def test_a_bad_token_is_a_401_that_names_the_part_at_fault(
    grocery_service: Service, name: str
) -> None:
    """The refusal is the same for a known and an unknown customer, and names neither."""
    browser = grocery_service.keys.browser.text
    headers = {"X-Customer-Token": BAD_TOKENS[name](grocery_service)}

    replies = [
        grocery_service.get(f"/v1/customers/{customer}/recommendations", browser, **headers)
        for customer in ("anna", "nobody")
    ]

    assert {reply.status_code for reply in replies} == {401}
    assert replies[0].data == replies[1].data
    assert FAULTS[name] in replies[0].json["detail"]


def test_a_thousand_flipped_bits_are_a_thousand_refusals(grocery_service: Service) -> None:
    """A token with one flipped bit is always refused before a claim is read."""
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
    assert not any(name in body for _, body in refusals for name in (b"exp:", b"sub:", b"iat:"))
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
    assert "kid:" in replies[0].json["detail"]
    assert "signature:" in replies[1].json["detail"]


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
