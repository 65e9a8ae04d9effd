"""The event cutter: bytes untouched, events whole, memory bounded, whatever the stream and its chunks are."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaud_core import UpstreamFailed, events_of
from gaud_core.sse import EventCutter, Mark, data_of, events_in

FAST = settings(max_examples=300, deadline=None)

# Line ends of every kind beside text, so that they meet in all ways.
STREAMS = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"data: x", b": c", b"data:", b""])
    | st.sampled_from([b"\xef\xbb\xbf", "ü😀".encode(), b"event: e", b"id", b"\x00", b"data: [DONE]"]),
    max_size=30,
).map(b"".join)
CUTS = st.lists(st.integers(0, 80), max_size=40)


def _chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[a:b] for a, b in itertools.pairwise(places)]


def _is_torn(cutter: EventCutter) -> bool:
    return cutter.torn


def _lines(stream: bytes) -> list[bytes]:
    """Split into lines with their ends, byte by byte, as the standard says it."""
    lines, line, at = [], b"", 0
    while at < len(stream):
        end = b"\r\n" if stream[at : at + 2] == b"\r\n" else stream[at : at + 1]
        if end in {b"\r\n", b"\r", b"\n"}:
            lines.append(line + end)
            line = b""
        else:
            line += end
        at += len(end)
    return [*lines, line] if line else lines


def _ends(stream: bytes) -> set[int]:
    """Where an event may end: after an empty line."""
    ends, at = set(), 0
    for line in _lines(stream):
        at += len(line)
        if not line.strip(b"\r\n"):
            ends.add(at)
    return ends


@FAST
@given(STREAMS, CUTS)
def test_nothing_is_lost_or_changed(stream: bytes, cuts: list[int]) -> None:
    """All that goes in comes out, in order, wherever the chunks are cut."""
    cutter = EventCutter()
    out = [cutter.feed(chunk) for chunk in _chunks(stream, cuts)]
    assert b"".join([*out, cutter.rest()]) == stream


@FAST
@given(STREAMS, CUTS)
@example(b"data: x\r\n\r\ndata: y\r\n\r\n", [10])
@example(b"data: x\r\rdata: y\r\r", [8, 9])
def test_only_whole_events_come_out(stream: bytes, cuts: list[int]) -> None:
    """What comes out ends where an event ends, never inside of one."""
    cutter, seen, ends = EventCutter(), 0, _ends(stream)
    for chunk in _chunks(stream, cuts):
        if out := cutter.feed(chunk):
            seen += len(out)
            assert seen in ends
        assert not _is_torn(cutter)


@FAST
@given(STREAMS, CUTS)
def test_no_event_waits_for_the_next(stream: bytes, cuts: list[int]) -> None:
    """A complete event is let through at once; only a CR at the very end may be half of a CR LF."""
    cutter, fed, seen = EventCutter(), b"", 0
    for chunk in _chunks(stream, cuts):
        fed += chunk
        seen += len(cutter.feed(chunk))
        sure = [end for end in _events(fed) if end < len(fed) or not fed.endswith(b"\r")]
        assert seen >= max(sure, default=0)


def _events(stream: bytes) -> set[int]:
    """Where an event that has a line ends."""
    ends, at, has_line = set(), 0, False
    for line in _lines(stream):
        at += len(line)
        if not line.strip(b"\r\n") and has_line:
            ends.add(at)
        has_line = bool(line.strip(b"\r\n"))
    return ends


@FAST
@given(STREAMS.map(lambda stream: stream * 3), CUTS, st.integers(1, 30))
def test_memory_is_bounded(stream: bytes, cuts: list[int], limit: int) -> None:
    """What is held back is no longer than the limit or the last chunk; and still nothing is lost."""
    cutter, fed, out = EventCutter(limit=limit), 0, b""
    for chunk in _chunks(stream, cuts):
        fed += len(chunk)
        out += cutter.feed(chunk)
        assert fed - len(out) <= max(limit, len(chunk), 3)
    assert out + cutter.rest() == stream


def test_long_event_is_let_through_in_pieces() -> None:
    """Behind an event that was too long the stream is in whole events again."""
    cutter = EventCutter(limit=10)
    first = cutter.feed(b"data: " + b"x" * 100)
    assert first
    assert _is_torn(cutter)
    second = cutter.feed(b"xx\n\ndata: y\n\ndata")
    assert not _is_torn(cutter)
    assert first + second == b"data: " + b"x" * 102 + b"\n\ndata: y\n\n"
    assert cutter.rest() == b"data"


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_end_of_a_long_event_may_be_cut_in_two(end: bytes) -> None:
    """The empty line that ends an event in pieces is found even if it comes byte by byte."""
    cutter = EventCutter(limit=10)
    out = cutter.feed(b"data: 0123456789")
    for at in range(len(end)):
        out += cutter.feed(end[at : at + 1])
    out += cutter.feed(b"data: y")
    assert out.startswith(b"data: 0123456789" + end)
    assert not _is_torn(cutter)


@FAST
@given(STREAMS)
def test_split_events_join_to_the_same_bytes(stream: bytes) -> None:
    """Splitting loses nothing."""
    assert b"".join(events_in(stream)) == stream


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_events_are_split_at_empty_lines(newline: bytes) -> None:
    """Each kind of line end separates events."""
    one, two = b": c" + newline + b"data: 1" + newline * 2, b"event: e" + newline + b"data: 2" + newline * 2
    assert list(events_in(one + two + b"data: 3")) == [one, two, b"data: 3"]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\r\n\r\n", b"x"),
        (b"data:  x\n\n", b" x"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"event: e\ndata: a\rid: 7\rdata:b\r\r", b"a\nb"),
        (b": data: no\n\n", b""),
        (b"datum: no\n\n", b""),
        (b"database: no\n\n", b""),
        (b"data\n\n", b""),
    ],
)
def test_data_of_an_event(event: bytes, data: bytes) -> None:
    """The data lines are joined, one space after the colon is taken away, all else is no data."""
    assert data_of(event) == data


def test_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """A stream may begin with a byte order mark (WHATWG HTML §9.2.5)."""
    assert data_of(b"\xef\xbb\xbfdata: x\n\n") == b"x"


async def _pieces(stream: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    for chunk in _chunks(stream, cuts):
        yield chunk


async def _collected(pieces: AsyncIterator[bytes]) -> list[bytes]:
    return [event async for event in events_of(pieces)]


@FAST
@given(STREAMS, CUTS)
def test_events_do_not_depend_on_the_chunks(stream: bytes, cuts: list[int]) -> None:
    """An author gets the same events however the network has cut the stream, and every byte once.

    Empty lines between them may stand alone or before the next.
    """
    events, uncut = (asyncio.run(_collected(_pieces(stream, where))) for where in (cuts, []))
    assert b"".join(events) == b"".join(uncut) == stream
    assert list(filter(None, map(data_of, events))) == list(filter(None, map(data_of, uncut)))


def test_an_endless_event_is_refused() -> None:
    """Memory stays bounded."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    with pytest.raises(UpstreamFailed, match="an event of more than 4194304 bytes"):
        asyncio.run(_collected(endless()))


