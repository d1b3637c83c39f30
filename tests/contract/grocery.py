"""A small grocery with answers known by construction, and a client of its service.

Twelve items, popular in the order of their ids. Anna has lists; Bert is known to the model too; Zoe
is a customer unknown to the model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recsvc.config import Settings, models_root
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind, Scope
from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.model.artifact.artifact import Artifact, CustomersPurchases
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from recsvc.stores.api_keys import NewKey
from recsvc.usecases.access.customer_tokens import mint
from recsvc.web.app import create_app
from recsvc.wiring.services import open_registry, services_of
from recsvc.wiring.stores import Stores
from tests.contract.documented import DocumentedClient
from tests.model_builders import Entry, neighbours, reasoned, top

ANNA, BERT, ZOE = CustomerId("anna"), CustomerId("bert"), CustomerId("zoë")
# The end of the model's data, in days since 1970: later purchases are recent enough to be kept.
LAST_DAY = datetime.now(UTC).toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal() - 45
ITEMS = [f"item-{row:02d}" for row in range(12)]
EVERYTHING: dict[str, bool] = {str(purpose): True for purpose in Purpose}

# Item rows by descending spend: 1, then ½ …
PURCHASES: Mapping[CustomerId, list[int]] = {ANNA: [3, 0, 1], BERT: [10]}
BOUGHT, DUE = ReasonCode.BECAUSE_YOU_BOUGHT, ReasonCode.BUY_AGAIN_DUE
LISTS: Mapping[CustomerId, Mapping[CustomerSlate, list[Entry]]] = {
    ANNA: {
        CustomerSlate.FOR_YOU: [(7, 0.9, BOUGHT, 3), (0, 0.8, DUE, -1)],
        CustomerSlate.DISCOVER: [(7, 0.9, BOUGHT, 3)],
        CustomerSlate.BUY_AGAIN: [(0, 0.8, DUE, -1), (1, 0.7, DUE, -1)],
    },
    BERT: {
        CustomerSlate.FOR_YOU: [(11, 0.5, BOUGHT, 10)],
        CustomerSlate.DISCOVER: [(11, 0.5, BOUGHT, 10)],
        CustomerSlate.BUY_AGAIN: [],
    },
}


def grocery(stores: Stores, shop: ShopName, first: str = ITEMS[0]) -> Artifact:
    """Return the model; `first` renames the first item, so that two models differ."""
    hasher = stores.hasher(shop)
    known = sorted((hasher.key_of(customer), customer) for customer in LISTS)
    none: list[list[int]] = [[] for _ in ITEMS]
    return Artifact(
        item_ids=[first, *ITEMS[1:]],
        customer_keys=[key for key, _ in known],
        slates={
            slate: reasoned([LISTS[customer][slate] for _, customer in known])
            for slate in CustomerSlate
        },
        neighbours={
            ItemSlate.SIMILAR: neighbours([[5, 6], [0], *none[2:]]),
            ItemSlate.BOUGHT_TOGETHER: neighbours([[9], *none[1:]]),
        },
        popular=top(*range(len(ITEMS))),
        trending=top(4, 2),
        purchased=CustomersPurchases(
            bought=neighbours([PURCHASES[customer] for _, customer in known]),
            orders=np.array([len(PURCHASES[customer]) for _, customer in known]),
            spent=np.array([10.0 for _ in known]),
            first=np.array([LAST_DAY - 100.0 for _ in known]),
            last=np.array([float(LAST_DAY) for _ in known]),
        ),
    )


def publish_grocery(stores: Stores, shop: ShopName, first: str = ITEMS[0]) -> str:
    facts = ManifestFacts(stores.secret.fingerprint(), seed=1)
    versions = Versions(models_root(stores.settings), shop)
    return publish(versions, grocery(stores, shop, first), facts, now=datetime.now(UTC))


@dataclass(frozen=True)
class Keys:
    """A secret key with every scope, and a publishable key."""

    secret: NewKey
    browser: NewKey

    @classmethod
    def created_for(cls, stores: Stores, shop: ShopName) -> "Keys":
        return cls(
            stores.api_keys.create(KeyKind.SECRET, shop, ALL_SCOPES),
            stores.api_keys.create(KeyKind.PUBLISHABLE, shop, frozenset()),
        )

    @property
    def signing_secret(self) -> str:
        assert self.browser.signing_secret is not None
        return self.browser.signing_secret

    def token(self, customer: CustomerId) -> str:
        key_id = self.browser.key.key_id
        return mint(customer, key_id, self.signing_secret, datetime.now(UTC))


class Service:
    """One shop's service in this process, with shortcuts for requests."""

    def __init__(self, stores: Stores, shop: ShopName, settings: Settings | None = None) -> None:
        self.stores, self.shop = stores, shop
        self.keys = Keys.created_for(stores, shop)
        self.registry = open_registry(stores.settings, stores.secret)
        self.registry.refresh()
        self.services = services_of(stores, self.registry, [shop])
        if settings is not None:
            self.services = replace(self.services, settings=settings)

    @cached_property
    def client(self) -> FlaskClient:
        app = create_app(self.services)
        app.test_client_class = DocumentedClient
        return app.test_client()

    def secret_key(self, *scopes: Scope) -> str:
        return self.stores.api_keys.create(KeyKind.SECRET, self.shop, frozenset(scopes)).text

    def get(self, path: str, key: str | None = "", **headers: str) -> TestResponse:
        """Send a GET with the secret key, with the given key, or without a key (None)."""
        return self.client.get(path, headers=self._headers(key, headers))

    def as_browser(
        self,
        path: str,
        customer: CustomerId | None = None,
        more: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Send a GET with the publishable key, and with the customer's token if one is given."""
        headers = dict(more or {})
        if customer is not None:
            headers["X-Customer-Token"] = self.keys.token(customer)
        return self.get(path, self.keys.browser.text, **headers)

    def put(self, path: str, body: object, key: str | None = "", **headers: str) -> TestResponse:
        sent = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {"Content-Type": "application/json", **headers}
        return self.client.put(path, data=sent, headers=self._headers(key, headers))

    def send(self, method: str, path: str, body: object, key: str | None = "") -> TestResponse:
        """Send JSON; a list of objects is sent as NDJSON lines."""
        is_lines = isinstance(body, list)
        sent = "\n".join(map(json.dumps, body)) if isinstance(body, list) else json.dumps(body)
        kind = "application/x-ndjson" if is_lines else "application/json"
        headers = self._headers(key, {"Content-Type": kind})
        return self.client.open(path, method=method, data=sent, headers=headers)

    def item(self, item_id: str, **fields: object) -> None:
        """Put an item into the live catalogue."""
        reply = self.send("PUT", f"/v1/items/{item_id}", fields)
        assert reply.status_code == 200, reply.data

    def consent(self, customer: CustomerId, purposes: Mapping[str, bool] | None = None) -> None:
        reply = self.put(f"/v1/customers/{customer}/consents", {"purposes": purposes or EVERYTHING})
        assert reply.status_code == 200, reply.data

    def _headers(self, key: str | None, more: Mapping[str, str]) -> dict[str, str]:
        shown = self.keys.secret.text if key == "" else key
        return dict(more) if shown is None else {"Authorization": f"Bearer {shown}", **more}


def item_ids(reply: TestResponse) -> list[str]:
    assert reply.json is not None
    return [item["item_id"] for item in reply.json["items"]]


def without(answer: bytes, *names: str) -> dict[str, Any]:
    """Return a response without some of its members; the others keep their order."""
    return {name: value for name, value in json.loads(answer).items() if name not in names}


def rows(*numbers: int) -> list[str]:
    return [ITEMS[number] for number in numbers]
