"""The settings search: its trials, its journal, and data it never uses."""

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
from training.ranking.lambdarank import THREADS, TUNED, Boosting, fit_ranker, variants_of
from training.ranking.samples import Sample
from training.recommenders.registry import BASE_MODELS
from training.settings import Searched
from training.sources.ingest import Purchases
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import ItemCatalogue
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
    """Return points and values of the complete trials in the only journal."""
    (file,) = folder.glob("*.journal")
    study = open_studies(folder, file.stem, [slate])[slate]
    return [(trial.params, trial.value) for trial in completed(study)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four trials of one run."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    search(folder, Trials(4))
    return folder


def test_the_first_trial_is_the_defaults(uninterrupted: Path) -> None:
    """The defaults are tried first; later points are all different."""
    points = [point for point, _ in tried(uninterrupted)]

    assert points[0] == point_of(DEFAULTS)
    assert len({tuple(point.items()) for point in points}) == 4


def test_the_defaults_are_kept_unless_clearly_beaten(uninterrupted: Path) -> None:
    """The best trial replaces the defaults only if its gain exceeds one standard error."""
    found = search(uninterrupted, Trials(4))
    assert found.tuning is not None

    for slate in SLATES:
        searched = found.tuning.slates[slate]
        boosting = found.settings.searched[slate].boosting
        best, _ = max(tried(uninterrupted, slate), key=lambda trial: trial[1] or 0.0)
        clearly = searched.gain is not None and searched.gain.mean > searched.gain.error
        assert searched.trials == 4
        assert searched.changed == clearly
        assert point_of(boosting) == (best if clearly else point_of(DEFAULTS))


POOR = Boosting(rounds=30, leaves=5, learning_rate=0.02, feature_fraction=0.1, l2=100.0)
GOOD = Boosting(rounds=60, leaves=15, learning_rate=0.1, feature_fraction=0.5, l2=1.0)


@pytest.mark.parametrize(
    ("defaults", "lucky", "kept"), [(GOOD, POOR, GOOD), (POOR, GOOD, GOOD)], ids=["luck", "gain"]
)
def test_a_lucky_trial_is_not_confirmed(
    tmp_path: Path, defaults: Boosting, lucky: Boosting, kept: Boosting
) -> None:
    """A trial with a lucky value is not confirmed on other customers with other seeds."""
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
def test_a_search_continues_after_an_interruption(
    tmp_path: Path, uninterrupted: Path, trials: int
) -> None:
    """Two runs make the same trials as one run of the same length."""
    search(tmp_path, Trials(trials))
    before = tried(tmp_path)
    search(tmp_path, Trials(4))

    assert len(before) == trials
    assert tried(tmp_path) == tried(uninterrupted)


def test_a_killed_trial_is_repeated(tmp_path: Path, uninterrupted: Path) -> None:
    """A trial that was started and not completed is repeated."""
    name = fingerprint(history(BOUGHT), SETTINGS)
    for stopped in (Trials(0), Trials(2)):
        study = open_studies(tmp_path, name, [SLATES[0]])[SLATES[0]]
        study.enqueue_trial(point_of(DEFAULTS))
        study.ask(dict(SPACE))
        search(tmp_path, stopped)
    search(tmp_path, Trials(4))

    assert tried(tmp_path) == tried(uninterrupted)


@pytest.mark.parametrize("torn", [1, 40])
def test_a_truncated_journal_is_repaired(tmp_path: Path, uninterrupted: Path, torn: int) -> None:
    """A journal with a truncated last line loses that line only and is complete again after the
    run.
    """
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
def test_a_repair_keeps_the_complete_lines(
    tmp_path_factory: pytest.TempPathFactory,
    whole: list[dict[str, int]],
    rest: bytes,
    after: bytes,
) -> None:
    """A repair keeps all complete lines before a broken one, and a second repair changes
    nothing.
    """
    file = tmp_path_factory.mktemp("mended") / "x.journal"
    kept = b"".join(str(line).replace("'", '"').encode() + b"\n" for line in whole)
    file.write_bytes(kept + b"\0" + rest + after)
    for _ in range(2):
        repair(file)

        assert file.read_bytes() == kept


def test_other_purchases_or_settings_use_another_study() -> None:
    """Other purchases, horizons, seeds or defaults use another study; the order of rows does not
    matter.
    """
    shop = history(BOUGHT)
    name = fingerprint(shop, SETTINGS)

    assert fingerprint(history(reversed(BOUGHT)), SETTINGS) == name
    assert fingerprint(history(BOUGHT[:-1]), SETTINGS) != name
    assert fingerprint(shop, quick(boosting=DEFAULTS, horizon_days=11)) != name
    assert fingerprint(shop, quick(boosting=DEFAULTS, seed=4)) != name
    assert fingerprint(shop, quick(boosting=Boosting(rounds=31))) != name


def test_another_space_uses_another_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another search space uses another study."""
    name = fingerprint(history(BOUGHT), SETTINGS)
    monkeypatch.setattr("training.tuning.journal.SPACE", dict(list(SPACE.items())[1:]))

    assert fingerprint(history(BOUGHT), SETTINGS) != name


def test_other_base_models_use_another_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search with another base model does not continue the trials made without it."""
    name = fingerprint(history(BOUGHT), SETTINGS)
    added = {**BASE_MODELS, "added": BASE_MODELS["als"]}
    monkeypatch.setattr("training.tuning.journal.BASE_MODELS", added)

    assert fingerprint(history(BOUGHT), SETTINGS) != name


def test_a_journal_contains_no_customer_or_item(tmp_path: Path) -> None:
    """A journal contains no id of a customer or item."""
    marked = [
        (f"secret-person-{customer}", f"secret-item-{item}", day) for customer, item, day in BOUGHT
    ]
    search(tmp_path, Trials(1), marked)
    (file,) = tmp_path.glob("*.journal")

    assert b"secret" not in file.read_bytes()


def test_the_defaults_are_a_point_of_the_space() -> None:
    """The defaults lie within the search space, so they can be a trial."""
    point = point_of(Boosting())

    assert set(point) == set(SPACE)
    assert [name for name, ends in SPACE.items() if not ends.low <= point[name] <= ends.high] == []


def test_only_the_latest_journals_are_kept(tmp_path: Path) -> None:
    """The newest journals are kept, and the current one whatever its age."""
    files = [tmp_path / f"{place:02d}.journal" for place in range(KEPT + 3)]
    for file in files:
        file.touch()
    remove_old(tmp_path, files[0])

    assert len(list(tmp_path.iterdir())) == KEPT
    assert files[0].exists()


def test_a_spent_budget_keeps_the_defaults(tmp_path: Path) -> None:
    """A spent budget keeps the defaults, which are still tried for later runs."""
    spent = Minutes(1)
    spent.spend(61)
    found = search(tmp_path, spent)

    assert found.tuning is not None
    assert {searched.trials for searched in found.tuning.slates.values()} == {1}
    assert {found.settings.searched[slate].boosting for slate in SLATES} == {DEFAULTS}


def test_a_trial_that_would_exceed_the_budget_is_not_started() -> None:
    """A trial starts with 20 seconds left if trials take 20, and not with 10 left if they take
    25.
    """
    early, late = Minutes(1), Minutes(1)
    for budget, seconds in ((early, (20, 20)), (late, (25, 25))):
        for took in seconds:
            budget.spend(took)

    assert early.lasts(2)
    assert not late.lasts(3)
    assert Minutes(0.001).lasts(0)


def test_minutes_are_shared_by_the_trainings_of_a_run(tmp_path: Path) -> None:
    """The second training of a run tries the defaults and the first one's result, and uses no
    further time.
    """
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


def test_a_short_history_is_not_tuned(tmp_path: Path) -> None:
    """A history too short for past windows is not tuned."""
    found = search(tmp_path, Trials(3), [("c", "i", 0.0), ("d", "i", 3.0)])

    assert found.settings == SETTINGS
    assert found.tuning is not None
    assert found.tuning.slates == {}


def test_a_shop_without_repeats_is_tuned_for_discover(tmp_path: Path) -> None:
    """A shop without repeat purchases is tuned for `discover` only."""
    found = search(tmp_path, Trials(1), new_tastes(customers=80))

    assert list(found.settings.searched) == [CustomerSlate.DISCOVER]


def test_a_trial_scores_like_the_published_ranker() -> None:
    """Binned and plain rows get the same scores from the same ranker."""
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


def test_search_and_confirmation_use_different_customers() -> None:
    """Search and confirmation use disjoint customers."""
    cases = gather_cases(history(BOUGHT), SETTINGS, SILENT)

    for case in (case for some in cases.values() for case in some):
        assert set(case.searched.judged) & set(case.confirmed.judged) == set()
        assert set(case.searched.customers) & set(case.confirmed.customers) == set()


def test_every_dataset_of_a_case_sets_the_number_of_threads() -> None:
    """LightGBM crashes if concurrent constructions of datasets use different thread counts."""
    cases = gather_cases(history(BOUGHT), SETTINGS, SILENT)
    datasets = [
        data
        for case in (case for some in cases.values() for case in some)
        for data in (case.older, case.searched.data, case.confirmed.data)
    ]

    assert {data.params.get("num_threads") for data in datasets} == {THREADS}


def test_a_case_has_a_limited_number_of_customers() -> None:
    """A case has at most as many customers as the comparison of models uses."""
    few = quick(boosting=DEFAULTS, customers_compared=30)
    (case, *_) = gather_cases(history(BOUGHT), few, SILENT)[SLATES[0]]

    assert len(case.searched.judged) + len(case.confirmed.judged) <= 30


def test_only_the_searched_ranker_gets_the_searched_parameters() -> None:
    """Only the searched variant gets the searched parameters."""
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
    return evaluate_split(
        holdout.given(learning, held_out), ItemCatalogue(), SETTINGS, SILENT, tuner
    )


def test_a_search_never_uses_the_holdout(tmp_path: Path) -> None:
    """Other purchases of the same customers in the holdout change no trial, setting or ranking."""
    one, other = evaluated(tmp_path / "one", ONE), evaluated(tmp_path / "other", OTHER)

    assert tried(tmp_path / "one") == tried(tmp_path / "other")
    assert one.settings.as_parameters() == other.settings.as_parameters()
    assert one.settings.as_parameters()["searched"]["for_you"]["trials"] == 3
    assert one.results.as_json()["tuning"] == tuning_without_minutes(one, other)
    for slate in CustomerSlate:
        published = one.rankings.published[slate], other.rankings.published[slate]
        assert published[0].scores.tobytes() == published[1].scores.tobytes()
        assert published[0].items.tobytes() == published[1].items.tobytes()


def tuning_without_minutes(one: EvaluatedSplit, other: EvaluatedSplit) -> dict[str, Any]:
    """Return the other's tuning result with the first one's minutes."""
    found = other.results.as_json()["tuning"]
    return {**found, "minutes": one.results.as_json()["tuning"]["minutes"]}


@pytest.mark.parametrize("text", ["0", "-1", "soon", "", "nan", "inf", "1e9"])
def test_invalid_minutes_are_refused(text: str) -> None:
    """An invalid number of minutes is refused with the option, its value and a valid one."""
    with pytest.raises(InputUnreadable, match=r"--tune '.*': write minutes above 0 and at most"):
        minutes(text)


def test_minutes_may_be_less_than_one() -> None:
    """Half a minute is valid."""
    assert minutes("0.5") == 0.5
