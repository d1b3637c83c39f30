"""Writes and reads of the live catalogue by the shop."""

from collections.abc import Iterable, Mapping
from typing import Any

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.item_validation import patched
from recsvc.domain.errors import NotFound, StoreUnavailable
from recsvc.domain.values.ids import ItemId
from recsvc.stores.catalogue.items import CatalogueStore
from recsvc.usecases.access.request_access import RequestContext


class CatalogueService:
    """Stores and returns items. A returned write is durable and applies to every later request."""

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store

    def put(self, context: RequestContext, item: CatalogueItem) -> None:
        self.put_many(context, [item])

    def put_many(self, context: RequestContext, items: Iterable[CatalogueItem]) -> None:
        _require_store(context)
        self._store.put_many(context.shop, items)

    def patch(
        self, context: RequestContext, item_id: ItemId, given: Mapping[str, Any]
    ) -> CatalogueItem:
        """Change only the given fields, atomically with respect to concurrent changes."""
        _require_store(context)
        changed = self._store.change(context.shop, item_id, lambda item: patched(item, given))
        return _found(changed)

    def get(self, context: RequestContext, item_id: ItemId) -> CatalogueItem:
        _require_store(context)
        return _found(self._store.get(context.shop, item_id))

    def delete(self, context: RequestContext, item_id: ItemId) -> None:
        _require_store(context)
        self._store.delete(context.shop, item_id)


def _found(item: CatalogueItem | None) -> CatalogueItem:
    if item is None:
        raise NotFound("the catalogue has no such item; PUT creates it", code="no_such_item")
    return item


def _require_store(context: RequestContext) -> None:
    """Refuse while the store is unavailable: the API keys may then be out of date."""
    if not context.store_answered:
        raise StoreUnavailable("the catalogue is not available at the moment; try again")
