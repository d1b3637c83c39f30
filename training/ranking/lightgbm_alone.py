"""LightGBM without the libraries of data frames, which it imports if they are installed.

The trainer passes it arrays only. pandas and pyarrow, which come with the demo's data, take a fifth
of the time in which the trainer starts.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNUSED = ("pandas", "pyarrow", "dask", "sklearn")


@contextmanager
def _not_found(names: tuple[str, ...]) -> Iterator[None]:
    """Let imports of the modules that are not imported yet fail inside the block."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not found
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _not_found(_UNUSED):
    import lightgbm as lgb

__all__ = ["lgb"]
