"""A withdrawal or an erasure during a training removes the customer from the published model."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.wiring.stores import open_stores
from tests.e2e.processes import PATIENCE_SECONDS, environment, eventually, recsvc_here
from tests.unit.training.builders import Line, two_tastes, write

SHOP = ShopName("default")
WITHDRAWN, ERASED = "c3", "c14"


@contextmanager
def held(file: Path) -> Iterator[Callable[[], bool]]:
    """Block other processes from opening a file; yield a function that tells whether one is
    waiting.

    The kernel keeps a lease on the file. Breaking it sends SIGIO, which would end this process, so
    the signal is ignored.
    """
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    descriptor = os.open(file, os.O_RDONLY)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    try:
        yield lambda: fcntl.fcntl(descriptor, fcntl.F_GETLEASE) != fcntl.F_WRLCK
    finally:
        os.close(descriptor)
        signal.signal(signal.SIGIO, before)


def bought() -> list[Line]:
    """Return purchases of two taste groups, plus items that only the two customers bought."""
    own = [
        (customer, f"only-{customer}", day)
        for customer in (WITHDRAWN, ERASED)
        for day in (3.0, 31.0, 59.0)
    ]
    return [*two_tastes(), *own]


def training(data_dir: Path, file: Path) -> "subprocess.Popen[str]":
    # With k = 1, popular lists may show an item that a single customer bought.
    words = ["--consents", "service", "--k-anonymity", "1", "--windows", "1", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "training.cli", "run", "--purchases", str(file), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data_dir),
    )


def test_a_withdrawal_and_an_erasure_during_training_apply_to_its_model(tmp_path: Path) -> None:
    """The trainer reads consents again before it publishes, and trains once more without customers
    who withdrew or were erased during the first training.
    """
    file = write(tmp_path / "purchases.csv", bought())
    with EmbeddedValkey(tmp_path), open_stores(Settings(data_dir=tmp_path)) as stores:
        key_of = stores.hasher(SHOP).key_of
        for customer in {customer for customer, *_ in bought()}:
            stores.consents.write(SHOP, key_of(CustomerId(customer)), {Purpose.TRAINING: True})
        with held(file) as is_waiting:
            run = training(tmp_path, file)
            eventually(is_waiting, "the trainer opens the purchases")
            recsvc_here("consents", "withdraw", WITHDRAWN, "training", data_dir=tmp_path)
            recsvc_here("customers", "erase", ERASED, "--yes", data_dir=tmp_path)
        out, errors = run.communicate(timeout=PATIENCE_SECONDS * 3)
    assert run.returncode == 0, errors
    folder = tmp_path / "models" / SHOP / json.loads(out)["version"]
    data = json.loads((folder / "manifest.json").read_bytes())["data"]
    model = b"".join(array.read_bytes() for array in folder.glob("*.npy"))

    assert (data["consents"]["trainings"], data["consents"]["withdrawn_meanwhile"]) == (2, 0)
    assert data["purchases"]["customers_without_consent"] == 2
    in_model = {
        customer: key_of(CustomerId(customer)) in model for customer in ("c4", WITHDRAWN, ERASED)
    }
    assert in_model == {"c4": True, WITHDRAWN: False, ERASED: False}
    kept = {item: item.encode() in model for item in ("tea-1", "only-c3", "only-c14")}
    assert kept == {"tea-1": True, "only-c3": False, "only-c14": False}
