"""The source files of the project, parsed: modules, imports, docstrings and sizes for the rules."""

import ast
import re
import subprocess
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOPS = ("recsvc", "training", "tests")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file of the project, read in one pass over its syntax tree."""

    path: Path
    module: str  # dotted; a package's own name for its __init__
    text: str
    imports: tuple[str, ...]  # dotted modules; `from package import module` names the module
    docstrings: tuple[tuple[str, str], ...]  # the name of a definition, its docstring
    functions: tuple[tuple[str, int], ...]  # the name of a function, its number of lines
    classes: tuple[str, ...]
    admissions: int  # calls of Admitted

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def folder(self) -> str:
        return self.path.parent.relative_to(ROOT).as_posix()

    @property
    def is_init(self) -> bool:
        return self.path.name == "__init__.py"


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
    paths = {_module_of(path): path for top in TOPS for path in sorted((ROOT / top).rglob("*.py"))}
    return tuple(_read(path, module, paths.keys()) for module, path in paths.items())


def _read(path: Path, module: str, modules: Set[str]) -> Source:
    text = path.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    return Source(
        path,
        module,
        text,
        imports=tuple(name for node in nodes for name in _imported(node, modules)),
        docstrings=tuple(
            (getattr(node, "name", module), documented)
            for node in nodes
            if isinstance(node, _Documented) and (documented := ast.get_docstring(node))
        ),
        functions=tuple(
            (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
            for node in nodes
            if isinstance(node, _Function)
        ),
        classes=tuple(node.name for node in nodes if isinstance(node, ast.ClassDef)),
        admissions=_count_admissions(nodes),
    )


def _imported(node: ast.AST, modules: Set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield full if full in modules else node.module or ""


def admissions_made(text: str) -> int:
    """Count the calls of Admitted, by its name, by an imported alias, or by attribute."""
    return _count_admissions(list(ast.walk(ast.parse(text))))


def _count_admissions(nodes: list[ast.AST]) -> int:
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


def _module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
