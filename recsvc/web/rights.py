"""What a customer may demand, over HTTP: erasure."""

from collections.abc import Mapping

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.identity import CustomerKey
from recsvc.domain.moments import rfc3339
from recsvc.domain.rights import RewriteState
from recsvc.usecases.entrance import Access, Visit
from recsvc.usecases.rights import (
    NEXT_TRAINING,
    SHOP_REMOVES,
    UNTIL_THEN,
    Receipt,
)
from recsvc.web.rendering import private_json
from recsvc.web.routes import Call, Route


class RewriteView(msgspec.Struct, frozen=True):
    """Until the store's append-only file has been rewritten, what was removed still stands in it.

    `due`: within the hour, since one was begun less than an hour ago. `refused`: by the server,
    which is asked again.
    """

    rewrite: RewriteState


class TrainingView(msgspec.Struct, frozen=True):
    """What only the next training removes, by when, and what holds until then."""

    removes: str
    by: str
    until_then: str


class ReceiptView(msgspec.Struct, frozen=True):
    """What an erasure has done. `customer` is the keyed hash that the history knows them by.

    `removed` counts what there was. `shop_removes` is what the service cannot. `tombstone_ends`
    is null: never.
    """

    customer: str
    erased_at: str
    removed: Mapping[str, int]
    append_only_file: RewriteView
    next_training: TrainingView
    shop_removes: list[str]
    tombstone_ends: None = None


def delete_customer(call: Call, customer_id: str) -> Response:
    visit = call.enter_for(customer_id)
    receipt = call.services.rights.erase(visit.shop, _customer(visit), visit.key.key_id)
    return private_json(_view(receipt))


def _view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        receipt.customer.hex(),
        rfc3339(receipt.erased_at_us),
        receipt.removed,
        RewriteView(receipt.rewrite.state),
        TrainingView(*NEXT_TRAINING, UNTIL_THEN),
        list(SHOP_REMOVES),
    )


def _customer(visit: Visit) -> CustomerKey:
    """Return whom it is about; never act on keys that may be out of date."""
    if not visit.store_answered:
        raise StoreUnavailable("nothing can be erased or shown at the moment; try again")
    if visit.customer is None:
        raise TypeError("a visit about nobody has nobody's rights")
    return visit.customer


PATH = "/v1/customers/<id:customer_id>"
PRIVACY = Access(Scope.PRIVACY)

ROUTES = (
    Route(
        "DELETE",
        PATH,
        delete_customer,
        "Erase a customer; in force for every request after the answer",
        PRIVACY,
        ReceiptView,
        gives_way=False,
        remark="A keyed hash stays, so that old events, imports and models cannot bring the "
        "customer back; only a grant of their own, through the consent route, makes them known "
        "anew, as a stranger. May be repeated. After a 503, repeat it.",
    ),
)
