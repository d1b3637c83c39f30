"""The source files of the project, parsed: modules, imports, docstrings and sizes for the rules."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOPS = ("recsvc", "training", "tests")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file of the project."""

    path: Path
    module: str  # dotted; a package's own name for its __init__
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def folder(self) -> str:
        return self.path.parent.relative_to(ROOT).as_posix()

    @property
    def is_init(self) -> bool:
        return self.path.name == "__init__.py"

    def imports(self) -> Iterator[str]:
        """Yield the dotted name of each imported module; `from package import module` too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from self._imports_from(node)

    def _imports_from(self, node: ast.ImportFrom) -> Iterator[str]:
        assert node.level == 0, f"{self.path}: imports are absolute"
        package = node.module or ""
        for alias in node.names:
            full = f"{package}.{alias.name}"
            yield full if full in _modules() else package

    def docstrings(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each documented definition, with its docstring."""
        for node in ast.walk(self.tree):
            if isinstance(node, _Documented) and (text := ast.get_docstring(node)):
                yield getattr(node, "name", self.module), text

    def functions(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the number of lines of each function."""
        for node in ast.walk(self.tree):
            if isinstance(node, _Function):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1

    def classes(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node.name


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that git knows or would take, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(
        path for line in listed.stdout.splitlines() if (ROOT / (path := Path(line))).exists()
    )


@cache
def sources(*below: str) -> tuple[Source, ...]:
    """Return the files below packages such as `recsvc` or `recsvc.web`; all without an argument."""
    return tuple(
        source
        for source in _every_source()
        if any(is_within(source.module, package) for package in below or TOPS)
    )


@cache
def _every_source() -> tuple[Source, ...]:
    paths = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
    return tuple(
        Source(path, _module_of(path), text, ast.parse(text))
        for path in paths
        for text in [path.read_text(encoding="utf-8")]
    )


@cache
def _modules() -> frozenset[str]:
    return frozenset(source.module for source in _every_source())


def _module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
