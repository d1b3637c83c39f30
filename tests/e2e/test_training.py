"""`recsvc-train run` and `evaluate`: published models, written files, refusals and exit codes."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.events import read_event
from recsvc.domain.values.ids import ShopName
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.wiring.stores import open_stores
from tests.e2e.in_process import recsvc_here
from tests.e2e.processes import recsvc_train
from tests.e2e.trainer import train_here
from tests.unit.training.builders import Line, two_tastes, write

SHOP = ShopName("default")


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    return write(tmp_path / "purchases.csv", two_tastes())


def train(
    data_dir: Path,
    purchases: Path,
    *words: str,
    how: Callable[..., Any] = train_here,
    **more: Any,
) -> dict[str, Any]:
    consents = () if "--consents" in words else ("--consents", "assume-granted")
    run = how(
        *("run", "--purchases", str(purchases), *consents, "--json", *words),
        data_dir=data_dir,
        **more,
    )
    return {"stderr": run.stderr, **(json.loads(run.stdout) if run.stdout else {})}


def manifest(data_dir: Path, version: str) -> dict[str, Any]:
    path = data_dir / "models" / "default" / version / "manifest.json"
    loaded: dict[str, Any] = json.loads(path.read_bytes())
    return loaded


def hashes(data_dir: Path, version: str) -> dict[str, str]:
    folder = data_dir / "models" / "default" / version
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.npy")
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one model of the rows of `purchases`, from which tests copy."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, write(folder / "purchases.csv", two_tastes()))
    return folder


@pytest.fixture
def first(trained: Path, tmp_path: Path) -> str:
    """The version of a model of `purchases` in the test's own data folder."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return current(tmp_path)


def current(data_dir: Path) -> str:
    return (data_dir / "models" / "default" / "CURRENT").read_text().strip()


def test_two_runs_on_the_same_rows_give_the_same_bytes(tmp_path: Path, purchases: Path) -> None:
    """Two processes with one and two threads write the same arrays; the manifests differ only in
    version, time and origin.
    """
    first = train(tmp_path, purchases, how=recsvc_train, OMP_NUM_THREADS="1")["version"]
    second = train(tmp_path, purchases, how=recsvc_train, OMP_NUM_THREADS="2")["version"]
    one, other = manifest(tmp_path, first), manifest(tmp_path, second)

    assert first != second
    assert hashes(tmp_path, first) == hashes(tmp_path, second)
    assert {name for name in one if one[name] != other[name]} <= {"version", "created_at", "data"}


def test_customers_without_consent_leave_no_trace(tmp_path: Path, purchases: Path) -> None:
    """A model trained without the consent of half the customers equals a model trained without
    their rows.
    """
    consents = tmp_path / "consents.csv"
    consents.write_text("customer_id,training\n" + "".join(f"c{n},true\n" for n in range(0, 20, 2)))
    kept = {f"c{n}" for n in range(0, 20, 2)}
    fewer = write(tmp_path / "fewer.csv", [line for line in two_tastes() if line[0] in kept])
    with_rows = train(tmp_path, purchases, "--consents", str(consents))["version"]
    without = train(tmp_path, fewer)["version"]

    assert hashes(tmp_path, with_rows) == hashes(tmp_path, without)
    assert manifest(tmp_path, with_rows)["data"]["purchases"]["customers_without_consent"] == 10


def test_consents_of_the_service_select_the_customers(tmp_path: Path, purchases: Path) -> None:
    """Of three customers, only the one with a current training grant is learned from."""
    recsvc_here("consents", "grant", "c3", "training", data_dir=tmp_path)
    recsvc_here("consents", "grant", "c4", "training", data_dir=tmp_path)
    recsvc_here("consents", "withdraw", "c4", "training", data_dir=tmp_path)
    report = train(tmp_path, purchases, "--consents", "service", "--items", "service")
    consents = manifest(tmp_path, report["version"])["data"]["consents"]

    assert report["customers"] == 1
    assert report["purchases"]["customers_without_consent"] == 19
    assert consents["origin"] == "service"
    assert consents["watermark_us"] > 0


