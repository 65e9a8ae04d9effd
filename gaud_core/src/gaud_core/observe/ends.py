"""What is left to do when a request has ended: a call is counted, and everything has its line in the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, MutableMapping
from typing import Any

import attrs
from msgspec import Struct, field

from gaud_core.gateway.exchange import Exchange
from gaud_core.observe.logs import Line, log_calls
from gaud_core.observe.metrics import Meter

__all__ = ["Ended", "Ends", "write_lines"]

Scope = MutableMapping[str, Any]

# polled every few seconds by whoever watches over containers
_QUIET_PATHS = frozenset({"/health", "/metrics"})

log = logging.getLogger("gaud.calls")


class Ended(Struct, eq=False):
    """A request that has ended; `endpoint` is that of a call, `at` the time as `time.time` gives it."""

    scope: Scope
    exchange: Exchange
    millis: float
    endpoint: str = ""
    at: float = field(default_factory=time.time)


@attrs.define(eq=False)
class Ends:
    """Counts and logs the calls that have ended in one turn of the event loop together, in the next turn.

    Their clients have their answers by then. One after the other, each would find the processor's caches
    full of other work, and take three times as long.
    """

    meter: Meter
    _waiting: list[Ended] = attrs.field(factory=list)

    def add(self, ended: Ended) -> None:
        """Take a call that has ended now."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._work_off)
        self._waiting.append(ended)

    def _work_off(self) -> None:
        waiting, self._waiting = self._waiting, []
        for ended in waiting:
            self.meter.running -= 1
            self.meter.count(ended.endpoint, ended.exchange, ended.millis)
        write_lines(waiting)


def write_lines(ended: Iterable[Ended]) -> None:
    """Write the lines of requests, as far as lines of their kind are wanted."""
    lines = [_line(one, level) for one in ended if log.isEnabledFor(level := _level(one))]
    if lines:
        log_calls(lines)


def _line(ended: Ended, level: int) -> Line:
    exchange, scope = ended.exchange, ended.scope
    told = {
        "id": exchange.id,
        "method": scope["method"],
        "path": scope["path"],
        "status": exchange.status,
        "ms": round(ended.millis, 1),
        **exchange.fields,
    }
    return Line(log.name, level, ended.at, told)


def _level(ended: Ended) -> int:
    """A failure that is not the client's own is worth a warning; a broken stream has the status 200."""
    exchange = ended.exchange
    if exchange.status >= 500 or (exchange.status < 400 and "error" in exchange.fields):
        return logging.WARNING
    return logging.DEBUG if ended.scope["path"] in _QUIET_PATHS else logging.INFO
