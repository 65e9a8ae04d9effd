"""A served Gaud inside this process, with an upstream beside it, for looking at what one call does.

    python -m benchmarks.inside [--stream] [--calls 500]

prints where the time of the serving thread goes, by function.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn

from benchmarks.people import make_key
from benchmarks.wire import Target, Upstream, drive
from gaud_core.app import create_app
from gaud_core.cli.worker import server_settings
from gaud_core.config import load_config
from gaud_core.gateway.guests.plugins import discover

__all__ = ["served"]


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[int, str]]:
    """Serve with everything on; gives the port and a key."""
    loop = asyncio.get_running_loop()
    upstream = await loop.create_server(Upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    environ = {"GAUD_DATA_DIR": str(folder), "GAUD_LITELLM_URL": url}
    plugins = [plugin for plugin in discover(environ) if plugin.name == "litellm"]
    schemas = {plugin.name: plugin.provider.settings_class for plugin in plugins if plugin.provider}
    config = load_config(None, environ, schemas)
    key = make_key(folder)
    app = create_app(config, plugins=plugins)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(server_settings(app, config.server))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1], key
    finally:
        server.should_exit = True
        await running
        upstream.close()


async def _profile(stream: bool, calls: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as (port, key):
            target = Target.chat(port, key, stream=stream)
            await drive(target, 1, calls // 5)
            profile = cProfile.Profile()
            profile.enable()
            await drive(target, 1, calls)
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(70)


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(description="Where the time of one call goes.")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    asyncio.run(_profile(options.stream, options.calls))


if __name__ == "__main__":
    main()
