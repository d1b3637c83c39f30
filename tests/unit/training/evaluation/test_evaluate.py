"""An evaluation: training data, ranked customers and measured results."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.unit.training.builders import NOW, Line, leaflets, lines, two_tastes, write
from training.dataset.holdout import by_time, given
from training.dataset.interactions import from_lines
from training.errors import NotPublishable
from training.evaluate_job import EvaluatedSplit, EvaluationJob, evaluate_split, read_split
from training.evaluation.predictions_file import predictions
from training.metrics.results import METRICS, ModelOnHoldout, Results
from training.progress import SILENT
from training.ranking.lambdarank import FULL, MONOTONE, Boosting
from training.settings import TrainingSettings
from training.sources.consents import AssumeGranted, PermittedIds, TrainingPermission
from training.sources.ingest import Purchases, Request
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import ItemCatalogue
from training.sources.purchase_files import PurchaseFiles


def ignore(_: IngestReport) -> None:
    """Ignore an ingest report."""


SETTINGS = TrainingSettings(
    seed=3, horizon_days=10, boosting=Boosting(rounds=5), judged_windows=2, older_windows=1
)
PAST = two_tastes()
LATER: list[Line] = [
    ("c0", "tea-1", 61.0),
    ("c0", "nut-3", 62.0),
    ("c12", "nut-2", 61.0),
    ("c12", "novelty", 61.0),
    ("unknown", "tea-1", 61.0),
]


def evaluated(later: list[Line] = LATER) -> EvaluatedSplit:
    learning = from_lines(lines(PAST), timed=True)
    split = given(learning, Purchases(lines(later), True, IngestReport()))
    return evaluate_split(split, ItemCatalogue(), SETTINGS, SILENT)


def test_every_customer_of_the_holdout_gets_the_items_that_a_slate_may_show() -> None:
    """A known customer gets every item that a slate may show, and an unknown one no `buy_again`
    list.
    """
    found = evaluated()
    table = predictions(found.split, found.rankings)
    ranks = {
        (row["customer_id"], row["slate"]): row["rank"]
        for row in table.group_by("customer_id", "slate").agg("rank").iter_rows(named=True)
    }

    assert set(table.columns) == {"customer_id", "slate", "rank", "item_id", "score"}
    assert ranks["c0", "for_you"] == list(range(1, 13))
    assert ranks["c0", "discover"] == list(range(1, 7))
    assert ranks["c0", "buy_again"] == list(range(1, 7))
    assert ranks["unknown", "for_you"] == list(range(1, 13))
    assert ("unknown", "buy_again") not in ranks


def test_unknown_customers_and_items_are_counted_but_not_measured() -> None:
    """Lines of unknown customers and of unknown items are counted and left out of the metrics."""
    holdout = evaluated().results.holdout

    assert holdout is not None
    assert (holdout.customers, holdout.customers_unknown) == (2, 1)
    assert (holdout.lines, holdout.lines_unknown) == (5, 2)
    assert holdout.slates["discover"].customers == 1
    assert holdout.slates["buy_again"].relevant_per_customer == 1.0


def test_the_popular_list_is_measured_on_the_holdout() -> None:
    """Both customers with known items count."""
    popular = evaluated().results.popular

    assert popular is not None
    assert (popular.judged_on, popular.served.customers) == ("the holdout", 2)


def test_every_model_is_measured_by_every_metric_and_paired() -> None:
    """Every model has all metrics, and its difference is to the published model."""
    results = evaluated().results
    assert results.holdout is not None
    slate = results.holdout.slates["for_you"]
    winner = results.slates["for_you"].choice.winner
    by_name = {found.model.name: found for found in slate.models}

    assert all(set(found.metrics) == set(METRICS) for found in slate.models)
    assert by_name[winner].versus_winner is None
    versus = by_name["popularity"].versus_winner
    assert versus is not None
    assert versus.mean == pytest.approx(
        by_name["popularity"].metrics["ndcg@10"].mean - by_name[winner].metrics["ndcg@10"].mean
    )


def test_slices_cover_customers_and_items() -> None:
    """Slices exist for few, some and many orders, and for the head and the tail of the
    catalogue.
    """
    holdout = evaluated().results.holdout

    assert holdout is not None
    assert {part.name for part in holdout.slates["for_you"].slices} == {
        "few",
        "some",
        "many",
        "head",
        "tail",
    }


def test_without_a_holdout_file_the_last_horizon_is_held_out() -> None:
    """Without a holdout file, the last horizon is held out, and learning ends where it begins."""
    split = by_time(from_lines(lines(PAST), timed=True), horizon_days=10)
    whole = from_lines(lines(PAST), timed=True).history

    assert split.learning.history.now == whole.now - 10
    assert split.learning.history.days.max() < whole.now - 10
    assert len(split.holdout.customers) + len(split.learning.history.days) == len(whole.days)


def test_no_list_holds_an_item_that_is_in_the_holdout_only() -> None:
    """Predictions contain no item that only the holdout contains."""
    future: list[Line] = [("c0", f"future-{n}", 58.0) for n in range(5)]
    split = by_time(from_lines(lines([*PAST, *future]), timed=True), horizon_days=10)
    found = evaluate_split(split, ItemCatalogue(), SETTINGS, SILENT)

    assert set(predictions(found.split, found.rankings)["item_id"]) == {line[1] for line in PAST}
    assert found.results.holdout is not None
    assert found.results.holdout.lines_unknown == 5


def test_without_timestamps_the_last_orders_of_each_customer_are_held_out() -> None:
    """Without timestamps, each customer's last rows are held out, and items only in them are
    unknown.
    """
    rows = [(f"c{n}", f"i{place}", 0.0) for n in range(4) for place in range(16)]
    split = by_time(from_lines(lines(rows), timed=False), horizon_days=28)

    assert np.bincount(split.holdout.customers).tolist() == [2] * 4
    assert set(split.learning.item_ids) == {f"i{place}" for place in range(14)}
    assert set(split.holdout.items.tolist()) == {-1}


def digital_shop() -> list[Line]:
    """Half of the customers buy only `a*`, half only `b*`: one to nine items, none of them
    twice.
    """
    rng = np.random.default_rng(7)
    return [
        (f"c{customer:02d}", f"{'ab'[customer % 2]}{item:02d}", 0.0)
        for customer in range(90)
        for item in rng.permutation(12)[: 1 + customer % 9]
    ]


def test_without_timestamps_and_repeats_new_items_are_ranked() -> None:
    """Without timestamps and repeat purchases, all customers are learned from, and most first items
    match the customer's taste.
    """
    whole = from_lines(lines(digital_shop()), timed=False)
    found = evaluate_split(by_time(whole, horizon_days=7), ItemCatalogue(), SETTINGS, SILENT)
    customers = set(found.split.learning.customer_ids)
    table = predictions(found.split, found.rankings).filter(slate="for_you")
    own_taste = [
        "ab"[int(row["customer_id"][1:]) % 2] == row["item_id"][0]
        for row in table.filter(pl.col("rank") <= 3).iter_rows(named=True)
    ]

    assert customers == {f"c{n:02d}" for n in range(90)}
    assert found.split.holdout.unknown_customers == []
    assert found.results.holdout is not None
    assert found.results.holdout.slates["discover"].customers > 60
    assert found.results.judged
    assert np.mean(own_taste) > 0.8


@pytest.mark.parametrize("timed", [True, False])
def test_without_repeat_customers_no_holdout_is_possible(timed: bool, tmp_path: Path) -> None:
    """If each customer has a single order, the evaluation is refused with a hint at `--holdout`."""
    path = write(tmp_path / "p.csv", [(f"c{n}", f"i{n % 7}", float(n)) for n in range(50)])
    if not timed:
        pl.read_csv(path).drop("timestamp").write_csv(path)
    request = Request(PurchaseFiles(str(path)), {}, 0.0, NOW)
    job = EvaluationJob(request, None, AssumeGranted, ItemCatalogue(), SETTINGS, tmp_path / "out")

    with pytest.raises(NotPublishable, match=r"no holdout is possible.*--holdout"):
        read_split(job, SILENT, ignore)


def test_column_map_and_consents_apply_to_the_holdout(tmp_path: Path) -> None:
    """The column map and the consents apply to both files: other customers are neither learned from
    nor ranked for.
    """
    consents: TrainingPermission = PermittedIds(frozenset({"c0", "c1", "c12", "c13"}))
    past = with_households(write(tmp_path / "p.csv", PAST))
    later = with_households(write(tmp_path / "h.csv", [*LATER, ("c5", "tea-1", 61.0)]))
    job = EvaluationJob(
        request=Request(PurchaseFiles(str(past)), {"customer_id": "household"}, 0.0, NOW),
        holdout=PurchaseFiles(str(later)),
        consents=lambda: consents,
        catalogue=ItemCatalogue(),
        settings=SETTINGS,
        out=tmp_path / "out",
    )
    split = read_split(job, SILENT, ignore)
    ranked = {split.learning.customer_ids[row] for row in split.holdout.known_customers}

    assert set(split.learning.customer_ids) == {"c0", "c1", "c12", "c13"}
    assert ranked == {"c0", "c12"}
    assert split.holdout.unknown_customers == []


def with_households(file: Path) -> Path:
    """Rename the column of customers."""
    pl.read_csv(file).rename({"customer_id": "household"}).write_csv(file)
    return file


@pytest.fixture(scope="module")
def before_a_holiday() -> Results:
    """Return results learned on past leaflets and measured on the holiday's."""
    bought, prices = leaflets()
    whole = from_lines(lines(bought, price=prices), timed=True)
    settings = replace(SETTINGS, boosting=Boosting(rounds=15))
    return evaluate_split(
        by_time(whole, horizon_days=10), ItemCatalogue(), settings, SILENT
    ).results


