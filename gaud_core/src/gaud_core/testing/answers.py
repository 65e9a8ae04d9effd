"""What a scripted upstream can answer, well-behaved or not."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from .signal import Signal, Waitable

__all__ = ["Answer", "Cut", "Framing", "Headers", "Pause", "Step"]

HeaderPairs = tuple[tuple[str, str], ...]
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class Framing(enum.Enum):
    """How the end of a body is told."""

    LENGTH = "content-length"
    CHUNKED = "chunked"
    CLOSE = "close"
    NONE = "none"
    """No head at all: the steps are everything that goes over the wire."""


class Cut(enum.Enum):
    """How a connection ends before its answer does."""

    CLOSE = "close"
    """An orderly FIN, without the rest of the body or the last chunk."""
    RESET = "reset"
    """A RST."""


@attrs.frozen
class Pause:
    """Wait by the clock; prefer a `Signal` wherever the test can say when to go on."""

    seconds: float


Step = bytes | Waitable | Pause | Cut
"""One thing to do for a body: write these bytes, wait for that, or break off."""


def _pairs(headers: Headers) -> HeaderPairs:
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


@attrs.frozen
class Answer:
    """One scripted answer; it may be given to any number of requests if its steps can be iterated again."""

    steps: Iterable[Step] = ()
    status: int = 200
    headers: HeaderPairs = attrs.field(default=(), converter=_pairs)
    framing: Framing = Framing.LENGTH
    claims: int | None = None
    """The content-length to claim, where it is not the true one."""
    before: Iterable[Step] = ()
    """Steps before the head: a stall, or a cut."""

    @classmethod
    def whole(
        cls,
        body: bytes = b"",
        status: int = 200,
        headers: Headers = (),
        content_type: str = "application/octet-stream",
    ) -> Answer:
        """A body in one piece, with its content-length."""
        return cls([body], status, _typed(content_type, headers))

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers = ()) -> Answer:
        """A JSON body; bytes are sent as they are."""
        body = value if isinstance(value, bytes) else _dump(value)
        return cls.whole(body, status, headers, "application/json")

    @classmethod
    def html(cls, text: str = "<html><h1>Bad Gateway</h1></html>", status: int = 502) -> Answer:
        """What a reverse proxy in front of the upstream says when the upstream is down."""
        return cls.whole(text.encode(), status, content_type="text/html")

    @classmethod
    def error(
        cls,
        status: int,
        message: str = "scripted error",
        type: str = "scripted_error",
        code: str | None = None,
        headers: Headers = (),
    ) -> Answer:
        """An error in OpenAI's envelope."""
        error = {"message": message, "type": type, "param": None, "code": code}
        return cls.json({"error": error}, status, headers)

    @classmethod
    def rate_limited(cls, retry_after: int | str = 7) -> Answer:
        """A 429 with retry-after, in seconds or as an HTTP date."""
        return cls.error(
            429,
            "Rate limit reached",
            "rate_limit_error",
            "rate_limit_exceeded",
            {"retry-after": str(retry_after)},
        )

    @classmethod
    def stream(
        cls,
        steps: Iterable[Step],
        status: int = 200,
        headers: Headers = (),
        content_type: str = "text/event-stream",
        framing: Framing = Framing.CHUNKED,
    ) -> Answer:
        """A body in pieces: each bytes object is one chunk, each gate is waited for in its turn."""
        return cls(steps, status, _typed(content_type, headers), framing)

    @classmethod
    def drip(
        cls, body: bytes, seconds: float = 0.01, size: int = 1, content_type: str = "text/event-stream"
    ) -> Answer:
        """A slow stream that keeps flowing: `size` bytes every `seconds`."""
        return cls.stream(_Drip(body, seconds, size), content_type=content_type)

    @classmethod
    def endless(
        cls, piece: bytes = b"x" * 65536, total: int | None = None, framing: Framing = Framing.CHUNKED
    ) -> Answer:
        """A huge body made as it is sent: `total` bytes, or as many as the peer will take."""
        if framing is Framing.LENGTH and total is None:
            raise ValueError("an endless body has no content-length: give a total, or another framing")
        claims = total if framing is Framing.LENGTH else None
        return cls(_Endless(piece, total), 200, _typed("application/json", ()), framing, claims)

    @classmethod
    def stalled(cls, gate: Waitable | None = None, then: Answer | None = None) -> Answer:
        """Nothing, not even a head, until `gate` opens (or for ever); then the answer `then`."""
        return attrs.evolve(then or cls.whole(), before=[gate or Signal()])

    @classmethod
    def reset(cls) -> Answer:
        """A RST instead of an answer."""
        return cls(before=[Cut.RESET])

    @classmethod
    def closed(cls) -> Answer:
        """The connection is closed in order, without a byte of answer."""
        return cls(before=[Cut.CLOSE])

    @classmethod
    def short(cls, body: bytes, claims: int, content_type: str = "application/json") -> Answer:
        """A body that ends before its content-length."""
        return cls([body, Cut.CLOSE], 200, _typed(content_type, ()), claims=claims)

    @classmethod
    def unterminated(cls, steps: Iterable[Step], cut: Cut = Cut.CLOSE) -> Answer:
        """A chunked stream that breaks off without its last chunk."""
        return cls.stream([*steps, cut])

    @classmethod
    def garbage(cls, data: bytes = b"\x00\xff\x16\x03 this is no HTTP \r\n\r\n") -> Answer:
        """Bytes that are no HTTP at all, then the end of the connection."""
        return cls.raw([data])

    @classmethod
    def raw(cls, steps: Iterable[Step]) -> Answer:
        """Everything that goes over the wire, head included; the connection is closed after it."""
        return cls(steps, framing=Framing.NONE)


@attrs.frozen
class _Drip:
    body: bytes
    seconds: float
    size: int

    def __iter__(self) -> Iterator[Step]:
        for start in range(0, len(self.body), self.size):
            yield self.body[start : start + self.size]
            yield Pause(self.seconds)


@attrs.frozen
class _Endless:
    piece: bytes
    total: int | None

    def __iter__(self) -> Iterator[Step]:
        left = self.total
        while left is None or left > 0:
            yield self.piece if left is None else self.piece[:left]
            left = None if left is None else left - len(self.piece)


def _typed(content_type: str, headers: Headers) -> HeaderPairs:
    pairs = _pairs(headers)
    if any(name.lower() == "content-type" for name, _ in pairs):
        return pairs
    return (("content-type", content_type), *pairs)


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
