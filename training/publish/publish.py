"""Publish a trained model as the current version, with a manifest that records its origin."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from recsvc.domain.errors import RecsvcError
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.model.artifact.format import MANIFEST_FILE
from recsvc.model.artifact.manifest import Manifest, decode
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from training.publish.consent_recheck import RecheckedModel
from training.publish.gate import Candidate, GateVerdict, Objection, compare_models
from training.publish.model_summary import ModelSummary
from training.sources.item_catalogue import ItemCatalogue


@dataclass(frozen=True, slots=True)
class Destination:
    """A shop's models folder and the secret under which its customer keys are made."""

    versions: Versions
    hasher: CustomerHasher
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Published:
    """`gate` is the manifest's record of the comparison with the parent."""

    version: str
    parent: str | None
    gate: dict[str, Any]


def publish_model(
    model: RecheckedModel,
    catalogue: ItemCatalogue,
    destination: Destination,
    accepted: Collection[Objection],
    now: datetime,
) -> Published:
    """Publish a model; raise NotPublishable when the gate keeps the current one."""
    versions = destination.versions
    parent, unread = _current_version(versions)
    verdict = GateVerdict(not_compared=unread) if unread else _compared(model, versions, parent)
    verdict.refuse(accepted)
    trained = model.trained
    gate = verdict.as_json(accepted)
    facts = ManifestFacts(
        fingerprint=destination.fingerprint,
        seed=trained.settings.seed,
        parameters=trained.settings.as_parameters(),
        metrics=trained.results.as_json(),
        data={**origin(model, catalogue, parent), "gate": gate},
    )
    version = publish(versions, trained.artifact, facts, now=now)
    return Published(version, parent, gate)


def _current_version(versions: Versions) -> tuple[str | None, str | None]:
    """Return the current version, and the reason if it is unreadable."""
    try:
        return versions.current(), None
    except RecsvcError as error:
        return None, f"the current version is unknown: {error}"


def _compared(model: RecheckedModel, versions: Versions, parent: str | None) -> GateVerdict:
    """Compare with the current version; an unreadable one does not block the new one."""
    if parent is None:
        return GateVerdict()
    try:
        manifest = decode((versions.folder(parent) / MANIFEST_FILE).read_bytes())
        used = _candidate_of(manifest)
    except (RecsvcError, OSError, msgspec.ValidationError) as error:
        return GateVerdict(not_compared=f"{parent} cannot be read: {error}")
    return compare_models(_candidate(model), used)


def _candidate(model: RecheckedModel) -> Candidate:
    """Return the new model without customers who withdrew during the last training."""
    summary = msgspec.convert(model.trained.results.as_json(), ModelSummary)
    customers = summary.data.customers - model.withdrawn_during_training
    size = msgspec.structs.replace(summary.data, customers=customers)
    without = model.purchases.report.customers_without_consent + model.withdrawn_during_training
    return Candidate(msgspec.structs.replace(summary, data=size), without)


def _candidate_of(manifest: Manifest) -> Candidate:
    summary = msgspec.convert(manifest.metrics, ModelSummary)
    without = manifest.data.get("purchases", {}).get("customers_without_consent", 0)
    return Candidate(summary, msgspec.convert(without, int))


def origin(model: RecheckedModel, catalogue: ItemCatalogue, parent: str | None) -> dict[str, Any]:
    """Return the facts that may differ between two trainings on equal rows."""
    return {
        "parent": parent,
        "purchases": model.purchases.report.as_counts(),
        "customers": model.trained.customers,
        "items": model.trained.items,
        "consents": {
            "origin": model.permission.origin,
            "watermark_us": model.permission.watermark_us,
            "trainings": model.trainings,
            "withdrawn_meanwhile": model.withdrawn_during_training,
        },
        "catalogue": catalogue.as_counts(),
    }
