"""The pages of a mapped model are read into memory, if there is enough of it."""

import mmap
import re
from pathlib import Path

import numpy as np
import pytest

from recsvc.model.artifact.format import Array
from recsvc.model.artifact.npy import map_array
from recsvc.model.registry import page_warmup as warming
from recsvc.model.registry.page_warmup import warm

SIZE = 4 << 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.save(tmp_path / "array.npy", np.ones(SIZE, dtype=np.uint8))
    return tmp_path / "array.npy"


@pytest.fixture
def array(file: Path) -> Array:
    return map_array(file, "|u1", (SIZE,))


def mapped_bytes(file: Path) -> int:
    """Return how many bytes of a file this process has mapped."""
    mappings = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
    (ours,) = [each for each in mappings if str(file) in each]
    return 1024 * int(re.findall(r"(?m)^Rss: +([0-9]+) kB", ours)[0])


def test_every_page_is_mapped_afterwards(file: Path, array: Array) -> None:
    before = mapped_bytes(file)
    warm([array])

    assert before < SIZE // 2
    assert mapped_bytes(file) >= SIZE // mmap.PAGESIZE * mmap.PAGESIZE


def test_a_model_above_the_memory_limit_is_not_read(
    file: Path, array: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model larger than half of the available memory is not read."""
    monkeypatch.setattr(warming, "_available", lambda: 2 * SIZE - 1)
    warm([array])

    assert mapped_bytes(file) < SIZE // 2