@FAST
@given(STREAMS)
@example(b"data: [DONE]\n\n\ndata: x\n\ndata: [DONE]")
@example(b"data: [DONE]\r\r\ndata: \xc3\xbc[DONE]\n\n")
def test_a_mark_finds_just_the_events_that_have_it(stream: bytes) -> None:
    """What is split off is one whole event each; all else stays as it is, and in its place."""
    mark = Mark(re.compile("ü😀|event".encode()), b"[DONE]")
    pieces = list(mark.split(stream, mark.spots(stream)))
    assert b"".join(text for text, _ in pieces) == stream
    marked = [text.lstrip(b"\r\n") for text, is_marked in pieces if is_marked]
    assert marked == [event.lstrip(b"\r\n") for event in events_in(stream) if mark.spots(event)]


def test_marks_without_end_are_found_in_time() -> None:
    """An upstream that sends nothing but ends costs what its bytes cost, and not their square."""
    looked = _CountingPattern()
    stream = b"data: [DONE]\n\n" * 5000
    mark = Mark(looked, b"[DONE]")  # type: ignore[arg-type]
    assert sum(marked for _, marked in mark.split(stream, mark.spots(stream))) == 5000
    assert looked.searches == 1


class _CountingPattern:
    """A pattern that is nowhere, and counts how often it is looked for."""

    searches = 0

    def search(self, data: bytes) -> None:
        self.searches += 1

    def finditer(self, data: bytes, begin: int) -> Iterator[re.Match[bytes]]:
        assert begin == len(data)
        return iter(())
