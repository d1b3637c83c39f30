"""Requests that write and read a profile, and its values."""

from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId
from tests.contract.grocery import ANNA, Service

NOTHING = {
    "attributes": {},
    "segments": [],
    "birth_month": None,
    "customer_since": None,
    "minor": False,
    "restricted": False,
    "objects_to_marketing": False,
}


ALL = {
    "attributes": {"city": "Köln", "points": 12, "ratio": -0.5, "club": True, "note": ""},
    "segments": ["regulars", "wine"],
    "birth_month": 12,
    "customer_since": "2024-02-29",
    "minor": False,
    "restricted": False,
    "objects_to_marketing": True,
}


def path_of(customer: CustomerId) -> str:
    return f"/v1/customers/{customer}/profile"


def written(service: Service, method: str, body: object, customer: CustomerId = ANNA) -> object:
    reply = service.send(method, path_of(customer), body)
    assert reply.status_code == 200, reply.data
    assert reply.headers["Cache-Control"] == "private, no-store"
    return reply.json


def shown(service: Service, customer: CustomerId = ANNA) -> object:
    reply = service.get(path_of(customer))
    assert reply.status_code == 200
    return reply.json


def key_of(service: Service, customer: CustomerId) -> CustomerKey:
    return service.stores.hasher(service.shop).key_of(customer)
