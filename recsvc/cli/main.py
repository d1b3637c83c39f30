"""`recsvc`: the service's command line.

Exit codes: 0 done; 2 the command failed; 3 `audit verify` has found a difference; 141 the reader
of stdout has closed it (`recsvc keys list | head -1`), which prints no message.
"""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from recsvc.cli.command_modules import CommandModules
from recsvc.cli.output import complain, explain, print_text, say_events
from recsvc.domain.errors import RecsvcError
from recsvc.filesystem.closed_pipe import ends_with_its_reader
from recsvc.filesystem.system_faults import system_fault

_EXIT_FAILED = 2


class ServiceCommands(TyperGroup):
    """The commands. A failure is one line on stderr, without a traceback."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands: Any = CommandModules()

    def main(self, *args: Any, **named: Any) -> Any:
        with ends_with_its_reader():
            return super().main(*args, **named)

    def invoke(self, ctx: Any) -> Any:
        say_events()
        try:
            with ends_with_its_reader():
                return super().invoke(ctx)
        except RecsvcError as error:
            complain(explain(error))
        except OSError as error:
            complain(system_fault(error))
        raise typer.Exit(_EXIT_FAILED)


app = typer.Typer(
    cls=ServiceCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print_text(f"recsvc {version('recsvc')}")
        raise typer.Exit


@app.callback()
def service(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Recommendations and offers with consent checked first."""


if __name__ == "__main__":
    app()
