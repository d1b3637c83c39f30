"""The loader of Lua scripts."""

import re
from pathlib import Path

import pytest

from recsvc.stores import client
from recsvc.stores.client.lua import load_script

STORES = Path(client.__path__[0]).parent


def test_an_include_is_replaced_by_its_text() -> None:
    """Included files may include others; no include line is left."""
    text = load_script("offers/redeem.lua", LOG_ENTRIES=1, MAX_PER_CUSTOMER=2)

    assert "local function publish_change(" in text
    assert "local function give_back(" in text
    assert not re.search("^-- include:", text, re.MULTILINE)


def test_constants_precede_the_script() -> None:
    """Python's constants are one Lua table on the first line."""
    text = load_script("consents/append_changes.lua", RECENT_SECONDS=5)

    assert text.startswith("local CONSTANTS = {RECENT_SECONDS = 5}\n-- Apply edits")


def test_a_missing_constant_is_refused() -> None:
    """A constant that only the Lua names raises when the script is loaded."""
    with pytest.raises(ValueError, match="needs the constants RECENT_SECONDS"):
        load_script("consents/append_changes.lua")


def test_every_lua_file_is_used() -> None:
    """Each file is loaded by a store or included by another file."""
    sources = "".join(path.read_text() for path in STORES.rglob("*.py"))
    names = {path.relative_to(STORES).as_posix() for path in lua_files()}
    loaded = {
        name for name in names if f'"{name}"' in sources or f'_load("{Path(name).stem}")' in sources
    }

    assert names == included_files() | loaded
    assert not included_files() & loaded


def lua_files() -> list[Path]:
    return sorted(STORES.rglob("*.lua"))


def included_files() -> set[str]:
    texts = (path.read_text() for path in lua_files())
    return {
        name for text in texts for name in re.findall(r"^-- include: (\S+)", text, re.MULTILINE)
    }
