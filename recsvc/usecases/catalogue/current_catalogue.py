"""The live catalogue of a request, joined to the model in service."""

from dataclasses import dataclass
from typing import Protocol

from recsvc.domain.values.ids import ShopName
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.no_model import no_model
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.catalogue_cache import CatalogueSnapshot


class Models(Protocol):
    """Returns the model in service for a shop."""

    def model(self, shop: ShopName, /) -> LoadedModel | None: ...


class Catalogues(Protocol):
    """Returns the live catalogue of a shop, joined to a model."""

    def at(self, shop: ShopName, epoch: int | None, model: LoadedModel, /) -> CatalogueSnapshot: ...


@dataclass(frozen=True, slots=True)
class CurrentCatalogue:
    """Joins the catalogue to the model for each request."""

    models: Models
    catalogues: Catalogues

    def at(self, context: RequestContext) -> CatalogueSnapshot:
        """Return the live items at the request's epoch; without a model, the catalogue alone."""
        model = self.models.model(context.shop) or no_model()
        return self.catalogues.at(context.shop, context.catalogue_epoch, model)
