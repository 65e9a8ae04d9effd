"""One process that serves: the application, the server around it, and how it stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core.cli.common import Setup
from gaud_core.config.sections import Server
from gaud_core.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn

    from gaud_core.observe.metrics import Meter
    from gaud_core.store import Store

__all__ = ["Refusable", "make_server", "run", "serve_as_worker", "server_settings", "signals_end_well"]

_SETTLED_SECS = 5.0  # by then the providers have been asked for their models, and what that imports is there
_KEEP_ALIVE_SECS = 75  # longer than the pools of clients and proxies, so that they close first


def make_server(setup: Setup, store: Store, meter: Meter | None = None) -> tuple[Refusable, uvicorn.Server]:
    """Build the application and the server that will serve it."""
    import uvicorn

    from gaud_core.app import create_app

    inner = create_app(setup.config, plugins=setup.plugins, store=store, meter=meter)
    app = Refusable(inner)
    settings = server_settings(app, setup.config.server)
    inner.state.gateway.changed.append(lambda changed: _take_limits(changed.server, settings))
    server = uvicorn.Server(settings)
    _after_startup(server, _spare_the_collector_soon)
    return app, server


def _take_limits(server: Server, settings: uvicorn.Config) -> None:
    """Take the limits of the server itself from a changed configuration."""
    protocol: Any = settings.http
    protocol.max_head_bytes = server.max_header_bytes
    settings.timeout_graceful_shutdown = round(server.shutdown_secs)


def server_settings(app: Any, server: Server) -> uvicorn.Config:
    """Give uvicorn's settings: its fastest parts, and nothing of its own in headers and logs."""
    import uvicorn

    from gaud_core.gateway.http_protocol import protocol_with_limit

    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=protocol_with_limit(server.max_header_bytes),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whom to believe is said in server.trusted_proxies
        timeout_keep_alive=_KEEP_ALIVE_SECS,
        timeout_graceful_shutdown=round(server.shutdown_secs),
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return config


def run(server: uvicorn.Server, app: Refusable, listening: socket.socket) -> None:
    """Serve until a signal says to stop; ConfigError when the application refuses to start."""
    try:
        server.run(sockets=[listening])
    except SystemExit:
        if app.refusal is not None:
            raise app.refusal from None
        raise


def serve_as_worker(setup: Setup, listening: socket.socket, ready: Callable[[], None], meter: Meter) -> None:
    """Serve as one of several; `ready` is called when calls are taken."""
    from gaud_core.store import open_store

    app, server = make_server(setup, open_store(setup.config), meter)
    _after_startup(server, ready)
    with signals_end_well():
        run(server, app, listening)


def _after_startup(server: uvicorn.Server, listener: Callable[[], None]) -> None:
    """Call the listener when calls are taken."""
    begin = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await begin(sockets)
        if server.started:
            listener()

    server.startup = startup  # type: ignore[method-assign]


def _spare_the_collector_soon() -> None:
    asyncio.get_running_loop().call_later(_SETTLED_SECS, spare_the_collector)


def spare_the_collector() -> None:
    """Let the garbage collector look at what calls leave, and no more at all that was there before them.

    Hardly anything of a call is in a cycle. It went through the whole of Gaud again and again: a twelfth of
    the CPU time, and stops of many milliseconds.
    """
    gc.collect(0)  # in what is older there is hardly any garbage, and looking takes 50 ms
    gc.freeze()


@contextmanager
def signals_end_well() -> Iterator[None]:
    """End with exit code 0 after a signal: uvicorn shuts down and then raises the signal once more."""
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@attrs.define
class Refusable:
    """Keeps why the application refused to start: Starlette would have the server print a traceback."""

    app: Callable[[Any, Any, Any], Awaitable[None]]
    refusal: ConfigError | None = None

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Stand in the way of nothing but the start and the stop."""
        answer = self._lifespan if scope["type"] == "lifespan" else self.app
        return answer(scope, receive, send)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        failures: list[Any] = []

        async def send_all_but_failures(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                failures.append(message)
            else:
                await send(message)

        try:
            await self.app(scope, receive, send_all_but_failures)
        except ConfigError as error:
            self.refusal = error
            await send({"type": "lifespan.startup.failed", "message": ""})
        except BaseException:
            for failure in failures:
                await send(failure)
            raise
