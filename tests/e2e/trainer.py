"""Run the trainer's commands inside the test process."""

from pathlib import Path

from typer.testing import Result

from tests.e2e.in_process import run_here
from training.cli import app


def train_here(*words: str, data_dir: Path, expect: int = 0) -> Result:
    return run_here(app, *words, data_dir=data_dir, expect=expect)
