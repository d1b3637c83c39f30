"""What a recommendation answer is made of. These structs go out as JSON as they are."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from recsvc.domain.catalogue.slates import Fallback, ReasonCode, Slate
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import RankedItems


class Reason(msgspec.Struct, frozen=True):
    """Why an item is in a list; `item_id` where another item is the reason."""

    code: str
    item_id: str | None = None


class RecommendedItem(msgspec.Struct, frozen=True):
    """One item, with those fields of the live catalogue that were asked for."""

    item_id: str
    score: float
    reason: Reason
    title: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    brand: str | UnsetType | None = UNSET
    price: float | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET


CATALOGUE_FIELDS = RecommendedItem.__struct_fields__[3:]


class Answer(msgspec.Struct, frozen=True):
    """A list, what it really is, and why it is not the one that was asked for."""

    model_version: str | None
    slate: str
    personalized: bool
    fallback: Fallback | None
    items: list[RecommendedItem]


class _Listed(msgspec.Struct, frozen=True):
    """What a record of the catalogue says of the fields that an answer may hold."""

    title: str | None = None
    url: str | None = None
    image_url: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    currency: str | None = None


_NOT_LISTED = _Listed()
# By code: the hash of an enum's member is computed in Python.
_LABELS = [code.label for code in sorted(ReasonCode)]
_PLAIN_REASONS = [Reason(label) for label in _LABELS]


def answer_of(
    assortment: LiveItems,
    slate: Slate,
    picks: RankedItems,
    fields: Sequence[str] = (),
    *,
    personalized: bool = False,
    fallback: Fallback | None = None,
) -> Answer:
    items = _items(assortment, picks, fields)
    return Answer(assortment.model.version or None, slate, personalized, fallback, items)


def _items(
    assortment: LiveItems, picks: RankedItems, fields: Sequence[str]
) -> list[RecommendedItem]:
    item_ids, reasons = _ids_and_reasons(assortment, picks)
    if not fields:
        return list(map(RecommendedItem, item_ids, picks.scores, reasons))
    listed = [_fields(assortment.record(row), fields) for row in picks.items]
    return [
        RecommendedItem(item_id, score, reason, **more)
        for item_id, score, reason, more in zip(
            item_ids, picks.scores, reasons, listed, strict=True
        )
    ]


def _ids_and_reasons(assortment: LiveItems, picks: RankedItems) -> tuple[list[str], list[Reason]]:
    """Return the id of each pick, and its reason; a sensitive item is never named as one."""
    is_sensitive, size = assortment.sensitive.item, len(picks)
    because = [None if row is None or is_sensitive(row) else row for row in picks.reason_items]
    named = [row for row in because if row is not None]
    item_ids = assortment.ids(picks.items + named)
    names = iter(item_ids[size:])
    reasons = [
        _PLAIN_REASONS[code] if row is None else Reason(_LABELS[code], next(names))
        for code, row in zip(picks.reasons, because, strict=True)
    ]
    return item_ids[:size], reasons


def _fields(record: bytes, fields: Sequence[str]) -> dict[str, Any]:
    try:
        listed = msgspec.json.decode(record, type=_Listed) if record else _NOT_LISTED
    except msgspec.DecodeError:  # logged when it was taken over
        listed = _NOT_LISTED
    return {name: getattr(listed, name) for name in fields}
