"""An application on loopback, in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients: to load the certificates of the world takes each of them longer than most tests take."""
_START_SECS = 20.0
_STOP_SECS = 10.0
_OPTIONS: dict[str, Any] = {
    "ws": "none",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,  # as `gaud serve` has it
    "timeout_graceful_shutdown": 1,
}


@contextlib.contextmanager
def on_loopback(app: Any, stopping: list[threading.Thread] | None = None, **options: Any) -> Iterator[int]:
    """Serve an application on a free port while the block runs, and give the port.

    `options` are uvicorn's. The thread has ended after the block, or is left to `stopping`: to wait for all
    at once is faster.
    """
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = uvicorn.Server(uvicorn.Config(app, **{**_OPTIONS, **options}))
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), name="gaud", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECS
        while not server.started:
            assert thread.is_alive(), "it does not start"
            assert time.monotonic() < deadline, "it does not start in time"
            time.sleep(0.005)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        if stopping is None:
            thread.join(_STOP_SECS)
        else:
            stopping.append(thread)
