"""Purchases before an erasure are never learned from, even after a new grant."""

from pathlib import Path

import polars as pl
import pytest

from recsvc.domain.values.customer_keys import CustomerHasher, Secret
from recsvc.domain.values.ids import CustomerId, ShopName
from tests.unit.training.builders import NOW
from training.progress import SILENT
from training.publish.consent_recheck import withdrawn
from training.sources.consents import AssumeGranted, PermittedKeys, TrainingPermission
from training.sources.ingest import Purchases, Request, read_purchases
from training.sources.ingest_report import NO_CONSENT, IngestReport
from training.sources.purchase_files import PurchaseFiles

HASHER = CustomerHasher(Secret("a secret of the tests, long enough"), ShopName("default"))
ERASED_AT = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z

LINES = """\
customer_id,item_id,timestamp
anew,old,2023-11-14T22:13:19Z
anew,just,2023-11-14T22:13:20Z
anew,new,2023-11-14T22:13:21Z
plain,old,2020-01-01T00:00:00Z
gone,old,2020-01-01T00:00:00Z
gone,new,2024-01-01T00:00:00Z
"""


def permission() -> PermittedKeys:
    keys = {name: HASHER.key_of(CustomerId(name)) for name in ("anew", "plain")}
    return PermittedKeys(
        frozenset(keys.values()), HASHER, ERASED_AT + 1, erased={keys["anew"]: ERASED_AT}
    )


def read(path: Path, text: str, by: TrainingPermission) -> Purchases:
    path.write_text(text)
    return read_purchases(Request(PurchaseFiles(str(path)), {}, 0.01, NOW), by, (), SILENT)


def learned(purchases: Purchases) -> list[tuple[str, str]]:
    return purchases.lines.select("customer_id", "item_id").rows()


def test_only_purchases_after_the_erasure_are_learned_from(tmp_path: Path) -> None:
    """Of a re-admitted customer only later purchases are used, of an erased one none, of the others
    all.
    """
    found = read(tmp_path / "p.csv", LINES, permission())

    assert learned(found) == [("anew", "new"), ("plain", "old")]
    assert found.report.left_out == {NO_CONSENT: 4}


def test_lines_without_a_time_count_as_before_the_erasure(tmp_path: Path) -> None:
    """Lines without a timestamp count as before the erasure."""
    text = "\n".join(line.rpartition(",")[0] for line in LINES.splitlines())

    assert learned(read(tmp_path / "p.csv", text, permission())) == [("plain", "old")]


@pytest.mark.parametrize(("at", "gone"), [(ERASED_AT, ["anew", "gone"]), (0, ["gone"])])
def test_a_customer_erased_during_training_counts_as_withdrawn(at: int, gone: list[str]) -> None:
    """A customer erased during a training counts as withdrawn, even after a new grant."""
    times = pl.Series([ERASED_AT, 1, 1], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    lines = pl.DataFrame({"customer_id": ["anew", "plain", "gone"], "at": times})
    known = permission()
    later = PermittedKeys(known.keys, HASHER, None, erased={HASHER.key_of(CustomerId("anew")): at})

    assert withdrawn(Purchases(lines, True, IngestReport()), later) == gone
    assert withdrawn(Purchases(lines, True, IngestReport()), AssumeGranted()) == []
