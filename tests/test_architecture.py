"""The rules of the source tree: import arrows, libraries per layer, sizes, names and words.

Each rule is one test that lists every offender. The rules are read from the source text, so that
no import escapes them.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.import_arrows import BANS, LAYERS, RESERVED, SIBLINGS
from tests.source_tree import TOPS, admissions_made, is_within, sources, tracked, words_of

TOP_LEVEL = {
    *("recsvc", "training", "tests", "docs", "pyproject.toml", "Dockerfile", "Makefile"),
    *("compose.yaml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("requirements.lock", "requirements-train.lock"),
}

MOST_LINES, MOST_FUNCTION_LINES, MOST_MODULES, MOST_TWICE = 300, 50, 25, 8
# numba's cache is per file: the kernels of a request stay in one, and a loop in one function.
KERNELS = {
    "recsvc.model.kernels.kernels",
    "recsvc.model.offers.kernels",
    "training.item_slates.order_loops",
}
PRONOUNS = {"what", "who", "whom", "whoever", "whatever"} | {
    f"{some}body" for some in ("no", "every", "some", "any")
}
MOST_PRONOUNS = 5  # per 1,000 words of docstrings
_FIRST_PRONOUN = re.compile(r"(?:^|[.:;!?]\s+)(What|Who|Whatever)\b")


def _layer_of(module: str) -> str | None:
    return next((layer for layer in LAYERS if is_within(module, layer)), None)


def _of_the_project(names: Iterable[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in ("recsvc", "training")}


def test_each_layer_imports_only_what_its_arrows_allow() -> None:
    """The service never imports the trainer, and no layer imports one above it."""
    offenders = {
        f"{source.module} -> {name}"
        for source in sources("recsvc", "training")
        if (layer := _layer_of(source.module)) is not None
        for name in _of_the_project(source.imports)
        if not any(is_within(name, allowed) for allowed in LAYERS[layer] | {layer})
    }

    assert offenders == set()


def test_every_module_belongs_to_a_layer() -> None:
    """A module outside the layers would escape their arrows."""
    assert [
        each.module for each in sources("recsvc", "training") if not _layer_of(each.module)
    ] == ["recsvc"]


@pytest.mark.parametrize("layer", SIBLINGS)
def test_the_folders_of_a_layer_import_only_those_below_them(layer: str) -> None:
    """Each folder and module of a layer has a line of arrows, and follows it."""
    arrows = SIBLINGS[layer]
    offenders = set[str]()
    for source in sources(layer):
        if source.module == layer:
            continue
        own = _sibling(source.module, layer)
        if own not in arrows:
            offenders.add(f"{source.module} has no arrows")
            continue
        reached = {_sibling(name, layer) for name in source.imports if is_within(name, layer)}
        offenders |= {f"{source.module} -> {each}" for each in reached - arrows[own] - {own}}

    assert offenders == set()


def _sibling(module: str, layer: str) -> str:
    return module.removeprefix(f"{layer}.").split(".")[0]


@pytest.mark.parametrize("package", BANS)
def test_each_package_imports_only_its_own_libraries(package: str) -> None:
    """Flask stays in web, redis-py in stores, numpy in model; the domain has no clock or I/O."""
    offenders = {
        f"{source.module} -> {name}"
        for source in sources(package)
        for name in source.imports
        if name.split(".")[0] in BANS[package]
    }

    assert offenders == set()


@pytest.mark.parametrize("reserved", RESERVED)
def test_reserved_modules_are_imported_by_their_owners_only(reserved: str) -> None:
    """Wiring alone starts the embedded server; the wall clock reaches no layer by import."""
    offenders = {
        source.module
        for source in sources("recsvc", "training")
        if any(is_within(name, reserved) for name in source.imports)
        and not any(is_within(source.module, owner) for owner in RESERVED[reserved])
    }

    assert offenders == set()


def test_package_inits_are_empty() -> None:
    """Importing one module of a package never imports another."""
    filled = [each.module for each in sources() if each.is_init and each.text.strip()]

    assert filled == []


def test_importing_the_model_imports_neither_flask_nor_redis() -> None:
    """The trainer writes models without the service's libraries."""
    code = (
        "import recsvc.model, recsvc.model.publish, recsvc.model.registry.loader, sys; "
        "print(sorted({'flask', 'redis'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def test_the_top_level_holds_only_the_documented_entries() -> None:
    """A newcomer finds the entries that the README names, and nothing more."""
    tops = {path.parts[0] for path in tracked() if not path.parts[0].startswith(".")}

    assert tops - TOP_LEVEL == set()


def test_files_functions_and_folders_stay_small() -> None:
    """A file, a function or a folder beyond the budget is split; the kernels are the exception."""
    offenders = [
        f"{each.module}: {each.lines} lines"
        for each in sources("recsvc", "training")
        if each.lines > MOST_LINES and each.module not in KERNELS
    ]
    offenders += [
        f"{each.module}.{name}: {lines} lines"
        for each in sources("recsvc", "training")
        for name, lines in each.functions
        if lines > MOST_FUNCTION_LINES and each.module not in KERNELS
    ]
    folders = Counter(each.folder for each in sources() if not each.is_init)
    offenders += [
        f"{name}: {count} modules" for name, count in folders.items() if count > MOST_MODULES
    ]

    assert offenders == []


def test_few_class_names_are_defined_twice() -> None:
    """One name has one meaning; a name in two places is a rare exception."""
    names = Counter(name for each in sources("recsvc", "training") for name in each.classes)
    twice = sorted(name for name, count in names.items() if count > 1)

    assert len(twice) <= MOST_TWICE, twice


@pytest.mark.parametrize("top", TOPS)
def test_docstrings_have_nouns_as_their_subjects(top: str) -> None:
    """Pronouns in the place of a glossary noun stay rare in each part of the tree."""
    words = Counter(
        word in PRONOUNS
        for source in sources(top)
        for _, text in source.docstrings
        for word in words_of(text)
    )

    assert 1000 * words[True] / words.total() <= MOST_PRONOUNS


def test_no_sentence_of_a_docstring_begins_with_a_pronoun() -> None:
    """The subject of a sentence is a noun, so that a reader can search for it."""
    offenders = [
        f"{source.module}.{name}: {match[0].strip()}"
        for source in sources()
        for name, text in source.docstrings
        for match in _FIRST_PRONOUN.finditer(text)
    ]

    assert offenders == []


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("Admitted(key, purpose, made_by=None)", 1),
        ("gate.Admitted(key, purpose, made_by=None)", 1),
        ("from recsvc.domain.consent.gate import Admitted as Yes\nYes(key, made_by=None)", 1),
        ("from recsvc.domain.consent.gate import Admitted\nisinstance(x, Admitted)", 0),
    ],
)
def test_every_way_to_construct_an_admission_is_counted(source: str, made: int) -> None:
    """The rule of the gate holds for each spelling of the constructor's call."""
    assert admissions_made(source) == made


def test_only_the_gate_constructs_an_admission() -> None:
    """No other module of the product constructs an Admitted."""
    makers = {
        source.module: made
        for source in sources("recsvc", "training")
        if (made := source.admissions)
    }

    assert makers == {"recsvc.domain.consent.gate": 1}
