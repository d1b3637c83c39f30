"""What commands print: data on stdout, everything else on stderr."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDE = 200  # a pipe has no width, and nothing may be cut off in one

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(report: Any) -> None:
    """Print one JSON document."""
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def print_text(text: str) -> None:
    """Print one line exactly as it is."""
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    console.print(table)


def say(text: str) -> None:
    """Tell the person at the terminal something that is not data."""
    stderr.print(escape(text))


def complain(text: str) -> None:
    stderr.print(f"[bold red]error:[/] {escape(text)}")
