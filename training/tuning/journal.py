"""Where trials are kept: a journal in a folder, one file for what was searched on what.

A journal holds settings and how good they were; no customer, no item. A run that was killed, or a
later one on equal rows, goes on where it stopped; other rows, another horizon or another space are
another journal.
"""

import json
from hashlib import sha256
from pathlib import Path

import lightgbm as lgb
import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.history import History
from training.dataset.slate_rules import RULES
from training.settings import TrainingSettings
from training.tuning.space import SPACE

_SUFFIX = ".journal"
KEPT = 10  # journals of a shop: its purchases change every day, and old ones are of no use
_MEANING = 1  # of a trial's value: to be raised when it is measured otherwise

optuna.logging.set_verbosity(optuna.logging.WARNING)  # each trial has a bar of its own


def fingerprint(history: History, settings: TrainingSettings) -> str:
    """Name what a trial's value depends on."""
    found = sha256(
        json.dumps(
            {
                "meaning": _MEANING,
                "lightgbm": lgb.__version__,
                "settings": settings.as_parameters(),
                "rows": [
                    {slate: rule.rows_per_customer for slate, rule in RULES.items()},
                    {slate: rule.learning_windows for slate, rule in RULES.items()},
                ],
                "space": {name: repr(distribution) for name, distribution in SPACE.items()},
                "shape": [*history.shape, history.now, history.timed],
            },
            sort_keys=True,
        ).encode()
    )
    for name in ("customers", "items", "orders", "days", "quantities", "prices", "categories"):
        column = getattr(history, name)
        found.update(f"{name} {column is None}".encode())
        if column is not None:
            found.update(np.ascontiguousarray(column).data)
    return found.hexdigest()[:24]


def open_studies(
    folder: Path, name: str, slates: list[CustomerSlate]
) -> dict[CustomerSlate, Study]:
    """Open the studies of a journal, with the trials that are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}{_SUFFIX}"
    lock = JournalFileOpenLock(str(file))
    lock.acquire()  # so that nobody is in the middle of a line
    try:
        mend(file)
    finally:
        lock.release()
    forget_old(folder, file)
    storage = JournalStorage(JournalFileBackend(str(file), lock_obj=lock))
    return {
        slate: optuna.create_study(
            storage=storage, study_name=str(slate), direction="maximize", load_if_exists=True
        )
        for slate in slates
    }


def mend(file: Path) -> None:
    """Cut off what a crash left of a last line: Optuna would write on behind it, and then refuse
    to read the file.
    """
    if not file.exists():
        return
    content = file.read_bytes()
    whole = 0
    for line in content.splitlines(keepends=True):
        if not (line.endswith(b"\n") and is_json(line)):
            break
        whole += len(line)
    if whole < len(content):
        with file.open("r+b") as stream:
            stream.truncate(whole)


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def forget_old(folder: Path, current: Path) -> None:
    """Remove all but the latest journals."""
    others = [file for file in folder.glob(f"*{_SUFFIX}") if file != current]
    others.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    for file in others[KEPT - 1 :]:
        file.unlink(missing_ok=True)
