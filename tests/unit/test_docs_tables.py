"""The tables of the documentation agree with the code: settings, metrics, options, verbs."""

import re
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.metrics import MetricWrapperBase
from typer.main import get_group

from recsvc.config_table import SETTINGS, Setting
from recsvc.domain.api_keys import Scope
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import BadRequest
from recsvc.domain.events import EventType
from recsvc.domain.offers.eligibility import CONDITIONS
from recsvc.domain.offers.offer import Kind
from recsvc.domain.offers.offer_validation import read_offer
from recsvc.domain.values.ids import OfferId
from recsvc.web.http import metrics
from training.cli import app

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
TRAINER_PAGES = "".join(
    (DOCS / f"{name}.md").read_text() for name in ("training", "quality", "offers")
)
TRAINER = get_group(app)
METRICS = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
MOST_README_LINES, MOST_GLOSSARY_WORDS = 180, 40


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_every_setting_is_in_operations(setting: Setting) -> None:
    """The table has each setting with its default and meaning, as `recsvc check` prints them."""
    default = "" if setting.default is None else f"`{setting.default}`"

    assert f"| `{setting.variable}` | {default} | {setting.meaning} |" in OPERATIONS


def test_operations_names_no_setting_that_does_not_exist() -> None:
    """Each variable in the table is one that the service reads."""
    named = set(re.findall(r"^\| `(RECSVC_\w+)`", OPERATIONS, re.MULTILINE))

    assert named == {setting.variable for setting in SETTINGS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.describe()[0].name)
def test_every_metric_is_in_operations(metric: MetricWrapperBase) -> None:
    """The table has each metric with its name in Prometheus, its labels and its meaning."""
    (described,) = metric.describe()
    name = described.name + ("_total" if isinstance(metric, prometheus_client.Counter) else "")
    labels = ", ".join(metric._labelnames)  # noqa: SLF001 - the library has no other way

    assert f"| `{name}` | {labels} | {described.documentation} |" in OPERATIONS


@pytest.mark.parametrize("command", TRAINER.commands)
def test_every_option_of_the_trainer_is_documented(command: str) -> None:
    """Each option is named on the page of its command."""
    options = {word for option in TRAINER.commands[command].params for word in option.opts}

    assert {"--purchases", "--consents"} < options
    assert sorted(word for word in options if not re.search(rf"{word}\b", TRAINER_PAGES)) == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("api.md", [*CustomerSlate, *ItemSlate, *AnonymousSlate, *Fallback, *EventType]),
        ("consent.md", list(Purpose)),
        ("keys.md", list(Scope)),
    ],
)
def test_every_name_of_the_api_is_on_its_page(page: str, names: list[str]) -> None:
    """Slates, fallbacks, event types, purposes and scopes are documented where they belong."""
    text = (DOCS / page).read_text()
    written = {
        word for quoted in re.findall(r"`([^`\n]+)`", text) for word in re.split(r"\W", quoted)
    }

    assert set(map(str, names)) - written == set()


def test_every_condition_of_an_offer_is_in_the_offers_page() -> None:
    """The table has each condition with the rule of its value, and no other."""
    table = _section("offers.md", "Conditions")

    assert dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE)) == {
        name: rule.rule for name, rule in CONDITIONS.items()
    }


def test_every_kind_of_offer_is_in_the_offers_page() -> None:
    """The table has each kind, and says whether the kind requires a value."""
    table = _section("offers.md", "Kinds")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE))

    assert rows == {kind: "required" if _needs_value(kind) else "optional" for kind in Kind}


def _section(page: str, heading: str) -> str:
    return (DOCS / page).read_text().partition(f"\n### {heading}\n")[2].partition("\n#")[0]


def _needs_value(kind: Kind) -> bool:
    try:
        read_offer(OfferId("o"), {"title": "An offer", "kind": kind})
    except BadRequest:
        return True
    return False


def test_the_readme_is_short() -> None:
    """A newcomer reads the README in minutes; the rest is in docs/."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_README_LINES


def test_every_link_between_the_pages_leads_somewhere() -> None:
    """Each relative link names a file, and a heading of it if it has a fragment."""
    pages = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
    links = {
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
    }
    broken = {f"{page.name}: {link}" for page, link in links if not _leads_somewhere(page, link)}

    assert len(links) > len(pages)
    assert broken == set()


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, fragment = link.partition("#")
    target = page.parent / name if name else page
    if not target.is_file():
        return False
    headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
    return not fragment or fragment in {_fragment(heading) for heading in headings}


def _fragment(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_folder_has_its_row_in_the_layout_table() -> None:
    """docs/architecture.md names each package of the service and the trainer, and no other."""
    page = (DOCS / "architecture.md").read_text()
    layout = page.partition("## Layout")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `((?:recsvc|training)/[\w/]+)`", layout, re.MULTILINE))
    packages = {
        path.parent.relative_to(ROOT).as_posix()
        for package in ("recsvc", "training")
        for path in (ROOT / package).rglob("__init__.py")
        if path.parent != ROOT / package
    }
    parents = {package.rpartition("/")[0] for package in packages}

    assert packages - parents - named == set()
    assert {name for name in named if not (ROOT / name).is_dir()} == set()


def test_every_path_in_the_architecture_page_exists() -> None:
    """Files that the page names are there."""
    text = (DOCS / "architecture.md").read_text()
    named = re.findall(r"`((?:recsvc|training|tests|docs)/[\w/]+\.\w+)`", text)

    assert sorted(name for name in set(named) if not (ROOT / name).is_file()) == []


def test_the_glossary_is_short_and_sorted() -> None:
    """The glossary has at most 40 words, each once."""
    glossary = (DOCS / "architecture.md").read_text().partition("## Glossary")[2]
    words = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", glossary, re.MULTILINE)[1:]

    assert words == sorted(set(words))
    assert 0 < len(words) <= MOST_GLOSSARY_WORDS


def test_every_verb_of_make_has_a_line_of_help() -> None:
    """`make` lists each verb with one line."""
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    described = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)

    assert sorted(described) == sorted(phony.split())
