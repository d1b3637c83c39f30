"""The JSON structs of a recommendation answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from recsvc.domain.catalogue.slates import Fallback, ReasonCode, Slate
from recsvc.domain.values.attributes import Value as AttributeValue
from recsvc.domain.values.ids import ItemId
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import RankedItems

_CODES = tuple(code.label for code in ReasonCode)


class Reason(msgspec.Struct, frozen=True, gc=False):
    """The reason why an item is recommended; `item_id` is set if another item is the reason."""

    code: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*_CODES]})]
    item_id: str | None = None


class RecommendedItem(msgspec.Struct, frozen=True, gc=False):
    """One item, with the catalogue fields that the request selected.

    `score`: the worth of the item's place in the list as NDCG discounts it: 1 for the first, 0.63
    for the second, 0.5 for the third; with `offset` counted from the start of the list. In a
    customer's export: the score of the stored model.
    """

    item_id: str
    score: float
    reason: Reason
    title: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    url: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    categories: Sequence[str] | UnsetType = UNSET
    brand: str | UnsetType | None = UNSET
    price: float | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    attributes: Mapping[str, AttributeValue] | UnsetType = UNSET
    item_group_id: str | UnsetType | None = UNSET


CATALOGUE_FIELDS = RecommendedItem.__struct_fields__[3:]


class Answer(msgspec.Struct, frozen=True):
    """A list. `slate` is the slate delivered; `fallback` is why it is not the one requested."""

    model_version: str | None
    slate: str
    personalized: bool
    fallback: Fallback | None
    items: list[RecommendedItem]


class _CatalogueFields(msgspec.Struct, frozen=True):
    """The members of a catalogue record that an answer can contain."""

    title: str | None = None
    description: str | None = None
    url: str | None = None
    image_url: str | None = None
    category: str | None = None
    categories: tuple[str, ...] = ()
    brand: str | None = None
    price: float | None = None
    currency: str | None = None
    attributes: Mapping[str, AttributeValue] = {}
    item_group_id: str | None = None


_NO_FIELDS = _CatalogueFields()
# Indexed by code: the hash of an enum member is computed in Python.
_LABELS = [code.label for code in sorted(ReasonCode)]
_PLAIN_REASONS = [Reason(label) for label in _LABELS]
_MOST_PLACES = 1000  # of a ranking; of a list: MAX_OFFSET + MAX_ITEMS
_SCORES = [round(1 / math.log2(place + 2), 6) for place in range(_MOST_PLACES)]
_UNKNOWN_ITEM = _PLAIN_REASONS[ReasonCode.UNKNOWN_ITEM]


def answer_of(
    live_items: LiveItems,
    slate: Slate,
    ranked: RankedItems,
    fields: Sequence[str] = (),
    *,
    offset: int = 0,
    personalized: bool = False,
    fallback: Fallback | None = None,
    item_ids: Sequence[str] | None = None,
) -> Answer:
    """Return the answer; `offset`: the places of the list before the ranked items.

    `item_ids`: the ids of the ranked items, if they are known already.
    """
    items = _items(live_items, ranked, fields, offset, item_ids)
    return Answer(live_items.model.version or None, slate, personalized, fallback, items)


def with_unknown_items(answer: Answer, items: Sequence[ItemId], fields: Sequence[str]) -> Answer:
    """Append items that neither the model nor the catalogue knows, with a score of 0."""
    no_fields = _fields(b"", fields)
    unknown = [RecommendedItem(item, 0.0, _UNKNOWN_ITEM, **no_fields) for item in items]
    return msgspec.structs.replace(answer, items=answer.items + unknown) if unknown else answer


def _items(
    live_items: LiveItems,
    ranked: RankedItems,
    fields: Sequence[str],
    offset: int,
    given_ids: Sequence[str] | None,
) -> list[RecommendedItem]:
    item_ids, reasons = _ids_and_reasons(live_items, ranked, given_ids)
    # One answer joins lists of rankers, votes and counts; only places are on one scale.
    scores = _SCORES[offset : offset + len(item_ids)]
    if not fields:
        return list(map(RecommendedItem, item_ids, scores, reasons))
    catalogue_fields = [_fields(live_items.record(row), fields) for row in ranked.items]
    return [
        RecommendedItem(item_id, score, reason, **more)
        for item_id, score, reason, more in zip(
            item_ids, scores, reasons, catalogue_fields, strict=True
        )
    ]


def _ids_and_reasons(
    live_items: LiveItems, ranked: RankedItems, given_ids: Sequence[str] | None
) -> tuple[Sequence[str], list[Reason]]:
    """Return the items' ids and reasons. A reason never names a sensitive item."""
    is_sensitive = live_items.sensitive.item
    rows, size = (ranked.items, len(ranked)) if given_ids is None else ([], 0)
    reason_items = [
        None if row is None or is_sensitive(row) else row for row in ranked.reason_items
    ]
    named = [row for row in reason_items if row is not None]
    item_ids = live_items.ids(rows + named)
    names = iter(item_ids[size:])
    reasons = [
        _PLAIN_REASONS[code] if row is None else Reason(_LABELS[code], next(names))
        for code, row in zip(ranked.reasons, reason_items, strict=True)
    ]
    return item_ids[:size] if given_ids is None else given_ids, reasons


def _fields(record: bytes, fields: Sequence[str]) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(record, type=_CatalogueFields) if record else _NO_FIELDS
    except msgspec.DecodeError:  # logged when the catalogue was read
        found = _NO_FIELDS
    return {name: getattr(found, name) for name in fields}