def test_before_a_holiday_a_ranker_that_memorizes_items_is_not_published(
    before_a_holiday: Results,
) -> None:
    """A ranker with item features memorizes past leaflets; past windows show it, so it is not
    published.
    """
    discover = before_a_holiday.slates["discover"]
    memorizing = next(row for row in discover.models if row.model.name == FULL.model.name)

    assert discover.choice.winner not in (FULL.model.name, MONOTONE.model.name)
    assert memorizing.versus_winner is not None
    assert memorizing.versus_winner.mean < -memorizing.versus_winner.error


@pytest.mark.parametrize("slate", ["for_you", "discover"])
def test_before_a_holiday_no_baseline_is_better_than_the_published_model(
    before_a_holiday: Results, slate: str
) -> None:
    """No baseline beats the published model by more than two standard errors of the paired
    difference.
    """
    assert before_a_holiday.holdout is not None
    rows = before_a_holiday.holdout.slates[slate].models
    published = before_a_holiday.slates[slate].choice.winner
    baselines = [row for row in rows if row.model.baseline and row.versus_winner is not None]

    assert {"recent_popularity", "als", "item_neighbours"} - {published} <= {
        row.model.name for row in baselines
    }
    assert [row.model.name for row in baselines if ahead(row)] == []


def ahead(row: ModelOnHoldout) -> bool:
    assert row.versus_winner is not None
    return row.versus_winner.mean > 2 * row.versus_winner.error
