"""Read which globals a compiled chunk of Lua 5.1 reads and assigns.

The format is that of `lundump.c` of Lua 5.1, little-endian, with the sizes that the header names.
"""

import struct
from collections.abc import Iterator

GETGLOBAL, SETGLOBAL = 5, 7  # opcodes; their constant's number is in the upper 18 bits

_HEADER_BYTES = 12
_NIL, _BOOLEAN, _NUMBER, _STRING = 0, 1, 3, 4


def global_accesses(chunk: bytes) -> Iterator[tuple[int, str]]:
    """Yield the opcode and the name of each access to a global, in all functions of the chunk."""
    assert chunk[:7] == b"\x1bLuaQ\x00\x01", "compiled by Lua 5.1, little-endian"
    assert chunk[10:12] == b"\x08\x00", "numbers are doubles"
    yield from _Reader(chunk).function()


class _Reader:
    def __init__(self, chunk: bytes) -> None:
        self._chunk = chunk
        self._at = _HEADER_BYTES
        self._int, self._size, self._instruction = chunk[7:10]

    def function(self) -> Iterator[tuple[int, str]]:
        self._string()  # source
        self._skip(2 * self._int + 4)  # lines; upvalues, parameters, varargs, stack
        count = self._integer()
        code = struct.unpack(f"<{count}I", self._take(count * self._instruction))
        constants = [self._constant() for _ in range(self._integer())]
        for instruction in code:
            if instruction & 0x3F in (GETGLOBAL, SETGLOBAL):
                yield instruction & 0x3F, str(constants[instruction >> 14])
        for _ in range(self._integer()):
            yield from self.function()
        self._skip(self._integer() * self._int)  # line of each instruction
        for _ in range(self._integer()):  # names of local variables
            self._string()
            self._skip(2 * self._int)
        for _ in range(self._integer()):  # names of upvalues
            self._string()

    def _constant(self) -> object:
        kind = self._take(1)[0]
        if kind == _STRING:
            return self._string()
        size = {_NIL: 0, _BOOLEAN: 1, _NUMBER: 8}[kind]
        return self._take(size)

    def _string(self) -> str:
        size = int.from_bytes(self._take(self._size), "little")
        return self._take(size)[:-1].decode()

    def _integer(self) -> int:
        return int.from_bytes(self._take(self._int), "little")

    def _skip(self, size: int) -> None:
        self._take(size)

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._chunk[self._at - size : self._at]
