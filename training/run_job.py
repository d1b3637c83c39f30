"""`recsvc-train run`: read, compare, fit, publish."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from training.atomic_files import draft, writable
from training.pipeline import Trained, train
from training.progress import Progress
from training.publish.consent_recheck import RecheckedModel, train_with_recheck
from training.publish.gate import Objection
from training.publish.publish import (
    Comparison,
    Destination,
    Published,
    compare_with_current,
    publish_model,
)
from training.report.page import render
from training.settings import TrainingSettings
from training.sources import ingest
from training.sources.consents import ConsentSource, TrainingPermission
from training.sources.ingest import Purchases
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import ItemCatalogue
from training.tuning.tuner import Tuner

_REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class RunJob:
    """The inputs of one run, opened and checked."""

    request: ingest.Request
    consents: ConsentSource
    catalogue: ItemCatalogue
    settings: TrainingSettings
    destination: Destination
    tuner: Tuner | None = None
    accepted: frozenset[Objection] = frozenset()


@dataclass(frozen=True, slots=True)
class RunResult:
    published: Published
    model: RecheckedModel
    report: Path
    seconds: float

    def as_report(self, shop: str) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        trained = self.model.trained
        return {
            "version": self.published.version,
            "parent": self.published.parent,
            "gate": self.published.gate,
            "shop": shop,
            "customers": trained.customers,
            "items": trained.items,
            "report": str(self.report),
            "seconds": round(self.seconds, 1),
            "purchases": self.model.purchases.report.as_counts(),
            "metrics": trained.results.as_json(),
        }


def run(job: RunJob, progress: Progress, on_ingest: Callable[[IngestReport], None]) -> RunResult:
    """Train and publish. `on_ingest` gets each ingest report before anything is fitted."""
    started = monotonic()
    hasher = job.destination.hasher

    def read(permission: TrainingPermission) -> Purchases:
        purchases = ingest.read_purchases(
            job.request, permission, job.catalogue.sensitive, progress
        )
        on_ingest(purchases.report)
        return purchases

    def fit(purchases: Purchases) -> Trained:
        return train(purchases, job.catalogue, hasher, job.settings, progress, job.tuner)

    reports = writable(job.destination.versions.home / _REPORTS)  # version folders hold arrays only
    model = train_with_recheck(job.consents, read, fit, hasher)
    with progress.step("Publishing", 2) as advance, draft(reports) as page:
        comparison = compare_with_current(model, job.destination.versions)
        page.write_text(_report_page(model, comparison), encoding="utf-8")
        advance()
        published = publish_model(
            model, job.catalogue, job.destination, comparison, job.accepted, datetime.now(UTC)
        )
        report = page.rename(reports / f"{published.version}.html")
        advance()
    return RunResult(published, model, report, monotonic() - started)


def _report_page(model: RecheckedModel, comparison: Comparison) -> str:
    trained = model.trained
    return render(
        trained.results,
        read=[model.purchases.report],
        parameters=trained.settings.as_parameters(),
        gate=comparison.verdict.sentences(),
    )
