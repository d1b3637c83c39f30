"""Routes of the privacy scope: export, merge and erase a customer."""

from collections.abc import Mapping

import msgspec
from flask import Response

from recsvc.domain.api_keys import Scope
from recsvc.domain.customers.privacy import RewriteState
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId, IdText, checked_id
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
    """The rewrite of the append-only file, which holds removed data until it is complete.

    `due`: within the hour, since one began less than an hour ago. `refused`: by the server; it is
    retried.
    """

    rewrite: RewriteState


class TrainingView(msgspec.Struct, frozen=True):
    """The data that only the next training removes, when, and its use until then."""

    removes: str
    by: str
    until_then: str


class ReceiptView(msgspec.Struct, frozen=True):
    """The result of an erasure. `customer` is the keyed hash that the history uses.

    `removed` counts the removed entries by kind. `shop_removes` lists the copies that the service
    cannot remove. `tombstone_ends` is null: never.
    """

    customer: str
    erased_at: str
    removed: Mapping[str, int]
    append_only_file: RewriteView
    next_training: TrainingView
    shop_removes: list[str]
    tombstone_ends: str | None = None


class MergeBody(msgspec.Struct, forbid_unknown_fields=True):
    """`into`: the id that remains."""

    into: IdText


class MergeView(msgspec.Struct, frozen=True):
    """The result of a merge.

    `was_known`: false if the store knows nothing of the merged customer; then nothing changed.
    `has_shared`: both customers permitted personalization, so profile, recent events and purchases
    were merged. `ended_purposes`: granted by the remaining customer, refused by the merged one.
    """

    into: str
    was_known: bool
    has_shared: bool
    ended_purposes: list[str]
    undrained_events_removed: int
    append_only_file: RewriteView
    shop_removes: list[str]


def get_export(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    customer, consent = _customer(context), call.services.consents.get(context)
    data = call.services.privacy.export(context.shop, customer, consent.record)
    # Streamed, so that no more than a part of it is in memory.
    return Response(export_json(customer_id, consent, data), headers=PRIVATE)


def post_merge(call: Call, customer_id: str) -> Response:
    context = call.authorize_for_customer(customer_id)
    into = CustomerId(checked_id(call.read_body(MergeBody).into, "into"))
    away, remaining = _customer(context), call.services.hasher(context.shop).key_of(into)
    merged = call.services.privacy.merge(context.shop, away, remaining, context.key.key_id)
    return private_json(merge_of(into, merged))


def merge_of(into: str, merged: MergeReceipt) -> MergeView:
    return MergeView(
        into,
        merged.was_known,
        merged.has_shared,
        list(merged.ended),
        merged.undrained_events_removed,
        RewriteView(merged.rewrite.state),
        list(SHOP_RENAMES) if merged.was_known else [],
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
    """Return the customer; raise StoreUnavailable if the API key may be outdated."""
    if not context.store_answered:
        raise StoreUnavailable("personal data cannot be read or erased at the moment; try again")
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
        "Export all data of a customer",
        PRIVACY,
        ExportView,
        remark="Each part has the schema of its own route. `events` holds undrained and recent "
        "events as sent, with `received_at`. `models` holds the data of each published version on "
        "disk under the customer's keyed hash, also if no consent permits its use.",
        name="get_export",
        tag="rights",
    ),
    Route(
        "POST",
        f"{PATH}/merge",
        post_merge,
        "Merge a customer into another id of the same person",
        PRIVACY,
        MergeView,
        body=MergeBody,
        also=(409,),
        remark="A refusal (denied or withdrawn) of either customer wins; otherwise the statements "
        "of the remaining customer stay as they are. An id that the store does not know changes "
        "nothing. Flags add up. Profile, recent events and purchases are merged if both customers "
        "permit personalization, offer events if both permit offers too. Claims are always merged, "
        "since caps count per person. The customer in the path is left as erased. Repeat a failed "
        "call to complete it. 409 if either customer is erased or merged.",
        name="post_merge",
        tag="rights",
    ),
    Route(
        "DELETE",
        PATH,
        delete_customer,
        "Erase a customer; applies to every request after the answer",
        PRIVACY,
        ReceiptView,
        bypasses_limits=True,
        remark="A keyed hash remains, so that old events, imports and models cannot restore the "
        "customer. Only a later grant through the consent route re-admits the customer, as an "
        "unknown customer. Idempotent; repeat it after a 503.",
        name="delete_customer",
        tag="rights",
    ),
)
