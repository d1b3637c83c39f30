"""Whether this worker can do its job, and what an operator has to look at when it cannot."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.rejection import Rejection
from recsvc.model.registry.registry import ModelRegistry
from recsvc.stores.request_read import RequestRead


class NotReady(StrEnum):
    """Why a worker should get no requests."""

    STORE_UNAVAILABLE = "store_unavailable"
    NO_KEY = "no_key"
    NO_MODEL = "no_model"


class ShopReadiness(msgspec.Struct, frozen=True):
    """What this worker serves one shop from, and what stands in the way."""

    codes: list[NotReady]
    model_version: str | None
    rejected: Rejection | None


class Readiness:
    """Judges readiness: for one shop, or for the deployment, where one good shop is enough.

    A shop that was added without a model must not take the others out of the balancer.
    """

    def __init__(
        self, request_read: RequestRead, registry: ModelRegistry, shops: Sequence[ShopName]
    ) -> None:
        """`shops`: those that had a key when the service started."""
        self._request_read = request_read
        self._registry = registry
        self._at_start = tuple(shops)

    @property
    def shops(self) -> list[ShopName]:
        """The shops of the start, and those that a model has been published for since."""
        return list(dict.fromkeys([*self._at_start, *self._registry.shops()]))

    def deployment(self) -> list[NotReady]:
        """Return what stands in the way of the shop that is nearest to ready.

        A shop that has neither had a key at the start nor a model now is not asked about: it
        could not be ready.
        """
        found: list[list[NotReady]] = []
        for shop in self.shops:
            found.append(self._codes(shop))
            if not found[-1]:
                break  # one good shop is enough; a probe makes no more trips than it needs
        return min(found, key=len, default=[NotReady.NO_KEY])

    def shop(self, shop: ShopName) -> ShopReadiness:
        """Return what an operator wants to know of one shop."""
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
