"""AWS's binary event stream, read piece by piece, wherever the pieces are cut.

A frame: `u32 total length | u32 length of the headers | u32 CRC-32 of these 8 bytes | headers | payload |
u32 CRC-32 of all before it`, big-endian (the specification of `application/vnd.amazon.eventstream`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

__all__ = ["BadFrame", "Frame", "FrameReader"]

Value = bool | int | bytes | str

LONGEST_FRAME: Final = 16 * 1024 * 1024
LONGEST_HEADERS: Final = 128 * 1024

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_SMALLEST = _PRELUDE.size + _CRC.size
_INTEGERS: Mapping[int, struct.Struct] = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),  # milliseconds since 1970
}
_UUID_BYTES = 16


class BadFrame(ValueError):
    """These bytes are no event stream, or they have suffered on the way."""


@attrs.frozen
class Frame:
    """One message: its headers by name, and its payload."""

    headers: Mapping[str, Value]
    payload: bytes = b""

    def header(self, name: str) -> str:
        """A header that is text; empty if there is none."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


@attrs.define
class FrameReader:
    """Takes bytes as they come and gives each frame as soon as it is whole.

    It holds one unfinished frame at most, so `LONGEST_FRAME` bounds its memory. After BadFrame it is of no
    use any more: where the next frame would begin, nobody knows.
    """

    _held: bytearray = attrs.field(factory=bytearray, init=False)

    @property
    def is_torn(self) -> bool:
        """Whether there is the beginning of a frame that has not come to its end."""
        return bool(self._held)

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Give the frames that a piece completes; BadFrame as soon as it is known that one cannot be."""
        self._held += piece
        while (size := self._size()) is not None and len(self._held) >= size:
            whole = bytes(self._held[:size])
            del self._held[:size]
            yield _frame(whole)

    def _size(self) -> int | None:
        """Check the next frame's beginning, and give the frame's length; None if that is not there yet."""
        if len(self._held) < _PRELUDE.size:
            return None
        total, headers, crc = _PRELUDE.unpack_from(self._held)
        if zlib.crc32(self._held[:8]) != crc:
            raise BadFrame("the checksum of a frame's beginning is wrong")
        if not _SMALLEST <= total <= LONGEST_FRAME:
            raise BadFrame(f"a frame claims to have {total} bytes")
        if headers > min(total - _SMALLEST, LONGEST_HEADERS):
            raise BadFrame(f"the headers of a frame claim to have {headers} bytes")
        return int(total)


def _frame(whole: bytes) -> Frame:
    _, length, _ = _PRELUDE.unpack_from(whole)
    (crc,) = _CRC.unpack_from(whole, len(whole) - _CRC.size)
    if zlib.crc32(whole[: -_CRC.size]) != crc:
        raise BadFrame("the checksum of a frame is wrong")
    begin = _PRELUDE.size + length
    headers = dict(_headers(whole[_PRELUDE.size : begin]))
    return Frame(headers, whole[begin : -_CRC.size])


def _headers(block: bytes) -> Iterator[tuple[str, Value]]:
    at, names = 0, set()
    while at < len(block):
        name, at = _text(block, at + 1, block[at])
        if not name or name in names:
            raise BadFrame("a header of a frame has no name, or one that another one has")
        names.add(name)
        if at >= len(block):
            raise BadFrame("a header of a frame ends too early")
        value, at = _value(block, at + 1, block[at])
        yield name, value


def _value(block: bytes, at: int, kind: int) -> tuple[Value, int]:
    """Read a header's value, and tell where it ends."""
    if kind in (0, 1):
        return kind == 0, at
    if (integer := _INTEGERS.get(kind)) is not None:
        return integer.unpack(_cut(block, at, integer.size))[0], at + integer.size
    if kind == 9:
        return _cut(block, at, _UUID_BYTES), at + _UUID_BYTES
    if kind not in (6, 7):
        raise BadFrame(f"a header of a frame is of the unknown type {kind}")
    (length,) = _LENGTH.unpack(_cut(block, at, _LENGTH.size))
    at += _LENGTH.size
    return _text(block, at, length) if kind == 7 else (_cut(block, at, length), at + length)


def _text(block: bytes, at: int, length: int) -> tuple[str, int]:
    try:
        return _cut(block, at, length).decode(), at + length
    except UnicodeDecodeError:
        raise BadFrame("a header of a frame is not UTF-8 text") from None


def _cut(block: bytes, at: int, length: int) -> bytes:
    if at + length > len(block):
        raise BadFrame("a header of a frame ends too early")
    return block[at : at + length]
