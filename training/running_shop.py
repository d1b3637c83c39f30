"""The shop to train for: its secret, its models and, while the service runs, its consents and
items.

This is the only module of the trainer that imports the service's wiring.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import SHOP_RULE, ShopName, checked_shop
from recsvc.wiring.deployment import Deployment, check_deployment, open_deployment
from recsvc.wiring.known_shops import check_shop_exists
from recsvc.wiring.stores import open_stores
from training.errors import InputUnreadable
from training.publish.publish import Destination
from training.sources.consents import PermittedKeys
from training.sources.item_catalogue import ItemCatalogue, catalogue_of

TUNING = "tuning"


@dataclass(frozen=True)  # no slots: the deployment is kept beside the fields
class TrainingShop:
    """Opened on first use, so that a command without need for the shop creates no secret."""

    name: ShopName
    data_dir: Path | None

    @cached_property
    def deployment(self) -> Deployment:
        return open_deployment(os.environ, self.data_dir)

    def check_exists(self) -> None:
        """Raise when the data folder does not exist; it is not created."""
        check_deployment(os.environ, self.data_dir)

    def hasher(self) -> CustomerHasher:
        return self.deployment.hasher(self.name)

    def destination(self) -> Destination:
        versions = self.deployment.versions(self.name)
        return Destination(versions, self.hasher(), self.deployment.secret.fingerprint())

    def tuning_folder(self) -> Path:
        """Return the folder of the search journals."""
        return self.deployment.settings.data_dir / TUNING / self.name

    def permitted(self) -> PermittedKeys:
        """Read the customers who consent to training."""
        self.check_exists()
        with open_stores(self.deployment.settings, durable=False) as stores:
            check_shop_exists(stores, self.name)
            found = stores.consented_customers.permitted(self.name, Purpose.TRAINING)
        keys, erased = found.customers, found.erased_at_us
        return PermittedKeys(keys, self.hasher(), found.watermark_us, erased=erased)

    def catalogue(self) -> ItemCatalogue:
        """Read the live catalogue."""
        self.check_exists()
        with open_stores(self.deployment.settings, durable=False) as stores:
            check_shop_exists(stores, self.name)
            items = list(stores.catalogue.all(self.name))
        return catalogue_of(items, origin="service")


def open_shop(name: str, data_dir: Path | None) -> TrainingShop:
    """Return the shop; no file is read or written, and no store started, before its first use."""
    try:
        return TrainingShop(checked_shop(name), data_dir)
    except BadRequest:
        raise InputUnreadable(
            f"--shop {name!r} is not a shop name: write {SHOP_RULE}", code="bad_shop"
        ) from None
