"""A search for settings: what it tries, what it keeps, and what it must never see."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import create_trial

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, lines, new_tastes, quick, two_tastes
from training.cli_options import minutes
from training.dataset import holdout
from training.dataset.ground_truth import ground_truth_of
from training.dataset.interactions import from_lines
from training.errors import InputUnreadable
from training.evaluate_job import EvaluatedSplit, evaluate_split
from training.progress import SILENT
from training.ranking.candidate_features import SlateRows
from training.ranking.lambdarank import TUNED, Boosting, fit_ranker, variants_of
from training.ranking.samples import Sample
from training.settings import Searched
from training.sources.ingest import Purchases
from training.sources.ingest_report import IngestReport
from training.tuning.budget import Budget, Minutes, Trials
from training.tuning.cases import binned, gather_cases, half_of, scored
from training.tuning.journal import KEPT, fingerprint, is_json, open_studies, remove_old, repair
from training.tuning.search import completed
from training.tuning.space import SPACE, point_of
from training.tuning.tuner import Tuned, Tuner, decide

DEFAULTS = Boosting(rounds=30)
SETTINGS = quick(boosting=DEFAULTS)
BOUGHT = two_tastes(customers=32)
SLATES = (CustomerSlate.FOR_YOU, CustomerSlate.BUY_AGAIN)

Trial = tuple[dict[str, float], float | None]


def search(folder: Path, budget: Budget, bought: Iterable[Line] = BOUGHT) -> Tuned:
    return Tuner(folder, budget).tune(history(bought), SETTINGS, SILENT)


def tried(folder: Path, slate: CustomerSlate = SLATES[0]) -> list[Trial]:
    """Return points and values of the one journal's complete trials."""
    (file,) = folder.glob("*.journal")
    study = open_studies(folder, file.stem, [slate])[slate]
    return [(trial.params, trial.value) for trial in completed(study)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trials in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    search(folder, Trials(4))
    return folder


def test_the_first_trial_is_the_defaults(uninterrupted: Path) -> None:
    """Then come others, no two alike."""
    points = [point for point, _ in tried(uninterrupted)]

    assert points[0] == point_of(DEFAULTS)
    assert len({tuple(point.items()) for point in points}) == 4


def test_the_defaults_stand_unless_they_are_clearly_beaten(uninterrupted: Path) -> None:
    """By more than one standard error; whatever changes is the best trial's."""
    found = search(uninterrupted, Trials(4))
    assert found.tuning is not None

    for slate in SLATES:
        told = found.tuning.slates[slate]
        boosting = found.settings.searched[slate].boosting
        best, _ = max(tried(uninterrupted, slate), key=lambda trial: trial[1] or 0.0)
        clearly = told.gain is not None and told.gain.mean > told.gain.error
        assert told.trials == 4
        assert told.changed == clearly
        assert point_of(boosting) == (best if clearly else point_of(DEFAULTS))


POOR = Boosting(rounds=30, leaves=5, learning_rate=0.02, feature_fraction=0.1, l2=100.0)
GOOD = Boosting(rounds=60, leaves=15, learning_rate=0.1, feature_fraction=0.5, l2=1.0)


@pytest.mark.parametrize(
    ("defaults", "lucky", "kept"), [(GOOD, POOR, GOOD), (POOR, GOOD, GOOD)], ids=["luck", "gain"]
)
def test_what_was_only_lucky_is_not_confirmed(
    tmp_path: Path, defaults: Boosting, lucky: Boosting, kept: Boosting
) -> None:
    """However good the search believes it to be: it is judged anew, on others, with other seeds."""
    slate = CustomerSlate.BUY_AGAIN
    settings = quick(boosting=defaults)
    cases = gather_cases(history(BOUGHT), settings, SILENT)[slate]
    study = open_studies(tmp_path, "by hand", [slate])[slate]
    for boosting, value in ((defaults, 0.1), (lucky, 0.9)):
        study.add_trial(
            create_trial(params=point_of(boosting), distributions=dict(SPACE), value=value)
        )

    assert decide(study, cases, settings).boosting == kept


@pytest.mark.parametrize("trials", [1, 2])
def test_a_search_goes_on_where_it_stopped(
    tmp_path: Path, uninterrupted: Path, trials: int
) -> None:
    """In two runs it makes the trials that it would have made in one."""
    search(tmp_path, Trials(trials))
    before = tried(tmp_path)
    search(tmp_path, Trials(4))

    assert len(before) == trials
    assert tried(tmp_path) == tried(uninterrupted)


def test_a_trial_that_was_killed_is_made_again(tmp_path: Path, uninterrupted: Path) -> None:
    """Be it the defaults or a later one: it was asked for, and never told."""
    name = fingerprint(history(BOUGHT), SETTINGS)
    for stopped in (Trials(0), Trials(2)):
        study = open_studies(tmp_path, name, [SLATES[0]])[SLATES[0]]
        study.enqueue_trial(point_of(DEFAULTS))
        study.ask(dict(SPACE))
        search(tmp_path, stopped)
    search(tmp_path, Trials(4))

    assert tried(tmp_path) == tried(uninterrupted)


@pytest.mark.parametrize("torn", [1, 40])
def test_a_journal_torn_by_a_crash_stops_nobody(
    tmp_path: Path, uninterrupted: Path, torn: int
) -> None:
    """The last line is lost, the trials before it are not, and the journal is whole again."""
    search(tmp_path, Trials(2))
    (file,) = tmp_path.glob("*.journal")
    file.write_bytes(file.read_bytes()[:-torn])
    search(tmp_path, Trials(4))

    assert tried(tmp_path) == tried(uninterrupted)
    assert all(is_json(line) for line in file.read_bytes().splitlines())


@given(
    whole=st.lists(st.dictionaries(st.sampled_from("ab"), st.integers()), max_size=4),
    rest=st.binary(max_size=20).map(lambda rest: b"{" + rest.replace(b"\n", b"")),
    after=st.sampled_from([b"", b"\n", b'\n{"a":1}\n']),
)
def test_mending_keeps_the_whole_lines_before_a_torn_one(
    tmp_path_factory: pytest.TempPathFactory,
    whole: list[dict[str, int]],
    rest: bytes,
    after: bytes,
) -> None:
    """Whatever the crash has left behind them; mending twice changes nothing."""
    file = tmp_path_factory.mktemp("mended") / "x.journal"
    kept = b"".join(str(line).replace("'", '"').encode() + b"\n" for line in whole)
    file.write_bytes(kept + b"\0" + rest + after)
    for _ in range(2):
        repair(file)

        assert file.read_bytes() == kept


def test_other_purchases_and_other_horizons_are_other_studies() -> None:
    """Equal ones are the same, in whatever order the rows came."""
    shop = history(BOUGHT)
    name = fingerprint(shop, SETTINGS)

    assert fingerprint(history(reversed(BOUGHT)), SETTINGS) == name
    assert fingerprint(history(BOUGHT[:-1]), SETTINGS) != name
    assert fingerprint(shop, quick(boosting=DEFAULTS, horizon_days=11)) != name
    assert fingerprint(shop, quick(boosting=DEFAULTS, seed=4)) != name
    assert fingerprint(shop, quick(boosting=Boosting(rounds=31))) != name


def test_another_space_is_another_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of one are no trials of the other."""
    name = fingerprint(history(BOUGHT), SETTINGS)
    monkeypatch.setattr("training.tuning.journal.SPACE", dict(list(SPACE.items())[1:]))

    assert fingerprint(history(BOUGHT), SETTINGS) != name


def test_no_customer_or_item_stands_in_a_journal(tmp_path: Path) -> None:
    """Only settings, and how good they were."""
    marked = [(f"secret-person-{who}", f"secret-item-{item}", day) for who, item, day in BOUGHT]
    search(tmp_path, Trials(1), marked)
    (file,) = tmp_path.glob("*.journal")

    assert b"secret" not in file.read_bytes()


def test_the_defaults_are_a_point_of_the_space() -> None:
    """Or they could not be the first trial."""
    point = point_of(Boosting())

    assert set(point) == set(SPACE)
    assert [name for name, ends in SPACE.items() if not ends.low <= point[name] <= ends.high] == []


def test_only_the_latest_journals_are_kept(tmp_path: Path) -> None:
    """And the one in use, however old it is."""
    files = [tmp_path / f"{place:02d}.journal" for place in range(KEPT + 3)]
    for file in files:
        file.touch()
    remove_old(tmp_path, files[0])

    assert len(list(tmp_path.iterdir())) == KEPT
    assert files[0].exists()


def test_a_spent_budget_leaves_the_defaults(tmp_path: Path) -> None:
    """They are tried all the same, for a later run to compare with."""
    spent = Minutes(1)
    spent.spend(61)
    found = search(tmp_path, spent)

    assert found.tuning is not None
    assert {told.trials for told in found.tuning.slates.values()} == {1}
    assert {found.settings.searched[slate].boosting for slate in SLATES} == {DEFAULTS}


def test_a_trial_that_would_end_far_too_late_is_not_begun() -> None:
    """With 20 seconds left and trials of 20 one more is made; with 10 and trials of 25 none."""
    early, late = Minutes(1), Minutes(1)
    for budget, seconds in ((early, (20, 20)), (late, (25, 25))):
        for took in seconds:
            budget.spend(took)

    assert early.lasts(2)
    assert not late.lasts(3)
    assert Minutes(0.001).lasts(0)


def test_minutes_are_shared_by_the_trainings_of_a_run(tmp_path: Path) -> None:
    """Somebody withdrew: the second training tries what the first has found, and no more."""
    budget = Minutes(0.01)
    tuner = Tuner(tmp_path, budget)
    first = tuner.tune(history(BOUGHT), SETTINGS, SILENT)
    budget.spend(60)
    fewer = history(two_tastes(customers=30))
    tuner.tune(fewer, SETTINGS, SILENT)
    studies = open_studies(tmp_path, fingerprint(fewer, SETTINGS), list(SLATES))

    for slate in SLATES:
        points = [trial.params for trial in completed(studies[slate])]
        found = point_of(first.settings.searched[slate].boosting)
        assert points[0] == point_of(DEFAULTS)
        assert [point for point in points if point not in (point_of(DEFAULTS), found)] == []
        assert found in points


def test_where_nothing_can_be_compared_nothing_is_tuned(tmp_path: Path) -> None:
    """A short history never crashes."""
    found = search(tmp_path, Trials(3), [("c", "i", 0.0), ("d", "i", 3.0)])

    assert found.settings == SETTINGS
    assert found.tuning is not None
    assert found.tuning.slates == {}


def test_a_shop_without_repeats_is_tuned_for_what_is_new(tmp_path: Path) -> None:
    """It has but one list to rank."""
    found = search(tmp_path, Trials(1), new_tastes(customers=80))

    assert list(found.settings.searched) == [CustomerSlate.DISCOVER]


def test_a_trial_scores_as_the_published_ranker_would() -> None:
    """Binned rows or plain ones, it is the same ranker."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(900, 4)).astype(np.float32)
    labels = (features[:, 0] + rng.normal(size=900) > 1).astype(np.int8)
    groups = np.full(60, 15)
    columns = tuple(("score", f"s{at}") for at in range(4))
    ranker = fit_ranker(TUNED, columns, [Sample(features, labels, groups)], DEFAULTS, (7,))
    older = binned(Sample(features, labels, groups), Boosting())
    new = rng.normal(size=(200, 4)).astype(np.float32)
    customers, items = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    rows = SlateRows(customers, items, new)
    blocks = [rows.only(customers < 9), rows.only(customers >= 9)]
    half = half_of(blocks, np.arange(20), ground_truth_of(np.arange(200), 20, 10), older)
    assert half is not None

    assert scored(older, half, DEFAULTS, 7) == pytest.approx(ranker.score(new))
    assert np.ptp(ranker.score(new)) > 0


def test_the_search_and_the_confirmation_see_different_customers() -> None:
    """The best of many trials is partly luck, and luck must not confirm itself."""
    cases = gather_cases(history(BOUGHT), SETTINGS, SILENT)

    for case in (case for some in cases.values() for case in some):
        assert set(case.searched.judged) & set(case.confirmed.judged) == set()
        assert set(case.searched.customers) & set(case.confirmed.customers) == set()


def test_a_case_is_of_no_more_customers_than_models_are_compared_on() -> None:
    """Rows of every window stay in memory while trials last."""
    few = quick(boosting=DEFAULTS, customers_compared=20)
    (case, *_) = gather_cases(history(BOUGHT), few, SILENT)[SLATES[0]]

    assert len(case.searched.judged) + len(case.confirmed.judged) <= 20


def test_only_the_ranker_that_was_tuned_takes_other_settings() -> None:
    """The other variants were not compared with them."""
    found = Boosting(leaves=9)
    settings = quick(searched={slate: Searched(found, 3) for slate in SLATES})
    taken = {
        variant.model.name: settings.boosting_of(SLATES[0], variant).leaves
        for variant in variants_of(SLATES[0])
    }

    assert taken == {"ranker": 9, "ranker_without_items": Boosting().leaves}
    assert settings.boosting_of(CustomerSlate.DISCOVER, TUNED) == settings.boosting


ONE: list[Line] = [("c1", "tea-1", 61.0), ("c25", "nut-2", 62.0)]
OTHER: list[Line] = [("c1", "nut-4", 99.0), ("c25", "tea-5", 99.0)]


def evaluated(folder: Path, later: list[Line]) -> EvaluatedSplit:
    learning = from_lines(lines(BOUGHT), timed=True)
    held_out = Purchases(lines(later), True, IngestReport())
    tuner = Tuner(folder, Trials(3))
    return evaluate_split(holdout.given(learning, held_out), SETTINGS, SILENT, tuner)


def test_a_search_never_sees_the_holdout(tmp_path: Path) -> None:
    """The same customers buy other things in it: trials, settings and rankings are the same."""
    one, other = evaluated(tmp_path / "one", ONE), evaluated(tmp_path / "other", OTHER)

    assert tried(tmp_path / "one") == tried(tmp_path / "other")
    assert one.settings.as_parameters() == other.settings.as_parameters()
    assert one.settings.as_parameters()["searched"]["for_you"]["trials"] == 3
    assert one.results.as_json()["tuning"] == told_without_clock(one, other)
    for slate in CustomerSlate:
        published = one.rankings.published[slate], other.rankings.published[slate]
        assert published[0].scores.tobytes() == published[1].scores.tobytes()
        assert published[0].items.tobytes() == published[1].items.tobytes()


def told_without_clock(one: EvaluatedSplit, other: EvaluatedSplit) -> dict[str, Any]:
    """Return what the other tells of its search, with the minutes that the one took."""
    found = other.results.as_json()["tuning"]
    return {**found, "minutes": one.results.as_json()["tuning"]["minutes"]}


@pytest.mark.parametrize("text", ["0", "-1", "soon", "", "nan", "inf", "1e9"])
def test_minutes_that_make_no_sense_are_refused(text: str) -> None:
    """Naming the option, what was written, and what would be right."""
    with pytest.raises(InputUnreadable, match=r"--tune '.*': write minutes above 0 and at most"):
        minutes(text)


def test_minutes_may_be_less_than_one() -> None:
    """Half a minute is a search."""
    assert minutes("0.5") == 0.5
