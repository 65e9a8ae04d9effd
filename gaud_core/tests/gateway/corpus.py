"""Reads the exchanges in `tests/corpus`: what a client sends, what the upstream answers, what is booked.

A file has lines `> METHOD TARGET` and `> name: value`, the request's body, a line `< STATUS CONTENT-TYPE`,
the answer's body, and a line `= name=value …`. In multipart bodies lines end with CR LF.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from gaud_core.gateway.dialects import ENDPOINTS

__all__ = ["CORPUS", "Exchange", "exchanges", "read"]

CORPUS = Path(__file__).parents[3] / "tests" / "corpus"


@attrs.frozen
class Exchange:
    """One exchange; `request` and `answer` are bodies, byte for byte."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    request: bytes
    status: int
    content_type: str
    answer: bytes
    booked: dict[str, str]

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        path = self.target.removeprefix("/v1/").partition("?")[0]
        return path if path in ENDPOINTS else path.partition("/")[0]

    @property
    def is_stream(self) -> bool:
        """Whether the answer is one of events."""
        return self.content_type.startswith("text/event-stream")

    def to_upstream(self) -> bytes:
        """The body that has to reach the upstream."""
        return self.request.replace(b"acme:m", b"m")


def exchanges() -> list[str]:
    """Name every exchange, as `folder/name`."""
    return sorted(path.relative_to(CORPUS).with_suffix("").as_posix() for path in CORPUS.rglob("*.http"))


def read(name: str) -> Exchange:
    """Read one exchange."""
    lines = (CORPUS / f"{name}.http").read_bytes().split(b"\n")
    head = [line[2:].decode() for line in lines if line.startswith(b"> ")]
    method, target = head[0].split(" ")
    headers = tuple((key, value) for key, _, value in (line.partition(": ") for line in head[1:]))
    turn = next(at for at, line in enumerate(lines) if line.startswith(b"< "))
    end = next(at for at, line in enumerate(lines) if line.startswith(b"= "))
    status, content_type = lines[turn][2:].decode().split(" ", 1)
    body = b"\n".join(lines[len(head) : turn])
    if any(value.startswith("multipart/") for _, value in headers):
        body = body.replace(b"\n", b"\r\n") + b"\r\n"
    answer = b"\n".join(lines[turn + 1 : end]) + (b"\n" if content_type.startswith("text/event") else b"")
    booked = dict(part.split("=", 1) for part in lines[end][2:].decode().split())
    return Exchange(method, target, headers, body, int(status), content_type, answer, booked)
