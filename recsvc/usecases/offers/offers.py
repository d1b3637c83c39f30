"""Write, read, list and delete a shop's offers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from recsvc.domain.errors import FieldError, NotFound, StoreUnavailable
from recsvc.domain.offers.eligibility import Bought
from recsvc.domain.offers.offer import Offer
from recsvc.domain.offers.stored_offer import NewOffer, StoredOffer
from recsvc.domain.values.ids import OfferId
from recsvc.domain.values.validation import shortened_json
from recsvc.model.ranking.live_items import LiveItems
from recsvc.stores.offers.offers import OfferStore
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.current_catalogue import Catalogues, CurrentCatalogue, Models

_MAX_NAMED = 5  # unknown names in one warning

Warnings = list[FieldError]


@dataclass(frozen=True, slots=True)
class OfferListing:
    """One page of offers by id. `last`: the cursor; None: there are no more."""

    offers: Sequence[StoredOffer]
    last: OfferId | None


class OfferService:
    """Writes and reads offers. A returned write is durable and effective for later requests."""

    def __init__(self, store: OfferStore, models: Models, catalogues: Catalogues) -> None:
        self._store = store
        self._catalogue = CurrentCatalogue(models, catalogues)

    def put(self, context: RequestContext, new: NewOffer) -> tuple[StoredOffer, Warnings]:
        (warnings,) = self.put_many(context, [new])
        return self.get(context, new.offer.offer_id), warnings

    def put_many(self, context: RequestContext, offers: Sequence[NewOffer]) -> list[Warnings]:
        """Replace offers; return, per offer, warnings about unknown items and names."""
        _require_store(context)
        self._store.put_many(context.shop, offers)
        live_items = self._catalogue.at(context).live_items
        return [[*warnings_of(new.offer, live_items)] for new in offers]

    def get(self, context: RequestContext, offer_id: OfferId) -> StoredOffer:
        _require_store(context)
        stored = self._store.get(context.shop, offer_id)
        if stored is None:
            raise no_such_offer()
        return stored

    def delete(self, context: RequestContext, offer_id: OfferId) -> None:
        """Delete an offer, its counters and its unassigned codes."""
        _require_store(context)
        self._store.delete(context.shop, offer_id)

    def page(
        self, context: RequestContext, after: OfferId | None, limit: int, most_items: int
    ) -> OfferListing:
        """Return the offers after an id: `limit`, or fewer that name at most `most_items` items."""
        _require_store(context)
        ids = [each for each in self._store.ids(context.shop) if after is None or each > after]
        found: list[StoredOffer] = []
        items = 0
        for stored in self._store.many(context.shop, ids[:limit]):
            items += len(stored.offer.items)
            if found and items > most_items:
                return OfferListing(found, found[-1].offer.offer_id)
            found.append(stored)
        return OfferListing(found, ids[limit - 1] if len(ids) > limit else None)


def no_such_offer() -> NotFound:
    return NotFound("no such offer", code="no_such_offer")


def warnings_of(offer: Offer, live_items: LiveItems) -> Iterator[FieldError]:
    """Warn of items and names that neither catalogue nor model contains: they may be misspelt."""
    eligible = offer.eligibility
    parts = {
        "": Bought(offer.items, offer.categories),
        "eligibility.bought.": eligible.bought,
        "eligibility.not_bought.": eligible.not_bought,
    }
    for prefix, part in parts.items():
        rows = live_items.rows(part.items)
        unknown = [item for item, row in zip(part.items, rows, strict=True) if row is None]
        yield from _warning(f"{prefix}items", unknown, len(part.items))
        yield from _unknown_names(
            f"{prefix}categories", part.categories, live_items.columns.categories.code
        )
    yield from _unknown_names("brands", offer.brands, live_items.columns.brand_code)


def _unknown_names(
    field: str, names: Sequence[str], code_of: Callable[[str], int | None]
) -> Iterator[FieldError]:
    yield from _warning(field, [name for name in names if code_of(name) is None], len(names))


def _warning(field: str, unknown: Sequence[str], of: int) -> Iterator[FieldError]:
    if unknown:
        named = ", ".join(map(shortened_json, unknown[:_MAX_NAMED]))
        more = f" and {len(unknown) - _MAX_NAMED:,} more" if len(unknown) > _MAX_NAMED else ""
        detail = f"{len(unknown):,} of {of:,} unknown to catalogue and model: {named}{more}"
        yield FieldError(field, detail)


def _require_store(context: RequestContext) -> None:
    """Refuse when the API keys could not be checked against the store."""
    if not context.store_answered:
        raise StoreUnavailable("offers are unavailable; try again")
