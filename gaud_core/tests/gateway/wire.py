"""An HTTP client on a bare socket: it sends whatever it is told to, and sees how an answer really ended."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import attrs

HeaderLines = Iterable[tuple[str, str | bytes]]

POST_CHAT = "/v1/chat/completions"


@attrs.frozen
class Answered:
    """An answer as it came over the wire; `complete` tells whether its framing says that it is whole."""

    status: int
    headers: tuple[tuple[str, bytes], ...]
    body: bytes = b""
    complete: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's error object; fails unless the body is exactly its envelope."""
        envelope = self.json
        assert set(envelope) == {"error"}
        error: dict[str, Any] = envelope["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        assert error["message"]
        return error

    @property
    def message(self) -> str:
        """The message of OpenAI's error object."""
        message: str = self.error["message"]
        return message


class Wire:
    """One connection to the gateway."""

    def __init__(self, port: int, timeout: float = 5.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def leave(self) -> None:
        """Close in order, with a FIN."""
        self.socket.close()

    def reset(self) -> None:
        """Close with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def head(self) -> Answered:
        """Read one head; interim answers are heads like any other."""
        start, *lines = self._until(b"\r\n\r\n").split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        headers = tuple((name.decode("latin-1").lower(), value.strip()) for name, _, value in pairs)
        return Answered(int(start.split(b" ")[1]), headers)

    def pieces(self, head: Answered) -> Iterator[bytes]:
        """Read the body piece by piece; EOFError when it breaks off before its framing says so."""
        if (head.header("transfer-encoding") or "").lower() == "chunked":
            yield from self._chunks()
            return
        left = int(head.header("content-length") or 0)
        while left:
            piece = self._some(left)
            left -= len(piece)
            yield piece

    def answer(self) -> Answered:
        """Read one whole answer."""
        head = self.head()
        pieces = []
        try:
            for piece in self.pieces(head):
                pieces.append(piece)  # noqa: PERF402 - what came before a break counts
        except (EOFError, ConnectionResetError):
            return attrs.evolve(head, body=b"".join(pieces))
        return attrs.evolve(head, body=b"".join(pieces), complete=True)

    def rest(self) -> bytes:
        """Read until the gateway closes the connection."""
        data = [self._held]
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                data.append(piece)
        return b"".join(data)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._until(b"\r\n"), 16):
            piece = self._exactly(size)
            assert self._exactly(2) == b"\r\n"
            yield piece
        assert self._until(b"\r\n") == b""

    def _until(self, end: bytes) -> bytes:
        while end not in self._held:
            self._more()
        found, _, self._held = self._held.partition(end)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            self._more()
        piece, self._held = self._held[:count], self._held[count:]
        return piece

    def _some(self, limit: int) -> bytes:
        if not self._held:
            self._more()
        piece, self._held = self._held[:limit], self._held[limit:]
        return piece

    def _more(self) -> None:
        data = self.socket.recv(262144)
        if not data:
            raise EOFError
        self._held += data


def head_of(method: str, target: str, headers: HeaderLines) -> bytes:
    """Write a request's head, nothing added but a host."""
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"host: gaud.test"]
    lines += [name.encode("latin-1") + b": " + _bytes(value) for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])


def post(body: bytes, headers: HeaderLines = (), target: str = POST_CHAT) -> bytes:
    """Write a POST request with a JSON body."""
    own = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return head_of("POST", target, [*own, *headers]) + body


def post_chunked(pieces: Iterable[bytes], headers: HeaderLines = (), trailers: bytes = b"") -> bytes:
    """Write a POST request in chunks."""
    head = head_of("POST", POST_CHAT, [("transfer-encoding", "chunked"), *headers])
    return (
        head
        + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n"
        + trailers
        + b"\r\n"
    )


def chat(model: str = "acme:m", **fields: Any) -> bytes:
    """Write the JSON body of a chat call."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}).encode()


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")
