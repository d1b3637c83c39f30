"""Structs of the offer routes. Their fields follow from the domain's table `OFFER`."""

from dataclasses import replace

import msgspec
from msgspec import UNSET, UnsetType

from recsvc.domain.offers.offer_validation import OFFER
from recsvc.domain.values.ids import IdText
from recsvc.web.http.body_structs import body_struct, struct, view_fields
from recsvc.web.http.problems import FieldProblem


class OfferCounts(msgspec.Struct, frozen=True):
    """Counters of an offer. `taken`: claims held or redeemed."""

    revision: int
    shown: int
    accepted: int
    taken: int
    redeemed: int
    codes_left: int | None = None


OfferBody = body_struct(OFFER, (("offer_id", IdText | UnsetType, UNSET),))
OfferLine = body_struct(
    replace(OFFER, name="OfferLine", description="One line: an offer with its id."),
    (("offer_id", IdText),),
)
_SHOWN = view_fields(OFFER, without=["codes"])
_REQUIRED = [field for field in _SHOWN if field[0] in OFFER.required]
_OPTIONAL = [field for field in _SHOWN if field[0] not in OFFER.required]
OfferView = struct(
    "OfferView",
    "An offer as it was sent, without its codes, and its counters.",
    [
        ("offer_id", str),
        *_REQUIRED,
        ("state", OfferCounts),
        *_OPTIONAL,
        ("warnings", list[FieldProblem], []),
    ],
)


class OfferPage(msgspec.Struct, frozen=True):
    """Offers by id. `next_cursor` requests the following page; null: this page is the last."""

    offers: list[OfferView]  # type: ignore[valid-type] # a type that mypy cannot see
    next_cursor: str | None


class DeletedOffer(msgspec.Struct, frozen=True):
    """A deleted offer: no longer offered or claimable; its codes and counters are deleted."""

    offer_id: str
    deleted: bool = True


class OfferResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one line: 201, perhaps with warnings, or 422 with errors."""

    status: int
    code: str | None = None
    errors: list[FieldProblem] = []
    warnings: list[FieldProblem] = []


class OfferResults(msgspec.Struct, frozen=True):
    """One result per line, in the order of the lines. Blank lines have no result."""

    results: list[OfferResult]
