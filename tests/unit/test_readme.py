"""The README's tables are what the code says: no setting, metric or verb is missing."""

import re
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.metrics import MetricWrapperBase
from typer.main import get_group

from recsvc.config import SETTINGS, Setting
from recsvc.web.http import metrics
from training.cli import app

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
TRAINER = get_group(app)
METRICS = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_every_setting_is_in_the_readme(setting: Setting) -> None:
    """With its default and its meaning, as `recsvc check` prints them."""
    default = "" if setting.default is None else f"`{setting.default}`"

    assert f"| `{setting.variable}` | {default} | {setting.meaning} |" in README


def test_the_readme_names_no_setting_that_is_not_there() -> None:
    """A variable in the README's table is one that the service reads."""
    named = set(re.findall(r"^\| `(RECSVC_\w+)`", README, re.MULTILINE))

    assert named == {setting.variable for setting in SETTINGS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.describe()[0].name)
def test_every_metric_is_in_the_readme(metric: MetricWrapperBase) -> None:
    """With its name as Prometheus sees it, its labels and its meaning."""
    (described,) = metric.describe()
    name = described.name + ("_total" if isinstance(metric, prometheus_client.Counter) else "")
    labels = ", ".join(metric._labelnames)  # noqa: SLF001 - the library has no other way

    assert f"| `{name}` | {labels} | {described.documentation} |" in README


@pytest.mark.parametrize("command", TRAINER.commands)
def test_every_option_of_the_trainer_is_in_the_readme(command: str) -> None:
    """Nobody has to guess what a training can be told."""
    options = {word for option in TRAINER.commands[command].params for word in option.opts}

    assert {"--purchases", "--consents"} < options
    assert sorted(word for word in options if not re.search(rf"{word}\b", README)) == []


def test_every_verb_of_make_has_a_line_of_help() -> None:
    """`make` alone tells a newcomer what there is."""
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    described = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)

    assert sorted(described) == sorted(phony.split())
