"""The images install from locks: exact versions with hashes, for every dependency."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BUILD = PROJECT["build-system"]["requires"]
SERVICE = PROJECT["project"]["dependencies"]
TRAINER = PROJECT["project"]["optional-dependencies"]["train"]
LOCKS = {"requirements.lock": SERVICE + BUILD, "requirements-train.lock": SERVICE + TRAINER}
PIN = re.compile(r"([a-z0-9-]+)==([^ ]+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")


def locked(name: str) -> dict[str, str]:
    """Return the version of each package of a lock."""
    return {package: version for package, version, _ in PIN.findall((ROOT / name).read_text())}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_covers_every_dependency(name: str) -> None:
    """The lock has a version of each dependency that pyproject.toml allows; see `make lock`."""
    versions = locked(name)
    missing = [
        each
        for each in map(Requirement, LOCKS[name])
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), ""))
    ]

    assert missing == []


@pytest.mark.parametrize("name", LOCKS)
def test_each_line_of_a_lock_is_a_pinned_package_with_hashes(name: str) -> None:
    """A lock holds versions and hashes, and names no registry."""
    lines = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)

    assert PIN.sub("", lines) == ""


def test_the_trainer_has_the_versions_of_the_service() -> None:
    """Service and trainer write and read models with the same libraries."""
    service, trainer = locked("requirements.lock"), locked("requirements-train.lock")

    assert {name: trainer.get(name) for name in service} == service


def test_the_images_install_nothing_without_a_hash() -> None:
    """Each `pip install` of the Dockerfile checks hashes, or downloads nothing."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    installs = re.findall(r"pip install (.*)", text)

    allowed = ("--require-hashes", "--no-deps --no-build-isolation .")
    assert len(installs) == 3
    assert [each for each in installs if not any(option in each for option in allowed)] == []
