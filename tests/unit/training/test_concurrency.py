"""Freed memory is returned to the system, measured in a separate process."""

import subprocess
import sys

# Frees one array of 20 MB, by which glibc would learn to keep such ones, then every other of many.
PROGRAM = """
import sys
import numpy as np
from training.concurrency import return_freed_memory

def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

if sys.argv[1] == "fixed":
    assert return_freed_memory()
np.ones(20 << 20, np.int8)
before = resident()
held = [np.ones(10 << 20, np.int8) for _ in range(20)]
del held[0::2]
print((resident() - before) >> 20)
"""


def megabytes_left(how: str) -> int:
    """Return the resident memory after half of 200 MB was freed."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return int(run.stdout)


def test_memory_freed_between_live_arrays_is_returned() -> None:
    """With the fixed threshold freed arrays between live ones do not stay resident."""
    assert megabytes_left("fixed") < 120
    assert megabytes_left("as it is") > 180
