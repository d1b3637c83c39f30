"""Readiness of a worker, with the reasons for an operator."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.rejection import Rejection
from recsvc.model.registry.registry import ModelRegistry
from recsvc.stores.request_read import RequestRead


class NotReady(StrEnum):
    """Reasons why a worker should get no requests."""

    STORE_UNAVAILABLE = "store_unavailable"
    NO_KEY = "no_key"
    NO_MODEL = "no_model"


class ShopReadiness(msgspec.Struct, frozen=True):
    """The model that this worker serves one shop from, and the reasons against readiness."""

    codes: list[NotReady]
    model_version: str | None
    rejected: Rejection | None


class Readiness:
    """Evaluates readiness of one shop, or of the deployment: there one ready shop is enough.

    A new shop without a model must not take the other shops out of the load balancer.
    """

    def __init__(
        self, request_read: RequestRead, registry: ModelRegistry, shops: Sequence[ShopName]
    ) -> None:
        """`shops`: the shops that had a key when the service started."""
        self._request_read = request_read
        self._registry = registry
        self._at_start = tuple(shops)

    @property
    def shops(self) -> list[ShopName]:
        """The shops with a key at the start, and the shops with a model published since."""
        return list(dict.fromkeys([*self._at_start, *self._registry.shops()]))

    def deployment(self) -> list[NotReady]:
        """Return the reasons against the shop that is nearest to ready; none if one is ready.

        A shop with neither a key at the start nor a model now could not be ready and is left out.
        """
        found: list[list[NotReady]] = []
        for shop in self.shops:
            found.append(self._codes(shop))
            if not found[-1]:
                break  # one ready shop is enough; a probe makes no more reads than it needs
        return min(found, key=len, default=[NotReady.NO_KEY])

    def shop(self, shop: ShopName) -> ShopReadiness:
        """Return the readiness of one shop, with its model."""
        status = self._registry.status(shop)
        return ShopReadiness(
            codes=self._codes(shop),
            model_version=status.version,
            rejected=status.rejection,
        )

    def _codes(self, shop: ShopName) -> list[NotReady]:
        epochs = self._request_read.read(shop, None).epochs
        faults = []
        if epochs is None:
            faults.append(NotReady.STORE_UNAVAILABLE)
        elif not epochs.keys:
            faults.append(NotReady.NO_KEY)
        if self._registry.model(shop) is None:
            faults.append(NotReady.NO_MODEL)
        return faults
