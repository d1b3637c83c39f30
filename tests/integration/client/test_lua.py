"""The Lua scripts as the server compiles them."""

import re
from collections.abc import Iterator

import pytest

from recsvc.stores.client.connection import Connections
from recsvc.stores.client.lua import load_script
from tests.integration.client.lua_bytecode import GETGLOBAL, SETGLOBAL, global_accesses
from tests.unit.stores.client.test_lua import STORES, included_files, lua_files

PROVIDED = {
    *("KEYS", "ARGV", "redis", "cjson", "string", "table", "math"),
    *("ipairs", "pairs", "next", "pcall", "tonumber", "type", "unpack"),
}


def scripts() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file that runs by itself."""
    names = {path.relative_to(STORES).as_posix() for path in lua_files()}
    texts = "".join(path.read_text() for path in lua_files())
    constants = dict.fromkeys(re.findall(r"\bCONSTANTS\.(\w+)", texts), 1)
    for name in names - included_files():
        yield name, load_script(name, **constants)


def test_every_script_compiles(connections: Connections) -> None:
    """The server loads each script."""
    loaded = {name: connections.writes.script_load(text) for name, text in scripts()}

    assert len(loaded) > 10
    assert all(len(digest) == 40 for digest in loaded.values())


def test_no_script_assigns_a_global(connections: Connections) -> None:
    """Redis refuses an assignment to a global only when the line runs; the bytecode shows it."""
    found = {}
    for name, text in scripts():
        bytecode = connections.writes.eval("return string.dump(loadstring(ARGV[1]))", 0, text)
        accesses = set(global_accesses(bytecode))
        found[name] = {variable for kind, variable in accesses if kind == SETGLOBAL} | {
            variable for kind, variable in accesses if kind == GETGLOBAL
        } - PROVIDED

    assert [name for name, variables in found.items() if variables] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("local a = 1; local function f() b = a end", {(SETGLOBAL, "b")}),
        ("local a = tonumber('1'); return a", {(GETGLOBAL, "tonumber")}),
        ("local a, b = 1, 'text'; return function() return a, b, 1.5, nil, true end", set()),
    ],
)
def test_the_bytecode_shows_globals(
    connections: Connections, source: str, expected: set[tuple[int, str]]
) -> None:
    """Globals are found in nested functions too."""
    bytecode = connections.writes.eval("return string.dump(loadstring(ARGV[1]))", 0, source)

    assert set(global_accesses(bytecode)) == expected
