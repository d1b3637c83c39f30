"""A finished training becomes the version in use, with a manifest that says where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recsvc.domain.errors import RecsvcError
from recsvc.domain.identity import CustomerHasher
from recsvc.model.format import MANIFEST_FILE
from recsvc.model.manifest import decode
from recsvc.model.versions import Versions
from recsvc.model.writer import ManifestFacts, publish
from training.catalogue import Catalogue
from training.gate import refuse_unjudged
from training.settle import Settled


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a model goes, and the secret that it is made under."""

    versions: Versions
    hasher: CustomerHasher
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Published:
    version: str
    parent: str | None


def publish_settled(
    settled: Settled,
    catalogue: Catalogue,
    destination: Destination,
    now: datetime,
) -> Published:
    """Publish; raise NotPublishable when the model in use must stay."""
    versions = destination.versions
    parent = versions.current()
    trained = settled.trained
    metrics = trained.findings.as_json()
    refuse_unjudged(metrics, previous_metrics(versions, parent))
    facts = ManifestFacts(
        fingerprint=destination.fingerprint,
        seed=trained.settings.seed,
        parameters=trained.settings.as_parameters(),
        metrics=metrics,
        data=origin(settled, catalogue, parent),
    )
    return Published(publish(versions, trained.artifact, facts, now=now), parent)


def previous_metrics(versions: Versions, version: str | None) -> Mapping[str, Any] | None:
    """Return what the version in use says of itself; None when it cannot be read."""
    if version is None:
        return None
    try:
        return decode((versions.folder(version) / MANIFEST_FILE).read_bytes()).metrics
    except (RecsvcError, OSError):
        return None


def origin(settled: Settled, catalogue: Catalogue, parent: str | None) -> dict[str, Any]:
    """Return everything that may differ between two trainings on equal rows."""
    return {
        "parent": parent,
        "purchases": settled.purchases.report.as_counts(),
        "customers": settled.trained.customers,
        "items": settled.trained.items,
        "consents": {
            "origin": settled.permission.origin,
            "watermark_us": settled.permission.watermark_us,
            "trainings": settled.trainings,
            "withdrawn_meanwhile": settled.withdrawn_meanwhile,
        },
        "catalogue": catalogue.as_counts(),
    }
