"""What there is below Gaud: a Starlette that echoes, and one that relays with aiohttp and does nothing else.

`python -m benchmarks.floor echo` or `… relay UPSTREAM_PORT` serves on a free port and prints the port.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """Answer with the body."""
    return Response(await request.body(), media_type="application/json")


def relay_to(port: int) -> Starlette:
    """Make an application that sends every body on and every answer back, unread."""
    sessions: list[aiohttp.ClientSession] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            sessions.append(session)
            yield

    async def relay(request: Request) -> Response:
        body = await request.body()
        url = f"http://127.0.0.1:{port}{request.url.path}"
        answer = await sessions[0].post(url, data=body, headers={"content-type": "application/json"})
        kind = answer.headers["content-type"]
        if kind == "application/json":
            return Response(await answer.read(), media_type=kind)
        return StreamingResponse(answer.content.iter_any(), media_type=kind)

    routes = [Route("/v1/chat/completions", relay, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve what was asked for."""
    routes = [Route("/v1/chat/completions", echo, methods=["POST"])]
    app = Starlette(routes=routes) if sys.argv[1] == "echo" else relay_to(int(sys.argv[2]))
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