def test_no_customer_id_enters_a_model(tmp_path: Path) -> None:
    """Arrays, manifest, report and output contain no customer id, not even that of a bad row."""
    marked = [(f"secret-person-{customer}", item, day) for customer, item, day in two_tastes()]
    purchases = write(tmp_path / "p.csv", marked)
    with purchases.open("a") as file:
        file.write("secret-person-1,tea-1,soon\n")
    report = train(tmp_path, purchases)
    folder = tmp_path / "models" / "default" / report["version"]

    assert b"secret-person" not in b"".join(file.read_bytes() for file in folder.iterdir())
    assert "secret-person" not in json.dumps({**report, "stderr": ""})
    assert "secret-person" not in Path(report["report"]).read_text()


def test_drained_events_train_the_same_model_as_a_file(
    tmp_path: Path, purchases: Path, first: str
) -> None:
    """Drained events give the same arrays as a purchases file; views and anonymous purchases are
    left out.
    """
    bought = pl.read_csv(purchases).rows(named=True)
    events = [{"message_id": f"m{n}", "type": "purchase", **row} for n, row in enumerate(bought)]
    more = [
        {"message_id": "view", "type": "view", "item_id": "tea-1", "customer_id": "c1"},
        {"message_id": "nobody", "type": "purchase", "item_id": "tea-1"},
    ]
    drained = store_and_drain(tmp_path, [*events, *more])
    from_events = train(tmp_path, drained / "*.parquet")

    assert hashes(tmp_path, first) == hashes(tmp_path, from_events["version"])
    assert from_events["purchases"]["left_out"] == {
        "event that is no purchase": 1,
        "purchase that names no customer": 1,
    }


def store_and_drain(data_dir: Path, events: list[dict[str, Any]]) -> Path:
    """Store events as the service does, and return the folder that they were drained into."""
    with open_stores(Settings(data_dir=data_dir)) as stores:
        hasher = stores.hasher(SHOP)
        read = [read_event(event, now_us=2**53) for event in events]
        customers = {e.customer_id: hasher.key_of(e.customer_id) for e in read if e.customer_id}
        for key in customers.values():
            stores.consents.write(SHOP, key, {Purpose.ANALYTICS: True})
        stores.events.add(SHOP, [IncomingEvent(e, customers.get(e.customer_id)) for e in read])
    recsvc_here("events", "drain", "--to", str(data_dir / "drained"), data_dir=data_dir)
    return data_dir / "drained"


def test_column_names_are_mapped(tmp_path: Path, purchases: Path) -> None:
    """Columns are renamed with `--map`, and unknown columns are ignored and listed."""
    renamed = tmp_path / "other.csv"
    header, rows = purchases.read_text().split("\n", 1)
    assert header == "customer_id,item_id,timestamp"
    renamed.write_text("household,sku,colour\n" + rows)
    report = train(tmp_path, renamed, "--map", "customer_id=household", "--map", "item_id=sku")

    assert report["purchases"]["ignored_columns"] == ["colour"]
    assert "timestamp" in report["purchases"]["switched_off"]
    assert "<dt>no order_id</dt>" in Path(report["report"]).read_text()


