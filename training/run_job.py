"""`recsvc-train run`: read, judge, fit, publish."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from training.atomic_files import draft, writable
from training.pipeline import Trained, train
from training.progress import Progress
from training.publish.consent_recheck import RecheckedModel, settle
from training.publish.gate import Objection
from training.publish.publish import Destination, Published, publish_settled
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
class Job:
    """Everything that one run needs, opened and checked."""

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
    settled: RecheckedModel
    report: Path
    seconds: float

    def as_report(self, shop: str) -> dict[str, Any]:
        """Return what `--json` prints."""
        trained = self.settled.trained
        return {
            "version": self.published.version,
            "parent": self.published.parent,
            "gate": self.published.gate,
            "shop": shop,
            "customers": trained.customers,
            "items": trained.items,
            "report": str(self.report),
            "seconds": round(self.seconds, 1),
            "purchases": self.settled.purchases.report.as_counts(),
            "metrics": trained.findings.as_json(),
        }


def run(job: Job, progress: Progress, told: Callable[[IngestReport], None]) -> RunResult:
    """Train and publish. `told` hears what was read, before anything is fitted."""
    started = monotonic()
    hasher = job.destination.hasher

    def read(permission: TrainingPermission) -> Purchases:
        purchases = ingest.read_purchases(
            job.request, permission, job.catalogue.sensitive, progress
        )
        told(purchases.report)
        return purchases

    def fit(purchases: Purchases) -> Trained:
        return train(purchases, job.catalogue, hasher, job.settings, progress, job.tuner)

    reports = writable(job.destination.versions.home / _REPORTS)  # versions admit only arrays
    settled = settle(job.consents, read, fit, hasher)
    with progress.step("Publishing", 2) as advance, draft(reports) as page:
        page.write_text(_report_page(settled), encoding="utf-8")
        advance()
        now = datetime.now(UTC)
        published = publish_settled(settled, job.catalogue, job.destination, job.accepted, now)
        report = page.rename(reports / f"{published.version}.html")
        advance()
    return RunResult(published, settled, report, monotonic() - started)


def _report_page(settled: RecheckedModel) -> str:
    trained = settled.trained
    return render(
        trained.findings,
        read=[settled.purchases.report],
        parameters=trained.settings.as_parameters(),
    )
