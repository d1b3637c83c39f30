"""Both programs as a shell starts them: their version, a closed pipe, a narrow terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from recsvc.config_table import SETTINGS
from recsvc.filesystem.closed_pipe import ends_with_its_reader

PROGRAMS = {"recsvc": "recsvc.cli.main", "recsvc-train": "training.cli"}


def program(name: str, *words: str) -> list[str]:
    run = f"import sys; from {PROGRAMS[name]} import app; sys.argv[0] = {name!r}; app()"
    return [sys.executable, "-c", run, *words]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_its_version(name: str) -> None:
    """`--version` prints the version of the package on stdout and exits with 0."""
    done = subprocess.run(program(name, "--version"), capture_output=True, text=True, check=True)

    assert done.stdout == "recsvc 0.1.0\n"


def test_the_service_imports_the_command_that_is_used_alone() -> None:
    """`recsvc --version` imports no command, and so neither Flask, granian nor numpy."""
    code = "import sys, recsvc.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())

    assert {"flask", "granian", "numpy", "recsvc.cli.keys"} & imported == set()


@pytest.mark.parametrize(
    "words",
    [
        ("recsvc", "--version"),
        ("recsvc", "--help"),
        ("recsvc", "check"),
        ("recsvc", "check", "--json"),
        ("recsvc", "keys", "list"),
        ("recsvc", "keys", "list", "--json"),
        ("recsvc-train", "--version"),
        ("recsvc-train", "run", "--help"),
    ],
    ids=" ".join,
)
def test_a_closed_pipe_ends_a_program_quietly(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A program whose reader has closed stdout exits with 141 and writes nothing to stderr."""
    (tmp_path / ".recsvc").mkdir()
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        program(*words), stdout=writer, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "words",
    [
        ("recsvc", "--version"),
        ("recsvc", "--help"),
        ("recsvc", "keys", "list"),
        ("recsvc", "keys", "list", "--json"),
        ("recsvc-train", "--version"),
    ],
    ids=" ".join,
)
def test_a_program_without_stdout_ends_quietly(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A program that is started with stdout closed (`>&-`) exits with 0, without a traceback."""
    (tmp_path / ".recsvc").mkdir()
    shell = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *program(*words)]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_stdout_is_not_a_closed_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without stdout, a broken pipe is another one, such as a socket."""
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(BrokenPipeError), ends_with_its_reader():
        raise BrokenPipeError
    sys.stdout.close()


def test_a_narrow_terminal_shows_whole_names(tmp_path: Path) -> None:
    """`recsvc check` breaks long cells into lines and cuts off no name."""
    terminal, theirs = pty.openpty()
    done = subprocess.Popen(
        program("recsvc", "check"),
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "40", "NO_COLOR": "1", "TERM": "dumb"},
        cwd=tmp_path,
    )
    os.close(theirs)
    text = read_all(terminal)
    done.communicate()

    assert [each.variable for each in SETTINGS if each.variable not in text] == []
    assert "…" not in text


def test_a_pipe_gets_one_line_for_each_row(tmp_path: Path) -> None:
    """A table in a pipe has no width: a value of 300 characters stays in its line."""
    folder = tmp_path / ("x" * 150) / ("y" * 150)
    done = subprocess.run(
        program("recsvc", "check", "--data-dir", str(folder)),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert any(str(folder) in line for line in done.stdout.splitlines())


def read_all(terminal: int) -> str:
    """Return the output of a terminal; Linux raises EIO at its end."""
    chunks = []
    try:
        while chunk := os.read(terminal, 65536):
            chunks.append(chunk)
    except OSError:
        pass
    finally:
        os.close(terminal)
    return b"".join(chunks).decode()
