"""Plain one-axis `.npy` files: deterministic when written, memory-mapped when read.

The header is parsed here and not by numpy, which would build any type that the file names. Only the
types of the format are created, so a pickled object cannot be loaded.
"""

import ast
import io
import mmap
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from recsvc.domain.errors import ModelRejected
from recsvc.filesystem.regular_file import open_regular
from recsvc.model.artifact.format import Array

_MAGIC = b"\x93NUMPY\x01\x00"
READ_WHOLE_BYTES = 16 * 1024
_MAX_HEADER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Header:
    """The header of a file; `size`: its own length in bytes."""

    dtype: str
    shape: tuple[int, ...]
    size: int


def encode(array: Array) -> tuple[bytes, memoryview]:
    """Return the header and the content of a file for a contiguous array."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue(), array.view(np.uint8).data


def map_array(file: Path, dtype: str, shape: tuple[int]) -> Array:
    """Map a file read-only; raise ModelRejected unless it has this type, shape and size."""
    with open_regular(file) as stream:
        header = _read_header(stream, file.name)
        if (header.dtype, header.shape) != (dtype, shape):
            raise ModelRejected(
                f"{file.name}: holds {header.dtype} of shape {header.shape}, "
                f"not {dtype} of shape {shape}"
            )
        expected = header.size + np.dtype(dtype).itemsize * shape[0]
        found = os.fstat(stream.fileno()).st_size
        if found != expected:
            raise ModelRejected(f"{file.name}: {found} bytes long where {expected} are right")
        content = _content(stream, expected)
    # Not np.memmap: slicing that subclass costs ten times as much.
    return np.frombuffer(content, dtype=dtype, count=shape[0], offset=header.size)


def _content(stream: BinaryIO, size: int) -> bytes | mmap.mmap:
    """Map the file; read a file of a few pages instead, since a mapping keeps a file open."""
    if size > READ_WHOLE_BYTES:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    stream.seek(0)
    content = stream.read(size)
    if len(content) != size:
        raise ModelRejected(f"{size - len(content)} bytes of an array are missing")
    return content


def _read_header(stream: BinaryIO, name: str) -> _Header:
    """Read a `.npy` header of version 1.0; raise ModelRejected for anything else."""
    start = stream.read(len(_MAGIC) + 2)
    length = int.from_bytes(start[len(_MAGIC) :], "little")
    if len(start) < len(_MAGIC) + 2 or start[: len(_MAGIC)] != _MAGIC or length > _MAX_HEADER_BYTES:
        raise ModelRejected(f"{name}: not a .npy file of version 1.0")
    fields = _literal(stream.read(length))
    match fields:
        case {"descr": str(dtype), "fortran_order": False, "shape": tuple(shape), **others} if (
            not others and all(type(side) is int for side in shape)
        ):
            return _Header(dtype, shape, len(start) + length)
    raise ModelRejected(f"{name}: its header does not describe a plain array")


@lru_cache(maxsize=256)  # versions of a shop have headers in common
def _literal(text: bytes) -> object:
    try:
        return ast.literal_eval(text.decode("latin-1"))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
