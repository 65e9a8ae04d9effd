"""An upstream that answers by script, and misbehaves on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import attrs

from .answers import Answer, Cut, Framing, Pause, Step
from .http_wire import NotHTTP, PeerGone, Request, Wire, head, read_request
from .signal import Signal, Waitable

__all__ = ["Handler", "ScriptedUpstream", "Seen"]


@attrs.define(eq=False)
class Seen:
    """A request that arrived, and what became of it."""

    request: Request
    connection: int
    """Which connection it came on, counted from 1: equal numbers mean keep-alive."""
    at: float = attrs.field(factory=time.monotonic)
    """When it had been read, in seconds of `time.monotonic()`."""
    answered: Signal = attrs.field(factory=Signal)
    """Set once the whole answer is written, or broken off by script and the connection closed."""
    disconnected: Signal = attrs.field(factory=Signal)
    """Set if the peer leaves before that; `disconnected.at` says when."""

    @property
    def method(self) -> str:
        """The method, as sent."""
        return self.request.method

    @property
    def target(self) -> str:
        """The request target, with its query, as sent."""
        return self.request.target

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def body(self) -> bytes:
        """The body, as sent but for the chunked framing."""
        return self.request.body

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name."""
        return self.request.header(name)


Handler = Callable[[Seen], Answer | Awaitable[Answer]]
Script = Answer | Handler

_NO_ANSWER = Answer.error(404, "the script of this upstream has no answer")


class ScriptedUpstream:
    """A server on a free loopback port: `async with ScriptedUpstream() as upstream`.

    A request is answered by the route that `on` set for its path, else by the next entry of the queue that
    `add` fills, else by `default`. Errors in a handler become a 500 for the peer, and are raised when the
    server stops. Other threads may call everything that is no coroutine; let gates be `Signal`s then.
    """

    def __init__(self, default: Script | None = None) -> None:
        self.default: Script = default or _NO_ANSWER
        self.seen: list[Seen] = []
        """Every request, in order of arrival."""
        self.calls: list[Seen] = []
        """The requests that no route answered."""
        self.connections = 0
        """How many connections were ever accepted."""
        self.errors: list[Exception] = []
        """What handlers raised."""
        self.rejected: list[NotHTTP] = []
        """What peers sent that is no HTTP."""
        self._queue: deque[Script] = deque()
        self._routes: dict[str, Script] = {}
        self._arrivals: defaultdict[int, Signal] = defaultdict(Signal)
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address, without a path: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._wires)

    def add(self, *scripts: Script) -> None:
        """Queue answers: the next request without a route gets the first of them."""
        self._queue.extend(scripts)

    def on(self, path: str, script: Script) -> None:
        """Answer all requests for a path so, apart from the queue; `path` has no query."""
        self._routes[path] = script

    def reset(self, default: Script | None = None) -> None:
        """Forget script and requests, so that one server can serve many tests; routes stay."""
        self.default = default or _NO_ANSWER
        self._queue.clear()
        self.seen, self.calls, self.errors, self.rejected = [], [], [], []
        self._arrivals = defaultdict(Signal)

    async def call(self, number: int = 1, timeout: float = 5.0) -> Seen:
        """Wait for the call of that number, counted from 1 among those that no route answers."""
        async with asyncio.timeout(timeout):
            await self._arrivals[number].wait()
        return self.calls[number - 1]

    def wait_call(self, number: int = 1, timeout: float = 5.0) -> Seen:
        """The same as `call`, for a thread without a loop."""
        if not self._arrivals[number].wait_blocking(timeout):
            raise TimeoutError(
                f"call {number} did not arrive within {timeout} s; there were {len(self.calls)}"
            )
        return self.calls[number - 1]

    async def start(self) -> None:
        """Listen in the running loop."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection; the port is kept for another `start`."""
        if self._server is not None:
            self._server.close()
        tasks = [wire.task for wire in self._wires if wire.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()
        if exc is None:
            self.raise_errors()

    def raise_errors(self) -> None:
        """Raise what handlers raised."""
        if self.errors:
            raise ExceptionGroup("errors in the scripted upstream", self.errors)

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, default: Script | None = None) -> Iterator[Self]:
        """Run one in a thread and a loop of its own, for tests that start processes: `with … as upstream`."""
        upstream, ready, stop = cls(default), Signal(), Signal()
        thread = threading.Thread(
            target=lambda: asyncio.run(upstream._run(ready, stop)), name="scripted-upstream", daemon=True
        )
        thread.start()
        try:
            if not ready.wait_blocking():
                raise RuntimeError("the scripted upstream did not start")
            yield upstream
        finally:
            stop.set()
            thread.join(5)
        upstream.raise_errors()

    async def _run(self, ready: Signal, stop: Signal) -> None:
        await self.start()
        ready.set()
        await stop.wait()
        await self.stop()

    def _accept(self) -> Wire:
        self.connections += 1
        number = self.connections
        return Wire(lambda wire: self._serve(wire, number))

    async def _serve(self, wire: Wire, number: int) -> None:
        """Answer one connection's requests, one after another, until somebody closes it."""
        self._wires.add(wire)
        try:
            while await self._exchange(wire, number):
                pass
        except PeerGone:
            pass
        except NotHTTP as error:
            self.rejected.append(error)
        finally:
            self._wires.discard(wire)
            wire.close()

    async def _exchange(self, wire: Wire, number: int) -> bool:
        """Read a request and answer it; tell whether the connection can be used again."""
        request = await read_request(wire)
        seen = Seen(request, number)
        script = self._record(seen)
        try:
            again = await _perform(wire, request, await self._ask(script, wire, seen))
        except PeerGone:
            seen.disconnected.set()
            raise
        if not again:
            await wire.closed()
        seen.answered.set()
        return again and (request.header("connection") or "").lower() != "close"

    def _record(self, seen: Seen) -> Script:
        """Keep a request, and choose its answer."""
        self.seen.append(seen)
        if seen.path in self._routes:
            return self._routes[seen.path]
        script = self._queue.popleft() if self._queue else self.default
        self.calls.append(seen)
        self._arrivals[len(self.calls)].set()
        return script

    async def _ask(self, script: Script, wire: Wire, seen: Seen) -> Answer:
        """Turn a script into an answer."""
        if isinstance(script, Answer):
            return script
        try:
            answer = script(seen)
            if inspect.isawaitable(answer):
                task = asyncio.ensure_future(answer)
                await wire.unless_gone(task)
                return task.result()
            return answer
        except PeerGone:
            raise
        except Exception as error:
            self.errors.append(error)
            return Answer.error(500, f"the handler of this upstream failed: {error!r}")


