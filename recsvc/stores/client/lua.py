"""Load the Lua scripts of the stores from their `.lua` files.

A line `-- include: offers/offer_state.lua` is replaced by the text of that file. Constants that
Python and Lua share are Python's: they precede the script as one Lua table, `CONSTANTS`.
"""

import re
from importlib.resources import files

_STORES = files("recsvc.stores")
_INCLUDE = re.compile(r"^-- include: (\S+)$", re.MULTILINE)
_CONSTANT = re.compile(r"\bCONSTANTS\.(\w+)")


def load_script(path: str, **constants: int) -> str:
    """Return the text of a script, includes resolved. `path` is relative to `recsvc/stores`.

    Raise ValueError for a constant that the script uses and the caller does not give: in Lua it
    would be nil, which only the first run would show.
    """
    text = _with_includes(path)
    missing = set(_CONSTANT.findall(text)) - set(constants)
    if missing:
        raise ValueError(f"{path} needs the constants {', '.join(sorted(missing))}")
    table = ", ".join(f"{name} = {value}" for name, value in constants.items())
    return f"local CONSTANTS = {{{table}}}\n{text}" if constants else text


def _with_includes(path: str) -> str:
    text = _STORES.joinpath(path).read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda line: _with_includes(line[1]), text)
