"""The README and the pages of `docs/`: each command runs and answers as the page shows."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.documents.answers import is_as_shown
from tests.e2e.documents.blocks import Block, blocks_of, commands_of
from tests.e2e.documents.shell import Shell

ROOT = Path(__file__).parent.parent.parent
# Pages in the order in which a reader meets them. Each needs only the README before it.
PAGES = [
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "api",
            "consent",
            "offers",
            "keys",
            "training",
            "quality",
            "operations",
            "performance",
            "architecture",
            "decisions",
            "privacy",
        )
    ),
    "CONTRIBUTING.md",
    "SECURITY.md",
]
# Why a block is not run. A page that needs another reason adds it here.
REASONS = {
    "a browser runs it",
    "needs Docker",
    "needs several minutes",
    "the make verbs are run by hand and by the continuous integration",
}
DRAWN = {"mermaid", "text"}  # pictures; nothing runs


def test_every_page_is_run() -> None:
    """No page of documentation is left out of the list above."""
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    at_the_top = {path.name for path in ROOT.glob("*.md")} - {"CHANGELOG.md"}

    assert pages | at_the_top == set(PAGES)


def test_a_block_that_is_not_run_gives_a_known_reason() -> None:
    """The list of reasons holds every reason in use and no other."""
    given = {block.not_run for page in PAGES for block in blocks_of(ROOT / page, page)}

    assert given - {None} == REASONS


def test_every_command_of_the_pages_answers_as_shown(tmp_path: Path) -> None:
    """All pages run in order against one service, from an empty data folder."""
    with Shell(tmp_path) as shell:
        faults = [fault for page in PAGES for fault in _faults(shell, page)]

    assert not faults, "\n\n".join(faults)
    assert _not_ignored(tmp_path) == set()


def _not_ignored(folder: Path) -> set[str]:
    """Return the files beside the README that git would take into the repository."""
    home = {"shop", "docs"}  # HOME is the same folder here
    made = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in home
    }
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "--", *sorted(made)],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made - set(ignored.stdout.split())


def _faults(shell: Shell, page: str) -> Iterator[str]:
    for block in blocks_of(ROOT / page, page):
        if block.not_run is None and block.language not in DRAWN:
            yield from _faults_of_block(shell, block)


def _faults_of_block(shell: Shell, block: Block) -> Iterator[str]:
    match block.language:
        case "console":
            yield from _faults_of_console(shell, block)
        case "sh":
            yield from _failure(shell, str(block), block.text)
        case "python":
            yield from _failure(shell, str(block), f"python3 - <<'END'\n{block.text}END")
        case language:
            yield f"{block}: no rule says how to run a block in {language or 'no language'}"


def _failure(shell: Shell, where: str, command: str) -> Iterator[str]:
    code, printed = shell.run(command)
    if code:
        yield f"{where}: exit code {code}\n{command}\n{printed}"


def _faults_of_console(shell: Shell, block: Block) -> Iterator[str]:
    for command in commands_of(block):
        code, printed = shell.run(command.text)
        if code or not is_as_shown(command.output, printed):
            yield (
                f"{block.page}:{command.line}: exit code {code}\n$ {command.text}\n"
                f"the page shows:\n{command.output}\nthe command printed:\n{printed}"
            )
