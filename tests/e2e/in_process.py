"""Run the project's commands inside the test process.

A process takes one second to start, the trainer three. These helpers check a command's output and
exit code without that start; at least one test per command runs it as a process.
"""

import os
from pathlib import Path

from typer import Typer
from typer.testing import CliRunner, Result

from recsvc.cli import main


def run_here(app: Typer, *words: str, data_dir: Path, expect: int = 0) -> Result:
    """Run one command to its end and check its exit code."""
    unset = {name: None for name in os.environ if "RECSVC" in name}
    environment = {**unset, "RECSVC_DATA_DIR": str(data_dir)}
    run = CliRunner().invoke(app, words, env=environment, catch_exceptions=False)
    assert run.exit_code == expect, f"{words}: exit {run.exit_code}\n{run.stdout}\n{run.stderr}"
    return run


def recsvc_here(*words: str, data_dir: Path, expect: int = 0) -> Result:
    return run_here(main.app, *words, data_dir=data_dir, expect=expect)
