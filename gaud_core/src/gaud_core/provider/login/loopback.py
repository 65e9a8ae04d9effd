"""A listener on 127.0.0.1 for one redirect of a browser (RFC 8252 section 7.3), answered by a small page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import ClassVar

import attrs

from gaud_core.errors import LoginFailed

__all__ = ["Verdict", "redirect_listener"]

_LONGEST_HEAD = 1 << 14
_PATIENCE_SECS = 10.0
_CONNECTIONS = 16
_HEAD = (
    "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n"
    "cache-control: no-store\r\nreferrer-policy: no-referrer\r\n"
    "content-security-policy: default-src 'none'\r\nx-content-type-options: nosniff\r\n"
    "connection: close\r\n\r\n"
)
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Gaud</title><h1>{title}</h1><p>{text}</p>'
)


@attrs.frozen
class Verdict:
    """What a redirect says: the code, or why there is none; neither means that it is not ours."""

    code: str = attrs.field(default="", repr=False)
    problem: str = ""
    STRANGE: ClassVar[Verdict]


Verdict.STRANGE = Verdict()
Judge = Callable[[str], Verdict]


@contextlib.asynccontextmanager
async def redirect_listener(
    port: int, path: str, seen: asyncio.Future[Verdict]
) -> AsyncIterator[tuple[int, list[Judge]]]:
    """Listen until the block ends; the first redirect that a judge takes for ours goes to `seen`.

    It gives the port, and a list for the judge, who must know the port first.
    """
    judges: list[Judge] = []
    serving = _Serving(path, judges, seen)
    try:
        server = await asyncio.start_server(serving.serve, "127.0.0.1", port, limit=_LONGEST_HEAD)
    except OSError as error:
        raise LoginFailed(
            f"Gaud cannot listen on 127.0.0.1:{port} for the browser's answer: {error.strerror or error}. "
            "Stop what listens there."
        ) from None
    try:
        yield server.sockets[0].getsockname()[1], judges
        await serving.drained()
    finally:
        server.close()
        await serving.end()


@attrs.define(eq=False)
class _Serving:
    path: str
    judges: list[Judge]
    seen: asyncio.Future[Verdict]
    tasks: set[asyncio.Task[None]] = attrs.field(factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, and close it."""
        task = asyncio.current_task()
        if task is None or len(self.tasks) >= _CONNECTIONS:
            writer.close()
            return
        self.tasks.add(task)
        try:
            with contextlib.suppress(
                OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                async with asyncio.timeout(_PATIENCE_SECS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    verdict = self._judge(head)
                    writer.write(_answer(verdict))
                    await writer.drain()
                self._tell(verdict)
        finally:
            self.tasks.discard(task)
            writer.close()

    def _judge(self, head: bytes) -> Verdict | None:
        """Read the request's line: None for anything but the redirect's path."""
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path, _, query = rest.partition(" ")[0].partition("?")
        if method != "GET" or path != self.path:
            return None
        verdicts = (judge(query) for judge in self.judges)
        return next((verdict for verdict in verdicts if verdict != Verdict.STRANGE), Verdict.STRANGE)

    def _tell(self, verdict: Verdict | None) -> None:
        if verdict is not None and verdict != Verdict.STRANGE and not self.seen.done():
            self.seen.set_result(verdict)

    async def drained(self) -> None:
        """Let the page go out that is being written."""
        if tasks := [task for task in self.tasks if task is not asyncio.current_task()]:
            await asyncio.wait(tasks, timeout=0.2)

    async def end(self) -> None:
        """Leave no connection behind."""
        for task in (tasks := list(self.tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _answer(verdict: Verdict | None) -> bytes:
    if verdict is None:
        return _page("404 Not Found", "Nothing here", "This is where Gaud waits for a login to end.")
    if verdict == Verdict.STRANGE:
        return _page("400 Bad Request", "Not this login", "Begin again from where Gaud gave you the address.")
    if verdict.problem:
        return _page("200 OK", "Not logged in", "You can close this page; Gaud says what went wrong.")
    return _page("200 OK", "Thank you", "You can close this page and go back to Gaud.")


def _page(status: str, title: str, text: str) -> bytes:
    body = _PAGE.format(title=title, text=text).encode()
    return _HEAD.format(status=status, length=len(body)).encode() + body
