"""What a customer may demand, over HTTP: a copy, to be one with another id, to be erased."""

from collections.abc import Mapping

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.customers.privacy import RewriteState
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId, checked_id
from recsvc.domain.values.timestamps import rfc3339
from recsvc.usecases.access.request_access import RequestContext, RouteAccess
from recsvc.usecases.customers.privacy import (
    NEXT_TRAINING,
    SHOP_REMOVES,
    SHOP_RENAMES,
    UNTIL_THEN,
    MergeReceipt,
    Receipt,
)
from recsvc.web.http.rendering import PRIVATE, private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.export import ExportView, export_json


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


class MergeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who stays."""

    into: str


class MergeView(msgspec.Struct, frozen=True):
    """What a merge has made.

    `has_shared`: both permitted personalization, so that profile, recent events and
    purchases became one.
    """

    into: str
    has_shared: bool
    undrained_events_removed: int
    append_only_file: RewriteView
    shop_removes: list[str]


def get_export(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    customer, consent = _customer(context), call.services.consents.get(context)
    held = call.services.privacy.held(context.shop, customer, consent.record)
    # As it is read, so that no more of it than a part is ever in memory.
    return Response(export_json(customer_id, consent, held), headers=PRIVATE)


def post_merge(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    into = CustomerId(checked_id(call.read_body(MergeBody).into, "into"))
    away, stays = _customer(context), call.services.hasher(context.shop).key_of(into)
    merged = call.services.privacy.merge(context.shop, away, stays, context.key.key_id)
    return private_json(merge_of(into, merged))


def merge_of(into: str, merged: MergeReceipt) -> MergeView:
    return MergeView(
        into,
        merged.has_shared,
        merged.undrained_events_removed,
        RewriteView(merged.rewrite.state),
        list(SHOP_RENAMES),
    )


def delete_customer(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    receipt = call.services.privacy.erase(context.shop, _customer(context), context.key.key_id)
    return private_json(receipt_of(receipt))


def receipt_of(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        receipt.customer.hex(),
        rfc3339(receipt.erased_at_us),
        receipt.removed,
        RewriteView(receipt.rewrite.state),
        TrainingView(*NEXT_TRAINING, UNTIL_THEN),
        list(SHOP_REMOVES),
    )


def _customer(context: RequestContext) -> CustomerKey:
    """Return whom it is about; never act on keys that may be out of date."""
    if not context.store_answered:
        raise StoreUnavailable("nothing can be erased or shown at the moment; try again")
    if context.customer is None:
        raise TypeError("a request without a customer has no personal data")
    return context.customer


PATH = "/v1/customers/<id:customer_id>"
PRIVACY = RouteAccess(Scope.PRIVACY)

ROUTES = (
    Route(
        "GET",
        f"{PATH}/export",
        get_export,
        "Everything that is held of a customer, for the customer",
        PRIVACY,
        ExportView,
        remark="Each part is what its own route answers; `events` are as they were sent, with "
        "`received_at`, those that are not drained yet and the recent ones. `models` is what each "
        "published version that is on disk holds under the customer's keyed hash, also where "
        "nothing permits its use.",
        name="get_export",
        tag="rights",
    ),
    Route(
        "POST",
        f"{PATH}/merge",
        post_merge,
        "Make a customer one with another id of the same person, who stays",
        PRIVACY,
        MergeView,
        body=MergeBody,
        also=(409,),
        remark="Per purpose the stricter of the two wins, and one that was never answered is "
        "stricter than a yes; flags add up. Profile, recent events and purchases become one only "
        "where both permit personalization, what was shown and dismissed where both permit "
        "offers as well; claims always are, since a cap is one person's. The customer in the path "
        "is left as if erased. A call that failed is sent again, and completed. 409 where either "
        "was erased or merged before.",
        name="post_merge",
        tag="rights",
    ),
    Route(
        "DELETE",
        PATH,
        delete_customer,
        "Erase a customer; in force for every request after the answer",
        PRIVACY,
        ReceiptView,
        bypasses_limits=True,
        remark="A keyed hash stays, so that old events, imports and models cannot bring the "
        "customer back; only a grant of their own, through the consent route, makes them known "
        "anew, as a stranger. May be repeated. After a 503, repeat it.",
        name="delete_customer",
        tag="rights",
    ),
)
