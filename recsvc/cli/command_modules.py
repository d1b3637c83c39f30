"""The commands of `recsvc` by name; a module is imported when its command is used.

The import of all modules takes a second. Only the command of the call is imported, and a worker
imports no command.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.main import get_group

# In the order of `recsvc --help`. A group's module has an `app`, another module a function.
COMMANDS = ("demo", "serve", "check")
GROUPS = ("keys", "customers", "consents", "items", "offers", "events", "audit", "models")


class CommandModules(Mapping[str, Any]):
    """Each command of `COMMANDS` and `GROUPS`, made of its module at the first access."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in (*COMMANDS, *GROUPS):
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = _command(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*COMMANDS, *GROUPS))

    def __len__(self) -> int:
        return len(COMMANDS) + len(GROUPS)


def _command(name: str) -> Any:
    module, program = import_module(f"recsvc.cli.{name}"), typer.Typer()
    if name in GROUPS:
        program.add_typer(module.app, name=name)
    else:
        program.command(name)(getattr(module, name))
    return get_group(program).commands[name]