async def _perform(wire: Wire, request: Request, answer: Answer) -> bool:
    """Write an answer; tell whether the connection can be used again."""
    if not await _take_steps(wire, answer.before, chunked=False):
        return False
    if answer.framing is Framing.NONE:
        await _take_steps(wire, answer.steps, chunked=False)
        return False
    await wire.write(head(answer.status, _framed(answer)))
    if request.method == "HEAD" or answer.status in (204, 304):
        return True
    chunked = answer.framing is Framing.CHUNKED
    if not await _take_steps(wire, answer.steps, chunked=chunked):
        return False
    if chunked:
        await wire.write(b"0\r\n\r\n")
    return answer.framing is not Framing.CLOSE


async def _take_steps(wire: Wire, steps: Iterable[Step], chunked: bool) -> bool:
    """Do one step after another; tell whether all were done, or a cut ended the connection."""
    for step in steps:
        match step:
            case bytes():
                await wire.write(_chunk(step) if chunked else step)
            case Pause():
                await wire.unless_gone(asyncio.sleep(step.seconds))
            case Cut.RESET:
                wire.reset()
                return False
            case Cut.CLOSE:
                return False
            case Waitable():
                await wire.unless_gone(step.wait())
    return True


def _framed(answer: Answer) -> list[tuple[str, str]]:
    """Return the answer's headers with those that tell its length."""
    headers = list(answer.headers)
    match answer.framing:
        case Framing.LENGTH:
            headers.append(("content-length", str(_length(answer))))
        case Framing.CHUNKED:
            headers.append(("transfer-encoding", "chunked"))
        case Framing.CLOSE:
            headers.append(("connection", "close"))
    return headers


def _length(answer: Answer) -> int:
    if answer.claims is not None:
        return answer.claims
    return sum(len(step) for step in answer.steps if isinstance(step, bytes))


def _chunk(data: bytes) -> bytes:
    """Frame a chunk; an empty one would end the body, so it becomes nothing."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""
