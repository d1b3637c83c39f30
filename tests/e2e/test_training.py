"""`recsvc-train run` through real processes: what it publishes, and how it says no."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import recsvc, recsvc_train
from tests.unit.training.builders import two_tastes, write


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    return write(tmp_path / "purchases.csv", two_tastes())


def train(data_dir: Path, purchases: Path, *words: str, **how: Any) -> dict[str, Any]:
    consents = () if "--consents" in words else ("--consents", "assume-granted")
    run = recsvc_train(
        *("run", "--purchases", str(purchases), *consents, "--json", *words),
        data_dir=data_dir,
        **how,
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


def current(data_dir: Path) -> str:
    return (data_dir / "models" / "default" / "CURRENT").read_text().strip()


def test_two_runs_on_the_same_rows_give_the_same_bytes(tmp_path: Path, purchases: Path) -> None:
    """In two processes, with one thread and with two; the manifests differ where they may."""
    first = train(tmp_path, purchases, OMP_NUM_THREADS="1")["version"]
    second = train(tmp_path, purchases, OMP_NUM_THREADS="2")["version"]
    one, other = manifest(tmp_path, first), manifest(tmp_path, second)

    assert first != second
    assert hashes(tmp_path, first) == hashes(tmp_path, second)
    assert {name for name in one if one[name] != other[name]} <= {"version", "created_at", "data"}


def test_who_has_not_consented_leaves_no_trace(tmp_path: Path, purchases: Path) -> None:
    """A consent file that leaves half of them out, against a file without their rows."""
    consents = tmp_path / "consents.csv"
    consents.write_text("customer_id,training\n" + "".join(f"c{n},true\n" for n in range(0, 20, 2)))
    kept = {f"c{n}" for n in range(0, 20, 2)}
    fewer = write(tmp_path / "fewer.csv", [line for line in two_tastes() if line[0] in kept])
    with_rows = train(tmp_path, purchases, "--consents", str(consents))["version"]
    without = train(tmp_path, fewer)["version"]

    assert hashes(tmp_path, with_rows) == hashes(tmp_path, without)
    assert manifest(tmp_path, with_rows)["data"]["purchases"]["customers_without_consent"] == 10


def test_consents_of_the_running_shop_decide(tmp_path: Path, purchases: Path) -> None:
    """Granted, withdrawn, and never asked: only the first is learned from."""
    recsvc("consents", "grant", "c3", "training", data_dir=tmp_path)
    recsvc("consents", "grant", "c4", "training", data_dir=tmp_path)
    recsvc("consents", "withdraw", "c4", "training", data_dir=tmp_path)
    report = train(tmp_path, purchases, "--consents", "service", "--items", "service")
    consents = manifest(tmp_path, report["version"])["data"]["consents"]

    assert report["customers"] == 1
    assert report["purchases"]["customers_without_consent"] == 19
    assert consents["origin"] == "service"
    assert consents["watermark_us"] > 0


def test_no_customer_id_enters_a_model(tmp_path: Path) -> None:
    """Neither arrays nor manifest nor report name a customer."""
    marked = [(f"secret-person-{who}", item, day) for who, item, day in two_tastes()]
    report = train(tmp_path, write(tmp_path / "p.csv", marked))
    folder = tmp_path / "models" / "default" / report["version"]

    assert b"secret-person" not in b"".join(file.read_bytes() for file in folder.iterdir())
    assert "secret-person" not in json.dumps(report)


def test_another_shops_column_names_are_mapped(tmp_path: Path, purchases: Path) -> None:
    """Unknown columns are ignored and listed."""
    renamed = tmp_path / "other.csv"
    header, rows = purchases.read_text().split("\n", 1)
    assert header == "customer_id,item_id,timestamp"
    renamed.write_text("household,sku,colour\n" + rows)
    report = train(tmp_path, renamed, "--map", "customer_id=household", "--map", "item_id=sku")

    assert report["purchases"]["ignored_columns"] == ["colour"]
    assert "timestamp" in report["purchases"]["switched_off"]


def test_too_many_bad_rows_exit_2_and_keep_the_old_model(tmp_path: Path, purchases: Path) -> None:
    """Nothing is fitted; the reason stands on stderr and nothing on stdout."""
    train(tmp_path, purchases)
    before = current(tmp_path)
    with purchases.open("a") as file:
        file.write("c1,tea-1,soon\n" * 30)
    refused = train(tmp_path, purchases, expect=2)

    assert "not a date or time" in refused["stderr"]
    assert "version" not in refused
    assert current(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--purchases", "nowhere.csv", "--consents", "assume-granted"), "no file there"),
        (("--purchases", "p.csv"), "consents"),
        (("--purchases", "p.csv", "--consents", "assume_granted"), "no such file"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--max-bad", "all"), "1%"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--horizon", "soon"), "28d"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--map", "a=b"), "OURS"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--shop", "A/B"), "shop name"),
        (("--purchases", "p.csv", "--consents", "assume-granted", "--items", "no.csv"), "--items"),
    ],
)
def test_what_cannot_be_read_exits_2(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """One clear line, no traceback."""
    run = recsvc_train("run", *words, data_dir=tmp_path, expect=2)

    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_nothing_to_learn_from_exits_3(tmp_path: Path, purchases: Path) -> None:
    """Readable, but nobody has consented: the model in use stays."""
    train(tmp_path, purchases)
    before = current(tmp_path)
    train(tmp_path, purchases, "--consents", "service", expect=3)

    assert current(tmp_path) == before


def test_a_short_history_starts_a_shop_but_replaces_no_judged_model(
    tmp_path: Path, purchases: Path
) -> None:
    """One purchase is enough for a first model; against a judged one it is exit 3."""
    short = write(tmp_path / "short.csv", [("c", "i", 0.0)])
    first = train(tmp_path, short)
    train(tmp_path, purchases)
    before = current(tmp_path)
    refused = train(tmp_path, short, expect=3)

    assert not first["metrics"]["judged"]
    assert "too little history" in refused["stderr"]
    assert current(tmp_path) == before
