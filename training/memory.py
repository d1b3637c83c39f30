"""Memory that is let go of goes back to the system.

glibc learns from the first large arrays that are freed to keep later ones of up to 32 MB in its
heaps, which arrays that outlive them then tear to pieces: half of a training's peak was holes.
With a fixed limit every array above it has pages of its own, gone when it is freed. Not a setting
for servers, which answer with small objects; the trainer's command line sets it for its process.
"""

import ctypes

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LIMIT_BYTES = 1 << 20


def return_freed_memory() -> bool:
    """Fix glibc's limits; return whether this system has them."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, which keeps less
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LIMIT_BYTES) and mallopt(M_TRIM_THRESHOLD, LIMIT_BYTES))
