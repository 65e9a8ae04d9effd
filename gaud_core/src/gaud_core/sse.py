"""Whole server-sent events out of chunks that are cut anywhere (WHATWG HTML §9.2.6), bytes untouched."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence

import attrs

from gaud_core.errors import UpstreamFailed

__all__ = ["EventCutter", "Mark", "data_of", "events_in", "events_of"]

# An event ends with an empty line; lines end with LF, CR LF or CR. A CR that ends the text may be half
# of a CR LF, so it closes an event only when another byte shows what it was.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?=[^\n]))")
_LINE = re.compile(rb"\r\n|\n|\r")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

HELD_BYTES = 64 * 1024
"""How much of an unfinished event is held back before it is let through in pieces."""

_LONGEST_EVENT = 4 * 1024 * 1024


@attrs.define
class EventCutter:
    """Holds back an unfinished event, so that what goes on can be judged and a break leaves no half event.

    An event longer than `limit` bytes is let through in pieces: memory stays bounded.
    """

    limit: int = HELD_BYTES
    _held: bytes = b""
    _torn: bool = False

    def feed(self, chunk: bytes) -> bytes:
        """Give all whole events so far; often the chunk itself."""
        data = self._held + chunk if self._held else chunk
        if data.endswith(b"\n\n"):
            self._held, self._torn = b"", False
            return data
        cut = _last_end(data)
        if cut == 0 and (self._torn or len(data) > self.limit):
            self._torn, self._held = True, data[-3:]  # an end may be cut in two, too
            return data[:-3]
        if cut:
            self._torn = False
        self._held = data[cut:]
        return data[:cut]

    def rest(self) -> bytes:
        """Give what was held back, at the end of a stream that ended well."""
        held, self._held = self._held, b""
        return held

    @property
    def torn(self) -> bool:
        """Whether the client has got the beginning of an event that is not finished."""
        return self._torn


def events_in(data: bytes) -> Iterator[bytes]:
    """Split whole events, each with the empty line that ends it."""
    at = 0
    for end in _END.finditer(data):
        yield data[at : end.end()]
        at = end.end()
    if at < len(data):
        yield data[at:]


@attrs.frozen
class Mark:
    """What tells an event that is worth a look from the many that are not: a pattern, or a word.

    A pattern that begins with one plain character is found several times faster than any other.
    """

    pattern: re.Pattern[bytes]
    word: bytes

    def spots(self, data: bytes) -> Sequence[int]:
        """Give every place where it stands, in order, by one search for each of the two; most often none."""
        at = data.find(self.word)
        first = self.pattern.search(data)
        if first is None and at < 0:
            return ()
        begin = len(data) if first is None else first.start()
        found = [match.start() for match in self.pattern.finditer(data, begin)]
        while at >= 0:
            found.append(at)
            at = data.find(self.word, at + len(self.word))
        return sorted(found) if len(found) > 1 else found

    def split(self, data: bytes, spots: Sequence[int]) -> Iterator[tuple[bytes, bool]]:
        """Split whole events: each with one of the spots in it on its own, and what is between them."""
        only_lf = b"\r" not in data
        at = 0
        for spot in spots:
            if spot < at:
                continue  # in the event that was given already
            begin, end = _around(data, at, spot, only_lf=only_lf)
            if begin > at:
                yield data[at:begin], False
            yield data[begin:end], True
            at = end
        if at < len(data):
            yield data[at:], False


async def events_of(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give an answer's server-sent events one by one, each with the empty line that ends it.

    What stands after the last of them comes as it is. UpstreamFailed for an event of more than 4 MB.
    """
    cutter = EventCutter(_LONGEST_EVENT)
    async for piece in content:
        events = cutter.feed(piece)
        if cutter.torn:
            raise UpstreamFailed(f"The upstream answered with an event of more than {_LONGEST_EVENT} bytes.")
        for event in events_in(events):
            yield event
    if rest := cutter.rest():
        yield rest


def data_of(event: bytes) -> bytes:
    """Join the `data` lines of one event."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2 and b"\r" not in event:
        return event[6:-2]  # as nearly all are: one line, and the empty one
    lines = (line for line in _LINE.split(event.removeprefix(_BYTE_ORDER_MARK)) if line.startswith(b"data"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line[4:5] == b":")


def _around(data: bytes, at: int, spot: int, *, only_lf: bool) -> tuple[int, int]:
    """Give where the event begins and ends in which a spot is; `at` is the beginning of an earlier one."""
    if only_lf:
        begin, end = data.rfind(b"\n\n", at, spot), data.find(b"\n\n", spot)
        return (at if begin < 0 else begin + 2), (len(data) if end < 0 else end + 2)
    begin = at
    for found in _END.finditer(data, at):
        if found.end() > spot:
            return begin, found.end()
        begin = found.end()
    return begin, len(data)


def _last_end(data: bytes) -> int:
    plain = data.rfind(b"\n\n") + 2
    if b"\r" not in data:
        return plain if plain > 1 else 0
    last = 0
    for end in _END.finditer(data):
        last = end.end()
    return last
