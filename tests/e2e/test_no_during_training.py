"""Whoever says no, or is erased, while a training runs is not in the model that it publishes."""

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
WITHDREW, ERASED = "c3", "c14"


@contextmanager
def held(file: Path) -> Iterator[Callable[[], bool]]:
    """Let nobody open a file meanwhile; give whether somebody waits for it.

    It is a lease, which the kernel keeps, and which it breaks with a signal that would end us.
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
    """Two tastes; those who will say no have bought something that nobody else has."""
    own = [(who, f"only-{who}", day) for who in (WITHDREW, ERASED) for day in (3.0, 31.0, 59.0)]
    return [*two_tastes(), *own]


def training(data_dir: Path, file: Path) -> "subprocess.Popen[str]":
    # Popular lists then show what a single customer bought.
    words = ["--consents", "service", "--k-anonymity", "1", "--windows", "1", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "training.cli", "run", "--purchases", str(file), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data_dir),
    )


def test_a_no_and_an_erasure_during_a_training_hold_in_its_model(tmp_path: Path) -> None:
    """Said after the trainer has read who permits it, and before it reads a line: it asks again
    before it publishes, and trains once more without them.
    """
    file = write(tmp_path / "purchases.csv", bought())
    with EmbeddedValkey(tmp_path), open_stores(Settings(data_dir=tmp_path)) as stores:
        key_of = stores.hasher(SHOP).key_of
        for customer in {who for who, *_ in bought()}:
            stores.consents.write(SHOP, key_of(CustomerId(customer)), {Purpose.TRAINING: True})
        with held(file) as is_waited_for:
            run = training(tmp_path, file)
            eventually(is_waited_for, "the trainer opens the purchases")
            recsvc_here("consents", "withdraw", WITHDREW, "training", data_dir=tmp_path)
            recsvc_here("customers", "erase", ERASED, "--yes", data_dir=tmp_path)
        out, told = run.communicate(timeout=PATIENCE_SECONDS * 3)
    assert run.returncode == 0, told
    folder = tmp_path / "models" / SHOP / json.loads(out)["version"]
    data = json.loads((folder / "manifest.json").read_bytes())["data"]
    model = b"".join(array.read_bytes() for array in folder.glob("*.npy"))

    assert (data["consents"]["trainings"], data["consents"]["withdrawn_meanwhile"]) == (2, 0)
    assert data["purchases"]["customers_without_consent"] == 2
    stays = {who: key_of(CustomerId(who)) in model for who in ("c4", WITHDREW, ERASED)}
    assert stays == {"c4": True, WITHDREW: False, ERASED: False}
    kept = {item: item.encode() in model for item in ("tea-1", "only-c3", "only-c14")}
    assert kept == {"tea-1": True, "only-c3": False, "only-c14": False}
