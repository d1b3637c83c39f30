"""Stored trials: one journal file per searched data set and settings.

A journal holds settings and their values, and no customer or item. A run that was killed, or a
later run on equal rows, continues the search. Other rows, another horizon or another search space
use another journal.
"""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study

from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset.history import History
from training.dataset.slate_rules import RULES
from training.ranking.lightgbm_alone import lgb
from training.recommenders.registry import BASE_MODELS
from training.settings import TrainingSettings
from training.tuning.space import SPACE

_SUFFIX = ".journal"
KEPT = 10  # journals per shop; purchases change every day, so older journals are never used again
_MEANING = 1  # version of a trial's value; increase it when the measure changes

optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is shown by a bar


def fingerprint(history: History, settings: TrainingSettings) -> str:
    """Hash everything on which a trial's value depends."""
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
                "base_models": list(BASE_MODELS),
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
    """Open the studies of a journal with their stored trials."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}{_SUFFIX}"
    lock = JournalFileOpenLock(str(file))
    lock.acquire()  # no other process is writing a line
    try:
        repair(file)
    finally:
        lock.release()
    remove_old(folder, file)
    storage = JournalStorage(JournalFileBackend(str(file), lock_obj=lock))
    return {
        slate: optuna.create_study(
            storage=storage, study_name=str(slate), direction="maximize", load_if_exists=True
        )
        for slate in slates
    }


def repair(file: Path) -> None:
    """Truncate an incomplete last line after a crash.

    Optuna would append to it and then fail to read the file.
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


def remove_old(folder: Path, current: Path) -> None:
    """Remove all but the newest journals."""
    others = [file for file in folder.glob(f"*{_SUFFIX}") if file != current]
    others.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    for file in others[KEPT - 1 :]:
        file.unlink(missing_ok=True)
