"""A finished training becomes the version in use, with a manifest that says where it is from."""

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
from training.publish.gate import Candidate, GateVerdict, Objection, judge
from training.publish.model_summary import ModelSummary
from training.sources.item_catalogue import ItemCatalogue


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a model goes, and the secret that it is made under."""

    versions: Versions
    hasher: CustomerHasher
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Published:
    """`gate` is what the manifest keeps of the comparison with the parent."""

    version: str
    parent: str | None
    gate: dict[str, Any]


def publish_settled(
    settled: RecheckedModel,
    catalogue: ItemCatalogue,
    destination: Destination,
    accepted: Collection[Objection],
    now: datetime,
) -> Published:
    """Publish; raise NotPublishable when the model in use must stay."""
    versions = destination.versions
    parent, unread = _in_use(versions)
    verdict = GateVerdict(not_compared=unread) if unread else _compared(settled, versions, parent)
    verdict.refuse(accepted)
    trained = settled.trained
    gate = verdict.as_json(accepted)
    facts = ManifestFacts(
        fingerprint=destination.fingerprint,
        seed=trained.settings.seed,
        parameters=trained.settings.as_parameters(),
        metrics=trained.findings.as_json(),
        data={**origin(settled, catalogue, parent), "gate": gate},
    )
    version = publish(versions, trained.artifact, facts, now=now)
    return Published(version, parent, gate)


def _in_use(versions: Versions) -> tuple[str | None, str | None]:
    """Return the version in use, and why it cannot be told."""
    try:
        return versions.current(), None
    except RecsvcError as error:
        return None, f"the version in use is not known: {error}"


def _compared(settled: RecheckedModel, versions: Versions, parent: str | None) -> GateVerdict:
    """Compare with the version in use; one that cannot be read keeps no other from its place."""
    if parent is None:
        return GateVerdict()
    try:
        manifest = decode((versions.folder(parent) / MANIFEST_FILE).read_bytes())
        used = _candidate_of(manifest)
    except (RecsvcError, OSError, msgspec.ValidationError) as error:
        return GateVerdict(not_compared=f"{parent} cannot be read: {error}")
    return judge(_candidate(settled), used)


def _candidate(settled: RecheckedModel) -> Candidate:
    """Whoever withdrew during the last training counts no more: their lists are gone."""
    standing = msgspec.convert(settled.trained.findings.as_json(), ModelSummary)
    customers = standing.data.customers - settled.withdrawn_meanwhile
    size = msgspec.structs.replace(standing.data, customers=customers)
    without = settled.purchases.report.customers_without_consent + settled.withdrawn_meanwhile
    return Candidate(msgspec.structs.replace(standing, data=size), without)


def _candidate_of(manifest: Manifest) -> Candidate:
    standing = msgspec.convert(manifest.metrics, ModelSummary)
    without = manifest.data.get("purchases", {}).get("customers_without_consent", 0)
    return Candidate(standing, msgspec.convert(without, int))


def origin(settled: RecheckedModel, catalogue: ItemCatalogue, parent: str | None) -> dict[str, Any]:
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
