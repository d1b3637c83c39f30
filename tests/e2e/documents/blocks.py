"""Read the fenced blocks of a Markdown page, and the commands of a console block."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: (?P<reason>[^>]+) -->\n+\Z")
PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `not_run` is the reason that the comment above the block gives."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, and the output that the page shows below it."""

    line: int
    text: str
    output: str


def blocks_of(page: Path, name: str) -> list[Block]:
    text = page.read_text()
    return [_block(text, found, name) for found in FENCE.finditer(text)]


def _block(text: str, found: re.Match[str], name: str) -> Block:
    before = text[: found.start()]
    comment = NOT_RUN.search(before)
    return Block(
        page=name,
        line=before.count("\n") + 1,
        language=found["language"],
        text=found["text"],
        not_run=comment["reason"] if comment else None,
    )


def commands_of(block: Block) -> Iterator[Command]:
    """Split a console block at its prompts. A command may take several lines."""
    lines = block.text.splitlines()
    if not lines or not lines[0].startswith(PROMPT):
        raise ValueError(f"{block}: a console block begins with a command after `{PROMPT}`")
    starts = [number for number, line in enumerate(lines) if line.startswith(PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        size = _lines_of_command(lines[start:end])
        text = "\n".join(lines[start : start + size]).removeprefix(PROMPT)
        output = "\n".join(lines[start + size : end])
        yield Command(block.line + 1 + start, text, output)


def _lines_of_command(lines: list[str]) -> int:
    """Count the lines up to the end of the command: of its quotes, or of its here-document."""
    delimiter = re.search(r"<<'?(\w+)'?", lines[0])
    if delimiter:
        return lines.index(delimiter[1]) + 1
    for size in range(1, len(lines) + 1):
        if _is_complete("\n".join(lines[:size]).removeprefix(PROMPT)):
            return size
    raise ValueError(f"the command has no end: {lines[0]}")


def _is_complete(command: str) -> bool:
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True
