"""The decoder of the event stream: against botocore's, at any boundary, and on hostile bytes."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from gaud_provider_kiro import frames
from gaud_provider_kiro.frames import BadFrame, Frame, FrameReader

from .eventstream import event, frame

EMPTY = bytes.fromhex("000000100000000005c248eb7d98c8ff")
HI = bytes.fromhex(
    "0000007c0000005c3bddcf780b3a6576656e742d74797065070016617373697374616e74526573706f6e73654576656e74"
    "0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d7479706507"
    "00056576656e747b22636f6e74656e74223a224869227db02babdc"
)

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda name: len(name.encode()) < 100
)
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=40), st.text(max_size=40)
)
FRAMES = st.tuples(st.dictionaries(NAMES, VALUES, max_size=5), st.binary(max_size=60))


def read(data: bytes, cuts: list[int] | None = None) -> list[Frame]:
    """Read a stream that comes in pieces; it must end with a frame."""
    reader, begin = FrameReader(), 0
    found: list[Frame] = []
    for cut in [*sorted(at % (len(data) + 1) for at in cuts or []), len(data)]:
        found += reader.feed(data[begin:cut])
        begin = cut
    assert not reader.is_torn
    return found


def sealed(body: bytes) -> bytes:
    """Put the checksum behind a frame."""
    return body + struct.pack(">I", zlib.crc32(body))


def with_block(block: bytes) -> bytes:
    """A frame with these bytes for its headers, and right checksums."""
    prelude = struct.pack(">II", 16 + len(block), len(block))
    return sealed(prelude + struct.pack(">I", zlib.crc32(prelude)) + block)


def test_the_published_vectors() -> None:
    """AWS's empty message, and an event."""
    assert read(EMPTY + HI) == [
        Frame({}),
        Frame(
            {
                ":event-type": "assistantResponseEvent",
                ":content-type": "application/json",
                ":message-type": "event",
            },
            b'{"content":"Hi"}',
        ),
    ]


def test_the_writer_of_the_tests_writes_the_same() -> None:
    """What the scripted Kiro sends is what the real one sends."""
    assert (frame({}), event("assistantResponseEvent", {"content": "Hi"})) == (EMPTY, HI)


@given(st.lists(FRAMES, max_size=4), st.lists(st.integers(0, 10_000), max_size=12))
def test_botocore_reads_the_same(told: list[tuple[dict[str, Any], bytes]], cuts: list[int]) -> None:
    """However the bytes are cut, both readers find the same messages."""
    data = b"".join(frame(headers, payload) for headers, payload in told)
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    oracle = [Frame(dict(message.headers), message.payload) for message in buffer]
    assert read(data, cuts) == oracle == [Frame(headers, payload) for headers, payload in told]


def test_every_type_of_header() -> None:
    """Those that Kiro does not use as well: moments and UUIDs."""
    known = uuid.UUID(int=7)
    block = b"\x01a\x08" + struct.pack(">q", 1_800_000_000_123) + b"\x01b\x09" + known.bytes
    (found,) = read(with_block(block))
    assert found.headers == {"a": 1_800_000_000_123, "b": known.bytes}


@given(FRAMES, st.data())
def test_a_changed_byte_is_found(told: tuple[dict[str, Any], bytes], data: st.DataObject) -> None:
    """Neither checksum lets a flipped bit pass; botocore agrees."""
    whole = bytearray(frame(*told))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BadFrame):
        list(FrameReader().feed(bytes(whole)))


@given(st.binary(max_size=200))
def test_random_bytes_are_no_crash(data: bytes) -> None:
    """They are refused, or too few to be told."""
    reader = FrameReader()
    try:
        list(reader.feed(data))
    except BadFrame:
        return
    assert len(data) < 16 or reader.is_torn


@given(st.binary(max_size=60))
def test_random_headers_are_no_crash(block: bytes) -> None:
    """With right checksums too: they are read, or refused in words."""
    reader = FrameReader()
    with suppress(BadFrame):
        assert len(list(reader.feed(with_block(block)))) == 1


HOSTILE: Mapping[str, bytes] = {
    "a name without a value": b"\x01a",
    "no name": b"\x00\x00",
    "a name that is too short": b"\x05ab",
    "a name that is not UTF-8": b"\x01\xff\x00",
    "a text that is not UTF-8": b"\x01a\x07\x00\x01\xff",
    "a value that is too short": b"\x01a\x07\x00\x09x",
    "a number that is too short": b"\x01a\x05\x00",
    "a length that is too short": b"\x01a\x06\x00",
    "an unknown type": b"\x01a\x0a",
    "a name twice": b"\x01a\x00\x01a\x01",
}


@pytest.mark.parametrize("block", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_headers(block: bytes) -> None:
    """Each is refused, with right checksums."""
    with pytest.raises(BadFrame):
        read(with_block(block))


@pytest.mark.parametrize(
    ("total", "headers"),
    [
        (15, 0),
        (0, 0),
        (frames.LONGEST_FRAME + 1, 0),
        (0xFFFFFFFF, 0),
        (16, 1),
        (1 << 20, frames.LONGEST_HEADERS + 1),
    ],
)
def test_lengths_are_bounded(total: int, headers: int) -> None:
    """A frame that claims too much is refused at its beginning, before anything is kept for it."""
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(BadFrame, match="claim"):
        list(FrameReader().feed(prelude + struct.pack(">I", zlib.crc32(prelude))))


def test_an_unfinished_frame_is_torn() -> None:
    """Whoever reads can tell an end from a break."""
    reader = FrameReader()
    assert list(reader.feed(HI[:-1])) == []
    assert reader.is_torn
    assert len(list(reader.feed(HI[-1:]))) == 1
    assert not reader.is_torn
