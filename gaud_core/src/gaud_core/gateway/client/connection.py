"""One connection to an upstream: a request goes out, its answer comes back, then the next."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Callable
from typing import cast

import httptools

from gaud_core.gateway.client.answer import Answer, Broken, NoAnswer, NotHTTP

__all__ = ["Connection"]

_MOST_HELD = 256 * 1024
"""How much of an answer waits for its reader before the upstream has to wait."""

_LONGEST_LINE = 64 * 1024
_LONGEST_HEAD = 256 * 1024
_ONE_WRITE = 64 * 1024
_NEVER = float("inf")


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; `free` hears when it can carry the next, `gone` when it never will."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        free: Callable[[Connection], None],
        gone: Callable[[Connection], None],
    ) -> None:
        self.loop = loop
        self.closed = False
        self.idle_since = 0.0
        self._poll: select.poll | None = None
        self._bodies: list[bytes] = []
        self.on_body = self._bodies.append  # the parser calls it for each chunk of a stream
        self._free, self._gone = free, gone
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._deadline = self._armed_for = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._sending_until: float | None = None
        self._unread = 0
        self._reading = True
        self._eof = False

    # ------------------------------------------------------------------ what the client does

    def send(
        self, head: bytes, body: bytes | AsyncIterator[bytes], *, chunked: bool, bare: bool, patience: float
    ) -> Answer:
        """Send a request; `bare` when its answer has no body whatever it says (HEAD).

        Of a body in pieces the upstream has `patience` seconds to take each, and then to answer; how long one
        takes to come is not the upstream's fault.
        """
        answer = self._answer = Answer(self, self.loop)
        self._bare = bare
        self._in_head, self._interim, self._reusable, self._to_end = True, False, False, False
        self._unread = 0
        self._sending_until = None
        if not isinstance(body, bytes):
            self._transport.write(head)
            self._writer = self.loop.create_task(
                self._write(answer, body, chunked=chunked, patience=patience)
            )
        elif len(body) <= _ONE_WRITE:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        return answer

    def watch(self, deadline: float) -> None:
        """Fail the answer when its time is over. The timer is moved only when it would be late.

        While a body goes out in pieces, how far that is decides about the time, and not who waits.
        """
        if self._sending_until is not None and self._answer is not None and not self._answer.status:
            deadline = self._sending_until
        self._deadline = deadline
        if deadline < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._arm(deadline)

    def look_at(self, own: socket.socket) -> None:
        """Be able to ask the kernel about this connection; Windows has no poll, and does without."""
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(own, select.POLLIN)

    def was_left(self) -> bool:
        """Whether the upstream has closed while nobody asked it anything, or speaks unasked.

        The kernel knows it earlier than the event loop, which may be busy for milliseconds; and a call that
        is sent into a closed connection is lost, since nobody may repeat it.
        """
        return self.closed or (self._poll is not None and bool(self._poll.poll(0)))

    def drained(self) -> None:
        """Read on."""
        if not self._reading and not self.closed:
            self._reading = True
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; whoever still reads hears of it."""
        self.closed = True
        self._transport.abort()

    # ------------------------------------------------------------------ what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        answer = self._answer
        if answer is None:
            self.abort()  # nobody has asked for anything
            return
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Broken() if answer.status else NotHTTP())
        if self._bodies:
            self._take_in(answer)
        if self._unread > _LONGEST_HEAD and self._answer is answer:  # a head or trailers without end
            self._fail(Broken() if answer.status else NotHTTP())
        if self._answer is None:
            self._finish()
        elif answer.held > _MOST_HELD and self._reading:
            self._reading, answer.full = False, True
            self._transport.pause_reading()
        if answer.wake() and answer.idle is not None:
            self._deadline = self.loop.time() + answer.idle

    def eof_received(self) -> None:
        """Note an end in order: it completes an answer that says no length."""
        self._eof = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more comes."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is not None:
            self._writer.cancel()
        self.resume_writing()
        answer = self._answer
        if answer is not None and answer.status and self._to_end and self._eof:
            self._complete(answer)
            answer.wake()
        elif answer is not None:
            self._fail(Broken() if answer.status else NoAnswer())
        self._gone(self)

    def pause_writing(self) -> None:
        """Let the request's body wait."""
        self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """Let it go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # ------------------------------------------------------------------ what the parser says

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._answer is None:
            self._reusable = False
            raise NotHTTP

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in, its name in lower case; trailers come by the same way, and nobody wants them."""
        if self._in_head and self._answer is not None:
            if len(name) + len(value) > _LONGEST_LINE:
                raise NotHTTP
            self._answer.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Look how the answer is framed."""
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None or status == 101 or status < 100:
            raise NotHTTP
        if status < 200:
            self._interim = True
            answer.headers.clear()
            return
        self._in_head = False
        self._reusable = self._parser.should_keep_alive() and not self._bare
        framing, has_length = [], False
        for name, value in answer.headers:
            if name == b"transfer-encoding":
                framing.append(value.lower())
            has_length = has_length or name == b"content-length"
        if framing and framing != [b"chunked"]:
            raise NotHTTP
        self._to_end = not framing and not has_length
        answer.status = status
        if self._bare:
            self._complete(answer)

    def on_message_complete(self) -> None:
        """End the answer; one with a status of 1xx was only the announcement of it."""
        if self._interim:
            self._interim = False
        elif self._answer is not None:
            self._complete(self._answer)

    # ------------------------------------------------------------------ inside

    def _take_in(self, answer: Answer) -> None:
        bodies = self._bodies
        piece = bodies[0] if len(bodies) == 1 else b"".join(bodies)
        bodies.clear()
        self._unread = 0
        if not self._bare:
            answer.pieces.append(piece)
            answer.held += len(piece)

    def _complete(self, answer: Answer) -> None:
        answer.complete = True
        self._answer = None
        self._deadline = _NEVER

    def _finish(self) -> None:
        """Keep the connection if it can carry another request; one that still sends this one cannot."""
        unsent = self._writer is not None and not self._writer.done()
        if self._reusable and not unsent and not self._transport.get_write_buffer_size() and not self.closed:
            self._writer = None
            self.drained()
            self._free(self)
        else:
            self.closed = True
            self._transport.close()

    def _fail(self, error: BaseException) -> None:
        answer = self._answer
        if answer is not None:
            answer.error = answer.error or error
            answer.wake()
        if not self.closed:
            self.abort()

    def _arm(self, when: float) -> None:
        self._armed_for = when
        self._timer = self.loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer, self._armed_for = None, _NEVER
        if self.loop.time() >= self._deadline:
            self._fail(TimeoutError())
        elif self._deadline < _NEVER:
            self._arm(self._deadline)

    def _give(self, answer: Answer, seconds: float) -> None:
        """Give the upstream so long from now on, as long as nobody reads its answer already."""
        if not answer.status and self._answer is answer:
            self._sending_until = self.loop.time() + seconds
            self.watch(self._sending_until)

    async def _write(
        self, answer: Answer, body: AsyncIterator[bytes], *, chunked: bool, patience: float
    ) -> None:
        try:
            self._give(answer, _NEVER)
            async for piece in body:
                self._give(answer, patience)
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if self._writable is not None:
                    await self._writable
                self._give(answer, _NEVER)
            if chunked:
                self._transport.write(b"0\r\n\r\n")
            self._give(answer, patience)
        except BaseException as error:  # whoever waits for the answer is to hear why there is none
            self._fail(error if isinstance(error, Exception) else Broken())
            if not isinstance(error, Exception):
                raise
