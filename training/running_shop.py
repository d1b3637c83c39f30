"""The shop that is trained for: its secret, its models and, while it runs, its consents and items.

The only module of the trainer that knows the service's wiring.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import ShopName, checked_shop
from recsvc.wiring.deployment import Deployment, check_deployment, open_deployment
from recsvc.wiring.stores import open_stores
from training.publish.publish import Destination
from training.sources.consents import PermittedKeys
from training.sources.item_catalogue import ItemCatalogue, is_category

TUNING = "tuning"


@dataclass(frozen=True)  # no slots: the deployment is kept beside the fields
class TrainingShop:
    """Opened where it is first asked for: whoever needs nothing of the shop makes no secret."""

    name: ShopName
    data_dir: Path | None

    @cached_property
    def deployment(self) -> Deployment:
        return open_deployment(os.environ, self.data_dir)

    def check_there(self) -> None:
        """Raise when there is no service to ask: whoever asks makes none."""
        check_deployment(os.environ, self.data_dir)

    def hasher(self) -> CustomerHasher:
        return self.deployment.hasher(self.name)

    def destination(self) -> Destination:
        versions = self.deployment.versions(self.name)
        return Destination(versions, self.hasher(), self.deployment.secret.fingerprint())

    def tuning_folder(self) -> Path:
        """Where trials of settings are kept."""
        return self.deployment.settings.data_dir / TUNING / self.name

    def permitted(self) -> PermittedKeys:
        """Read who permits training now."""
        self.check_there()
        with open_stores(self.deployment.settings, durable=False) as stores:
            found = stores.consented_customers.permitted(self.name, Purpose.TRAINING)
        keys, erased = found.customers, found.erased_at_us
        return PermittedKeys(keys, self.hasher(), found.watermark_us, erased=erased)

    def catalogue(self) -> ItemCatalogue:
        """Read the live catalogue."""
        self.check_there()
        with open_stores(self.deployment.settings, durable=False) as stores:
            items = list(stores.catalogue.all(self.name))
        return ItemCatalogue(
            categories={
                item.item_id: item.category
                for item in items
                if item.category is not None and is_category(item.category)
            },
            sensitive=frozenset(item.item_id for item in items if item.sensitive),
            origin="service",
            items=len(items),
        )


def open_shop(name: str, data_dir: Path | None) -> TrainingShop:
    """Nothing is read or made until it is asked for, nor started until consents or items are."""
    return TrainingShop(checked_shop(name), data_dir)
