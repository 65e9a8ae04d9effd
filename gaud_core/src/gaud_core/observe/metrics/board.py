"""Memory that all workers see: each writes what it has counted, whoever is asked reads them all.

It is anonymous and made before the workers are forked, so no file is left behind, however they end.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Mapping

import attrs
import msgspec

__all__ = ["Board", "Snapshot"]

_ROOM = 512 * 1024
_HEAD = struct.Struct("<II")  # length and checksum of what follows


class Snapshot(msgspec.Struct):
    """What one worker has counted, by series; `gauges` hold only as long as it lives."""

    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}


_decoder = msgspec.json.Decoder(Snapshot)


@attrs.define(eq=False)
class Board:
    """A place for each worker: two sheets, of which one is valid, so a death while writing tears none."""

    places: int
    _memory: mmap.mmap = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._memory = mmap.mmap(-1, self.places * (1 + 2 * _ROOM))

    def write(self, place: int, snapshot: Snapshot) -> bool:
        """Put a snapshot into a place; False if it is too long for it."""
        data = msgspec.json.encode(snapshot)
        if len(data) + _HEAD.size > _ROOM:
            return False
        start = place * (1 + 2 * _ROOM)
        sheet = 1 - self._memory[start]
        at = start + 1 + sheet * _ROOM
        head = _HEAD.pack(len(data), zlib.crc32(data))
        self._memory[at : at + len(head) + len(data)] = head + data
        self._memory[start] = sheet
        return True

    def read(self, place: int) -> Snapshot:
        """Give what is in a place; nothing if nothing is, or if it changes faster than it is read."""
        start = place * (1 + 2 * _ROOM)
        for _ in range(10):
            at = start + 1 + self._memory[start] * _ROOM
            length, checksum = _HEAD.unpack_from(self._memory, at)
            data = self._memory[at + _HEAD.size : at + _HEAD.size + min(length, _ROOM)]
            if length and zlib.crc32(data) == checksum:
                return _decoder.decode(data)
        return Snapshot()

    def all(self) -> list[Snapshot]:
        """Give every place's snapshot."""
        return [self.read(place) for place in range(self.places)]

    def forget_gauges(self, place: int) -> None:
        """Keep only the counters of a worker that has ended."""
        self.write(place, Snapshot(self.read(place).counters))


def added(numbers: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Add two sets of series."""
    return {**numbers, **{name: numbers.get(name, 0) + value for name, value in more.items()}}
