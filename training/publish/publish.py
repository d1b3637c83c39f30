"""Publish a trained model as the current version, with a manifest that records its origin."""

from collections.abc import Collection, Mapping, Sequence
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
    notes: Sequence[str]  # the same for people


@dataclass(frozen=True, slots=True)
class Comparison:
    """The gate's verdict on a model, and the version that it was compared with."""

    parent: str | None
    verdict: GateVerdict


def compare_with_current(model: RecheckedModel, versions: Versions) -> Comparison:
    """Compare a model with the shop's current version."""
    parent, unread = _current_version(versions)
    verdict = GateVerdict(not_compared=(unread,)) if unread else _compared(model, versions, parent)
    return Comparison(parent, verdict)


def publish_model(
    model: RecheckedModel,
    catalogue: ItemCatalogue,
    destination: Destination,
    comparison: Comparison,
    accepted: Collection[Objection],
    now: datetime,
) -> Published:
    """Publish a model; raise NotPublishable when the gate keeps the current one."""
    versions, parent, verdict = destination.versions, comparison.parent, comparison.verdict
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
    return Published(version, parent, gate, verdict.sentences())


def _current_version(versions: Versions) -> tuple[str | None, str | None]:
    """Return the current version, and the reason if it is unreadable."""
    try:
        return versions.current(), None
    except RecsvcError as error:
        return None, f"anything, because the current version is unknown: {error}"


def _compared(model: RecheckedModel, versions: Versions, parent: str | None) -> GateVerdict:
    """Compare with the current version; an unreadable one does not block the new one."""
    if parent is None:
        return GateVerdict(not_compared=(f"anything, because shop {versions.shop} has no model",))
    try:
        manifest = decode((versions.folder(parent) / MANIFEST_FILE).read_bytes())
        used = _candidate_of(manifest)
    except (RecsvcError, OSError, msgspec.ValidationError) as error:
        return GateVerdict(not_compared=(f"anything, because {parent} cannot be read: {error}",))
    return compare_models(_candidate(model), used)


def _candidate(model: RecheckedModel) -> Candidate:
    """Return the new model without customers who withdrew during the last training."""
    summary = msgspec.convert(model.trained.results.as_json(), ModelSummary)
    customers = summary.data.customers - model.withdrawn_during_training
    size = msgspec.structs.replace(summary.data, customers=customers)
    without = model.purchases.report.customers_without_consent + model.withdrawn_during_training
    judging = _judging(model.trained.settings.as_parameters())
    return Candidate(msgspec.structs.replace(summary, data=size), without, judging)


def _candidate_of(manifest: Manifest) -> Candidate:
    summary = msgspec.convert(manifest.metrics, ModelSummary)
    without = manifest.data.get("purchases", {}).get("customers_without_consent", 0)
    return Candidate(summary, msgspec.convert(without, int), _judging(manifest.parameters))


def _judging(parameters: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the settings that decide how well past windows can tell two models apart."""
    return {name: parameters.get(name) for name in ("horizon_days", "judged_windows")}


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
