"""Consent as the shop writes and reads it. What it then permits is the gate's business."""

from collections.abc import Mapping
from dataclasses import dataclass

from recsvc.domain.consent import ConsentRecord, Purpose
from recsvc.domain.errors import StoreUnavailable
from recsvc.stores.consents import ConsentStore
from recsvc.usecases.entrance import Visit


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """What a customer said now: only the purposes that are named change."""

    purposes: Mapping[Purpose, bool]
    policy_version: str | None = None
    source: str | None = None


class ConsentDesk:
    """Takes and shows the consent of the customer whom a visit is about."""

    def __init__(self, store: ConsentStore) -> None:
        self._store = store

    def put(self, visit: Visit, change: ConsentChange) -> ConsentRecord:
        """Write durably, then answer; never acknowledge on keys that may be out of date."""
        if visit.customer is None or not visit.store_answered:
            raise _unavailable()
        return self._store.write(
            visit.shop, visit.customer, change.purposes, change.policy_version, change.source
        )

    def get(self, visit: Visit) -> ConsentRecord:
        """Return what the request's own trip has read."""
        if visit.consent is None:
            raise _unavailable()
        return visit.consent


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("consent cannot be read or written at the moment; try again")
