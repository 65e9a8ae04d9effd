"""Installed plugins that misbehave, each in one way, to stand beside a good one."""

from __future__ import annotations

from pathlib import Path

import attrs

__all__ = ["CULPRITS", "GOOD_SEND", "Culprit", "install", "source"]

_HEAD = '''
import asyncio, sys, time
from gaud_core import *

@settings
class Settings:
    """Settings."""
    note: str = option(default="", help="Nothing.")

class P(Provider[Settings]):
    """A provider."""
    name = "{name}"
'''
GOOD_SEND = """
async def send(self, call):
    return Reply(200, (("content-type", "application/json"),), b'{"choices":[]}')
"""
_EVENTS = """
async def send(self, call):
    async def pieces():
        yield b'data: {"choices":[{"delta":{"content":"Hello"}}]}\\n\\n'
        raise RuntimeError("no luck")
    return Reply(200, (("content-type", "text/event-stream"),), pieces())
"""
_CLOSES = """
async def send(self, call):
    async def aclose():
        raise RuntimeError("no luck")
    return Reply(200, (("content-type", "application/json"),), b'{"choices":[]}', aclose)
"""
_LEAKS = """
async def poll(self):
    while True:
        await asyncio.sleep(60)
async def send(self, call):
    self.polling = asyncio.create_task(self.poll())
    return Reply(200, (("content-type", "application/json"),), b'{"choices":[]}')
"""


def source(name: str, *members: str) -> str:
    """Give a module with a provider `P`; `members` are what stands in its class."""
    lines = "\n".join(members or [GOOD_SEND]).splitlines()
    return _HEAD.format(name=name) + "\n".join(f"    {line}" for line in lines) + "\n"


def _raising(method: str, *, plain: bool = False) -> str:
    return f"{'' if plain else 'async '}def {method}(self, *given):\n    raise RuntimeError('no luck')\n"


@attrs.frozen
class Culprit:
    """A plugin's code, and what is said of it; `status` is what its callers get."""

    code: str
    told: str
    """In `/health`, by `gaud providers` and, if there is no `logged`, in the log."""
    logged: str = ""
    status: int = 404
    group: str = "gaud.providers.v1"
    section: str = ""


_CRASH = "{}() raised RuntimeError"
_CRASHED = "the provider raised an exception in {}()"

CULPRITS: dict[str, Culprit] = {
    "import": Culprit("raise RuntimeError('no luck')", "its import fails: RuntimeError: no luck"),
    "future": Culprit(
        source("future"), "it is made for another contract, `gaud.providers.v2`", group="gaud.providers.v2"
    ),
    "newer": Culprit(source("newer", 'contract = "2.0"'), "it claims level '2.0' of the contract"),
    "type": Culprit("P = 7", "its entry point names something that is no Provider class"),
    "schema": Culprit(
        source("schema").replace("Provider[Settings]", "Provider[int]"),
        "the settings class of provider `schema` is broken",
    ),
    "settings": Culprit(source("settings"), "is not a known setting", section="nonsense = 1"),
    "init": Culprit(
        source("init", "def __init__(self, settings, ctx):\n    sys.exit('no luck')"),
        "SystemExit: no luck",
        status=404,
    ),
    "known": Culprit(
        source("known", _raising("known_models", plain=True)),
        "settings: RuntimeError: no luck",
        status=503,
    ),
    "start": Culprit(source("start", _raising("start")), "start: RuntimeError: no luck", status=503),
    "hang": Culprit(
        source("hang", "async def start(self):\n    await asyncio.Event().wait()"),
        "start: no end within 0.3 s",
        status=503,
    ),
    "stubborn": Culprit(
        source(
            "stubborn",
            "async def start(self):\n    while not getattr(self, 'freed', False):\n        try:\n"
            "            await asyncio.sleep(0.5)\n            self.freed = True\n"
            "        except asyncio.CancelledError:\n            pass",
        ),
        "start: no end within 0.3 s",
        status=503,
    ),
    "models": Culprit(
        source("models", _raising("models"), GOOD_SEND),
        _CRASH.format("models"),
        _CRASHED.format("models"),
        200,
    ),
    "health": Culprit(
        source("health", _raising("health"), GOOD_SEND),
        _CRASH.format("health"),
        _CRASHED.format("health"),
        200,
    ),
    "interval": Culprit(
        source("interval", _raising("models_interval", plain=True), GOOD_SEND),
        _CRASH.format("models_interval"),
        _CRASHED.format("models_interval"),
        200,
    ),
    "explain": Culprit(
        source(
            "explain",
            _raising("explain", plain=True),
            "async def send(self, call):\n    raise Unavailable('It rains.')",
        ),
        _CRASH.format("explain"),
        _CRASHED.format("explain"),
        503,
    ),
    "send": Culprit(source("send", _raising("send")), _CRASH.format("send"), _CRASHED.format("send"), 502),
    "stream": Culprit(source("stream", _EVENTS), _CRASH.format("send"), _CRASHED.format("send"), 200),
    "close": Culprit(source("close", _CLOSES), _CRASH.format("send"), _CRASHED.format("send"), 200),
    "block": Culprit(
        source("block", GOOD_SEND.replace("return", "time.sleep(0.4); return")),
        "held up the event loop, and with it every call, for 0.",
        "culprit_block.py, line 15, in P.send",
        200,
    ),
    "leak": Culprit(
        source("leak", _LEAKS), "left a task behind: P.poll() in ", "left a task behind: P.poll()", 200
    ),
}


def install(
    folder: Path, name: str, code: str, *, distribution: str = "", group: str = "gaud.providers.v1"
) -> None:
    """Put a distribution with one provider into a folder that is on Python's path."""
    distribution = distribution or f"gaud-{name}"
    module = f"culprit_{distribution.removeprefix('gaud-')}".replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{distribution}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:P\n")