def test_too_many_bad_rows_exit_2_and_keep_the_old_model(
    tmp_path: Path, purchases: Path, first: str
) -> None:
    """Too many bad rows exit with code 2 before fitting; stderr gives the reason, and stdout stays
    empty.
    """
    with purchases.open("a") as file:
        file.write("c1,tea-1,soon\n" * 30)
    refused = train(tmp_path, purchases, expect=2)

    assert "not a date or time" in refused["stderr"]
    assert "version" not in refused
    assert current(tmp_path) == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--purchases", "nowhere.csv", "--consents", "assume-granted"), "no file there"),
        (("--purchases", "p.csv"), "consents"),
        (("--purchases", "p.csv", "--consents", "assume_granted"), "no such file"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--max-bad", "all"), "1%"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--horizon", "soon"), "28d"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--tune", "0"), "minutes"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--map", "a=b"), "OURS"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--shop", "A/B"), "shop name"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--items", "no.csv"), "--items"),
    ],
)
def test_unreadable_options_and_files_exit_2(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    """An unreadable option or file exits with code 2 and one line without a traceback."""
    run = train_here("run", *words, data_dir=tmp_path, expect=2)

    assert message in run.stderr
    assert "Traceback" not in run.stderr


def searched(data_dir: Path, version: str) -> tuple[int, list[Path]]:
    """Return the number of trials in the manifest, and the journals in the data folder."""
    loaded = manifest(data_dir, version)
    slates = loaded["metrics"]["tuning"]["slates"]
    trials = {slate: found["trials"] for slate, found in loaded["parameters"]["searched"].items()}

    assert trials == {slate: found["trials"] for slate, found in slates.items()}
    return max(trials.values()), sorted((data_dir / "tuning" / "default").glob("*.journal"))


def test_a_search_for_settings_is_continued_by_the_next_run(
    tmp_path: Path, purchases: Path
) -> None:
    """A second run continues the trials of the first, and manifest, report and terminal show their
    number.
    """
    words = ("--tune", "0.01", "--horizon", "10d")
    first, second = (train(tmp_path, purchases, *words) for _ in range(2))
    before, journals = searched(tmp_path, first["version"])
    after, same = searched(tmp_path, second["version"])

    assert before >= 1
    assert after > before
    assert len(journals) == 1
    assert journals == same
    assert f"Tuned: {after} trials in" in second["stderr"]
    assert f"Tuned: {after} trials in" in Path(second["report"]).read_text()
    assert "A new study" not in second["stderr"]


def test_nothing_to_learn_from_exits_3(tmp_path: Path, purchases: Path, first: str) -> None:
    """A run without any consented purchase exits with code 3, and the current model stays."""
    train(tmp_path, purchases, "--consents", "service", expect=3)

    assert current(tmp_path) == first


def test_a_short_history_trains_a_first_model_but_replaces_no_compared_one(
    tmp_path: Path, first: str
) -> None:
    """One purchase is enough for a first model, but not to replace a model that was compared on
    past windows.
    """
    short = write(tmp_path / "short.csv", [("c", "i", 0.0)])
    unjudged = train(tmp_path / "short", short)
    refused = train(tmp_path, short, expect=3)

    assert not unjudged["metrics"]["judged"]
    assert "too little history" in refused["stderr"]
    assert current(tmp_path) == first


def test_a_collapse_exits_3_until_it_is_accepted(
    tmp_path: Path, purchases: Path, first: str
) -> None:
    """When most customers withdrew, the run is refused with the counts and the option that accepts
    them; with the option it publishes.
    """
    consents = tmp_path / "consents.csv"
    consents.write_text("customer_id,training\n" + "".join(f"c{n},true\n" for n in (0, 1, 12)))
    words = ("--consents", str(consents), "--accept", "too_little_history")
    refused = train(tmp_path, purchases, *words, expect=3)
    held = current(tmp_path)
    accepted = train(tmp_path, purchases, *words, "--accept", "collapse")
    gate = manifest(tmp_path, accepted["version"])["data"]["gate"]

    assert "customers fell from 20 to 3" in refused["stderr"]
    assert "17 customers do not consent to training (0 before)" in refused["stderr"]
    assert "--accept collapse" in refused["stderr"]
    assert held == first
    assert (current(tmp_path), accepted["customers"]) == (accepted["version"], 3)
    assert accepted["gate"] == gate
    assert "customers fell from 20 to 3" in gate["accepted"]["collapse"]
    assert "Published despite collapse" in accepted["stderr"]


def test_permuted_customers_are_refused_as_a_worse_ranking(tmp_path: Path) -> None:
    """Purchases under permuted customer ids keep all counts but lose the lead over popularity, so
    the run is refused, also with another --horizon.
    """
    sound = two_tastes(customers=60)
    permuted = np.random.default_rng(1).permutation([customer for customer, _, _ in sound])
    scrambled = [(str(c), item, day) for c, (_, item, day) in zip(permuted, sound, strict=True)]
    horizon = ("--horizon", "10d")
    first = train(tmp_path, write(tmp_path / "sound.csv", sound), *horizon)["version"]
    file = write(tmp_path / "scrambled.csv", scrambled)
    refused = train(tmp_path, file, "--horizon", "7d", expect=3)
    held = current(tmp_path)
    accept = ("--accept", "worse_ranking", "--accept", "not_comparable")  # no orders of three
    accepted = train(tmp_path, file, *horizon, *accept)

    assert "ahead of popularity on past windows of 7 days" in refused["stderr"]
    assert held == first
    assert current(tmp_path) != first
    assert "Published despite worse_ranking" in Path(accepted["report"]).read_text()


@pytest.mark.parametrize("spoilt", ["manifest.json", "CURRENT"])
def test_an_unreadable_current_version_is_not_compared(
    tmp_path: Path, purchases: Path, first: str, spoilt: str
) -> None:
    """An unreadable current version does not block a new one, and the output says that nothing was
    compared.
    """
    home = tmp_path / "models" / "default"
    (home / (spoilt if spoilt == "CURRENT" else f"{first}/{spoilt}")).write_text("{}")
    second = train(tmp_path, purchases)

    assert "Not compared" in second["stderr"]
    assert "Not compared" in Path(second["report"]).read_text()
    assert manifest(tmp_path, second["version"])["data"]["gate"]["not_compared"]


def shopping(days: int, start: int = 0) -> list[Line]:
    """Return purchases of 30 customers: three items of their taste every fifth day."""
    return [
        (
            f"c{customer}",
            f"{taste}-{(customer * 5 + day // 5 * pick) % 12:02d}",
            float(start + day) + customer / 50,
        )
        for customer in range(30)
        for taste in ["tea" if customer % 2 else "nut"]
        for day in range(0, days, 5)
        for pick in range(3)
    ]


LEARNED = [*shopping(100), ("only-in-past", "tea-01", 50.0)]
HELD_OUT = [*shopping(10, start=100), ("only-later", "nut-01", 101.0), ("c1", "novelty", 102.0)]


def evaluate(
    folder: Path,
    past: list[Line],
    later: list[Line] | None,
    how: Callable[..., Any] = train_here,
) -> Path:
    """Run an evaluation and return the folder of results."""
    folder.mkdir()
    held_out = [] if later is None else ["--holdout", str(write(folder / "later.csv", later))]
    words = ("--purchases", str(write(folder / "past.csv", past)), *held_out)
    how(
        *("evaluate", *words, "--consents", "assume-granted", "--horizon", "10d", "--windows", "2"),
        *("--out", str(folder / "out")),
        data_dir=folder,
    )
    return folder / "out"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run one evaluation; several tests read its results."""
    return evaluate(tmp_path_factory.mktemp("evaluate") / "given", LEARNED, HELD_OUT)


def predicted(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "predictions.parquet")


def metrics_of(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "metrics.json").read_bytes())
    return loaded


def test_an_evaluation_leaves_its_results_and_nothing_else(evaluated: Path) -> None:
    """An evaluation writes three files and creates no secret and no temporary file."""
    assert {file.name for file in evaluated.iterdir()} == {
        "metrics.json",
        "predictions.parquet",
        "report.html",
    }
    assert {file.name for file in evaluated.parent.iterdir()} == {"past.csv", "later.csv", "out"}


def test_an_unwritable_output_folder_is_refused_first(tmp_path: Path) -> None:
    """An output folder that cannot be written stops the evaluation before it reads purchases."""
    (tmp_path / "out").write_text("a file")
    words = ("--purchases", "nowhere.csv", "--consents", "assume-granted")
    run = train_here(
        "evaluate", *words, "--out", str(tmp_path / "out"), data_dir=tmp_path, expect=2
    )

    assert f"{tmp_path / 'out'}: no folder that can be written to" in run.stderr


def test_nothing_is_published_without_its_report(tmp_path: Path, purchases: Path) -> None:
    """A run that cannot write its report exits with code 2 and publishes nothing."""
    home = tmp_path / "models" / "default"
    home.mkdir(parents=True)
    (home / "reports").write_text("a file")
    run = train(tmp_path, purchases, expect=2)

    assert "reports: no folder that can be written to" in run["stderr"]
    assert not (home / "CURRENT").exists()


def test_predictions_are_ranked_from_one_without_gaps(evaluated: Path) -> None:
    """Each list has at most 20 different items, best first, with ranks from one without gaps."""
    found = predicted(evaluated)
    lists = found.group_by("customer_id", "slate").agg(
        pl.col("rank"),
        pl.col("item_id").n_unique().alias("items"),
        (pl.col("score").diff().drop_nulls() <= 0).all().alias("descending"),
    )

    assert found.columns == ["customer_id", "slate", "rank", "item_id", "score"]
    assert set(found["slate"]) == {"for_you", "discover", "buy_again"}
    assert all(ranks == list(range(1, len(ranks) + 1)) for ranks in lists["rank"].to_list())
    assert found["rank"].max() == 20
    assert (lists["items"] == lists["rank"].list.len()).all()
    assert lists["descending"].all()


def test_predictions_cover_the_customers_of_the_holdout(evaluated: Path) -> None:
    """Predictions cover exactly the holdout's customers; `discover` has no item that they bought,
    `buy_again` only such items.
    """
    found = predicted(evaluated)
    bought = pl.DataFrame(LEARNED, schema=["customer_id", "item_id", "day"], orient="row").lazy()
    known = found.filter(pl.col("customer_id") != "only-later").lazy()
    own = known.join(bought, on=["customer_id", "item_id"], how="semi").collect()
    new = known.join(bought, on=["customer_id", "item_id"], how="anti").collect()

    assert set(found["customer_id"]) == {customer for customer, _, _ in HELD_OUT}
    assert "discover" not in set(own["slate"])
    assert "buy_again" not in set(new["slate"])
    assert set(own["slate"]) | set(new["slate"]) == {"for_you", "discover", "buy_again"}


def test_customers_only_in_the_holdout_are_counted_but_not_measured(evaluated: Path) -> None:
    """A customer without earlier purchases is counted, gets popular items and is left out of the
    metrics, as are unknown items.
    """
    holdout = metrics_of(evaluated)["holdout"]
    shown = predicted(evaluated).filter(pl.col("customer_id") == "only-later")

    assert (holdout["given"], holdout["customers"], holdout["customers_unknown"]) == (True, 30, 1)
    assert holdout["lines_unknown"] == 2
    assert holdout["slates"]["for_you"]["customers"] == 30
    assert set(shown["slate"]) == {"for_you", "discover"}


def test_every_model_is_measured_on_the_holdout(evaluated: Path) -> None:
    """The published model and every base model have an NDCG@10 with an interval, and the report is
    written.
    """
    findings = metrics_of(evaluated)
    for_you = findings["holdout"]["slates"]["for_you"]
    measured = {found["model"]["name"]: found["metrics"]["ndcg@10"] for found in for_you["models"]}

    assert findings["slates"]["for_you"]["choice"]["winner"] in measured
    assert {"popularity", "als", "ease", "personal_frequency"} <= set(measured)
    assert all(0 <= each["low"] <= each["mean"] <= each["high"] <= 1 for each in measured.values())
    assert (evaluated / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")


def test_the_report_of_an_evaluation_covers_both_files(evaluated: Path) -> None:
    """The report lists the rows of the purchases and of the holdout, and the columns that they
    lack.
    """
    page = (evaluated / "report.html").read_text()

    assert "<caption>Rows of the purchases</caption>" in page
    assert "<caption>Rows of the purchases held out</caption>" in page
    assert {"no order_id", "no quantity"} <= set(re.findall("<dt>(.*?)</dt>", page))


def test_the_contents_of_the_holdout_change_no_prediction(tmp_path: Path, evaluated: Path) -> None:
    """Other items, times and amounts in the holdout give the same rankings and the same choices,
    but other metrics. This evaluation is a process of its own.
    """
    others = [(customer, "nut-03", day + 7) for customer, _, day in HELD_OUT]
    out = evaluate(tmp_path / "other", LEARNED, others, recsvc_train)

    assert predicted(out).equals(predicted(evaluated))
    assert metrics_of(out)["slates"] == metrics_of(evaluated)["slates"]
    assert metrics_of(out)["holdout"] != metrics_of(evaluated)["holdout"]


def test_without_a_holdout_the_last_horizon_is_held_out(tmp_path: Path, evaluated: Path) -> None:
    """Without `--holdout`, the last horizon of the purchases is held out."""
    everything = [*LEARNED, *shopping(10, start=100)]
    holdout = metrics_of(evaluate(tmp_path / "split", everything, None))["holdout"]

    assert (holdout["given"], holdout["customers"], holdout["customers_unknown"]) == (False, 30, 0)


def test_an_evaluation_publishes_nothing(evaluated: Path) -> None:
    """An evaluation sets no current version."""
    written = {file.name for file in evaluated.iterdir()}

    assert written == {"metrics.json", "predictions.parquet", "report.html"}
    assert not (evaluated.parent / "models" / "default" / "CURRENT").exists()


COMMANDS = {
    "run": (),
    "evaluate": ("--out", "out"),
    "evaluate-offers": (
        *("--offers", "offers.csv", "--customers", "customers.csv"),
        *("--as-of", "2026-02-15", "--out", "ranked.parquet"),
    ),
}


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, purchases: Path) -> Path:
    """Write the files that the commands read besides the purchases."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "offers.csv").write_text("offer_id,item_id\nteas,tea-0\n")
    (tmp_path / "customers.csv").write_text("customer_id\nc1\n")
    return purchases


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("row", ["c1x,maybe", ",true", "a/..,true"])
def test_an_unreadable_consent_row_stops_every_command(
    tmp_path: Path, inputs: Path, command: str, row: str
) -> None:
    """An unreadable row of the consent file exits with code 2, and no command writes a result."""
    (tmp_path / "consents.csv").write_text(f"customer_id,training\nc1,true\n{row}\n")
    words = ("--purchases", str(inputs), "--consents", "consents.csv", *COMMANDS[command])
    result = train_here(command, *words, data_dir=tmp_path, expect=2)

    assert "consents.csv row 2: " in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.glob("**/*.parquet"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "options",
    [("--consents", "service"), ("--consents", "assume-granted", "--items", "service")],
    ids=["consents", "items"],
)
def test_a_missing_data_folder_is_not_created(
    tmp_path: Path, inputs: Path, command: str, options: tuple[str, ...]
) -> None:
    """A data folder that does not exist exits with code 2 and is not created."""
    misspelt = tmp_path / "recvsc"
    words = ("--purchases", str(inputs), *options, *COMMANDS[command])
    result = train_here(command, *words, data_dir=misspelt, expect=2)

    assert "there is no data folder" in result.stderr
    assert not misspelt.exists()
