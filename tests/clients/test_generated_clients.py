"""Clients that code generators make from the OpenAPI document compile and send what was set.

Run by `make test-clients`, which installs the generators into the folder `RECSVC_CLIENT_TOOLS`.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from recsvc.web.app import all_routes
from recsvc.web.document.answer_examples import ANSWER_EXAMPLES
from recsvc.web.document.body_examples import BODY_EXAMPLES
from recsvc.web.openapi import document

HERE = Path(__file__).parent
TOOLS = Path(os.environ.get("RECSVC_CLIENT_TOOLS", ".venv/clients")).resolve()
PYTHON = TOOLS / "python" / "bin"
EXAMPLES = json.dumps({**BODY_EXAMPLES, **ANSWER_EXAMPLES})
SPECIFICATION = "openapi.json"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with the document and the sources that use the clients."""
    (tmp_path / SPECIFICATION).write_text(json.dumps(document(all_routes()), indent=1))
    for source in HERE.iterdir():
        if source.suffix in (".ts", ".ini", ".yaml") or source.name.startswith("use_"):
            shutil.copy(source, tmp_path)
    return tmp_path


def run(work: Path, *command: str) -> str:
    """Run a program in the folder, and return its output; fail with it."""
    path = os.pathsep.join([str(PYTHON), str(TOOLS / "node_modules" / ".bin"), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "NODE_PATH": str(TOOLS / "node_modules")}
    environ.pop("PYTHONPATH", None)
    done = subprocess.run(
        command,
        cwd=work,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{' '.join(command)[:200]}\n{done.stdout[-6000:]}"
    return done.stdout


def test_redocly_finds_nothing(work: Path) -> None:
    """The linter of Redocly has neither errors nor warnings under its recommended rules."""
    found = run(work, "redocly", "lint", SPECIFICATION, "--format=json")

    assert json.loads(found[found.index("{") : found.rindex("}") + 1])["totals"] == {
        "errors": 0,
        "warnings": 0,
        "ignored": 0,
    }


def test_spectral_finds_nothing(work: Path) -> None:
    """The linter Spectral has neither errors nor warnings under its rules for OpenAPI."""
    run(work, "spectral", "lint", SPECIFICATION, "-r", "spectral.yaml", "--fail-severity=warn")


def test_minimal_bodies_compile_in_typescript(work: Path) -> None:
    """The least that a caller sends compiles under `--strict` with openapi-typescript."""
    run(work, "openapi-typescript", SPECIFICATION, "-o", "api.ts")
    run(work, "tsc", "--strict", "--noEmit", "--skipLibCheck", "bodies.ts", "api.ts")


def test_openapi_python_client_is_complete_and_typed(work: Path) -> None:
    """The client has each operation and passes mypy; a body holds what the caller set."""
    command = ["openapi-python-client", "generate", "--meta", "none", "--path", SPECIFICATION]
    run(work, *command, "--output-path", "python_client")
    operations = {
        path.stem for path in work.glob("python_client/api/*/*.py") if path.stem != "__init__"
    }
    run(work, "mypy", "--config-file", "mypy.ini")
    run(work, "python", "use_models_of_python_client.py", EXAMPLES)

    assert operations == {route.name for route in all_routes()}


def test_openapi_generator_makes_python(work: Path) -> None:
    """The Python client of openapi-generator imports; a body holds what the caller set."""
    command = ["openapi-generator-cli", "generate", "-g", "python", "-i", SPECIFICATION]
    run(work, *command, "-o", ".", "--package-name", "recsvc_client")
    run(work, "python", "use_models.py", EXAMPLES)


def test_openapi_generator_makes_go(work: Path) -> None:
    """The Go client of openapi-generator compiles."""
    command = ["openapi-generator-cli", "generate", "-g", "go", "-i", SPECIFICATION]
    names = ["--package-name", "recsvc", "--git-user-id", "shop", "--git-repo-id", "recsvc"]
    run(work, *command, "-o", "go_client", *names)
    run(work / "go_client", "go", "mod", "tidy")
    run(work / "go_client", "go", "build", "./...")
