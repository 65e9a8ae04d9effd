"""What can be known of a whole answer that is too long to be held: what its end says of its usage."""

from __future__ import annotations

import re
import zlib

import attrs

from gaud_core.call import Reply
from gaud_core.splice import end_of_value

__all__ = ["Tail", "tail_of"]

_KEPT = 64 * 1024
_STEP = 256 * 1024
_GZIP_OR_ZLIB = 47  # window bits that make zlib detect the header (zlib manual, inflateInit2)
_USAGE = re.compile(rb'"(usage|meta)"\s*:\s*(?=\{)')


@attrs.define
class Tail:
    """Keeps the last 64 KB of an answer in JSON while it passes, unpacked if it is compressed."""

    _unpacking: zlib._Decompress | None = None
    _kept: bytes = b""
    _lost: bool = False

    def see(self, piece: bytes) -> None:
        """Look at a piece."""
        if self._lost:
            return
        if self._unpacking is None:
            self._kept = (self._kept + piece)[-_KEPT:]
            return
        try:
            while piece:
                self._kept = (self._kept + self._unpacking.decompress(piece, _STEP))[-_KEPT:]
                piece = self._unpacking.unconsumed_tail
        except zlib.error:
            self._lost, self._kept = True, b""

    def usage(self) -> bytes:
        """Give an object with the last `usage` that the answer holds, or an empty one.

        Whatever member of that name comes last is the answer's own: upstreams write it behind what they have
        made.
        """
        for found in reversed(list(_USAGE.finditer(self._kept))):
            try:
                end = end_of_value(self._kept, found.end())
            except ValueError:
                continue
            return b'{"%b":%b}' % (found[1], self._kept[found.end() : end])
        return b"{}"


def tail_of(reply: Reply) -> Tail | None:
    """Make one for an answer in JSON that can be read; for all else there is nothing to see."""
    kind = reply.header("content-type").partition(";")[0].strip().lower()
    encoding = reply.header("content-encoding", "identity").lower()
    if reply.status >= 300 or kind != "application/json" or encoding not in {"identity", "gzip", "deflate"}:
        return None
    return Tail(None if encoding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB))
