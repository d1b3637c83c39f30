"""`recsvc-train`: the trainer's command line.

Exit codes: 0 success; 2 an unreadable option or input, or too many bad rows; 3 readable input that
must not be published; 141 a reader that has closed stdout (`| head`), which prints no message.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_group

from recsvc.domain.errors import RecsvcError
from recsvc.filesystem.closed_pipe import ends_with_its_reader
from recsvc.filesystem.system_faults import system_fault
from training.concurrency import return_freed_memory
from training.errors import TrainingError
from training.progress import stderr_console

_EXIT_UNREADABLE = 2
_COMMANDS = ["run", "evaluate", "evaluate-offers"]  # in the order of `recsvc-train --help`


class _Commands(Mapping[str, Any]):
    """The commands by name. Their module is imported at the first access, which takes a second."""

    def __getitem__(self, name: str) -> Any:
        if name not in _COMMANDS:
            raise KeyError(name)
        return get_group(import_module("training.cli_commands").app).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class TrainerCommands(TyperGroup):
    """The commands. An error is one line without a traceback."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands: Any = _Commands()

    def main(self, *args: Any, **named: Any) -> Any:
        with ends_with_its_reader():
            return super().main(*args, **named)

    def invoke(self, ctx: Any) -> Any:
        try:
            with ends_with_its_reader():
                return super().invoke(ctx)
        except (RecsvcError, OSError) as error:
            text = system_fault(error) if isinstance(error, OSError) else str(error)
            stderr_console().print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)
            code = error.exit_code if isinstance(error, TrainingError) else _EXIT_UNREADABLE
            raise typer.Exit(code) from error


app = typer.Typer(
    cls=TrainerCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recsvc {version('recsvc')}")
        raise typer.Exit


@app.callback()
def trainer(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train recommendation models from purchases, compare them and publish the best."""
    return_freed_memory()


if __name__ == "__main__":
    app()
