"""Output of the commands: data on stdout, messages on stderr."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from structlog.typing import EventDict

from recsvc.domain.api_keys import masked
from recsvc.domain.errors import RecsvcError, StoreUnavailable
from recsvc.stores.client.fault_messages import reason

_PIPE_WIDTH = 100_000  # a pipe has no width

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(report: Any) -> None:
    """Print one JSON document."""
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def print_text(text: str) -> None:
    """Print one line without markup."""
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table that never cuts off a cell.

    A narrow terminal breaks cells into lines, but for the first column, which holds names. In a
    pipe each row is one line.
    """
    first, *others = columns
    table = Table(
        Column(first, no_wrap=True),
        *(Column(name, overflow="fold") for name in others),
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
    )
    names = [first]
    for row in rows:
        cells = ["" if cell is None else str(cell) for cell in row]
        names.append(cells[0])
        table.add_row(*map(escape, cells))
    console = Console(highlight=False)
    table.columns[0].min_width = max(map(cell_len, names))
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH)
    console.print(table, soft_wrap=False, crop=False)


def say(text: str) -> None:
    """Print a message on stderr."""
    stderr.print(escape(text))


def say_unknown(customer: str, shop: str, fact: str) -> None:
    """Say that a shop stores nothing of a customer, which is an answer and no error."""
    say(f"CUSTOMER {customer!r}: unknown to shop {shop}; {fact}")


def complain(text: str) -> None:
    """Print an error on stderr. A key in its text, given in the wrong place, is masked."""
    stderr.print(f"[bold red]error:[/] {escape(masked(text))}")


def explain(error: RecsvcError) -> str:
    """Return an error's text for the terminal, with the store's reason, which HTTP hides."""
    return reason(error) if isinstance(error, StoreUnavailable) else error.detail


def say_events() -> None:
    """Print logged warnings as lines on stderr; `serve` logs JSON instead."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, _as_line],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _as_line(_logger: object, method: str, event: EventDict) -> str:
    if method in ("debug", "info"):
        raise structlog.DropEvent
    level, name = event.pop("level"), event.pop("event").replace("_", " ")
    return f"{level}: {name}" + "".join(f"; {field}: {value}" for field, value in event.items())
