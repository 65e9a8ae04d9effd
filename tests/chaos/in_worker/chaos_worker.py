"""What a worker of the harness has that a worker elsewhere has not; the product knows nothing of it."""

from __future__ import annotations

import ctypes
import functools
import importlib
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

__all__ = ["prepare"]

_PR_SET_PDEATHSIG = 1  # prctl(2)


def prepare(environment: Mapping[str, str]) -> None:
    """Give the worker the run's clock, its host's name and the mutation that was asked for."""
    if sys.platform == "linux":  # no worker outlives the harness
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    clock = environment["CHAOS_CLOCK"]
    setattr(time, "time_" + "ns", _load("chaos_clock").clock_of(clock))
    _hurry(float(clock.partition(":")[0]))
    if host := environment.get("CHAOS_HOST"):
        put("gaud_core.ledger.workers", "_host", lambda: host)
    if plant := environment.get("CHAOS_PLANT"):
        _load("chaos_plants").PLANTS[plant]()


def put(module: str, name: str, value: Any) -> None:
    """Put something in the place of what a module has."""
    found = importlib.import_module(module)
    if not hasattr(found, name):
        raise AttributeError(f"{module} has no {name}: the harness is older than the code")
    setattr(found, name, value)


def _hurry(speed: float) -> None:
    """Let the idle ledger tend as often by the fast clock as it does by the wall's."""
    writer = importlib.import_module("gaud_core.ledger.writer")
    hurried = functools.partial(writer.Writer, tend_secs=writer._TEND_SECS / speed)
    put("gaud_core.ledger.ledger", "Writer", hurried)


def _load(name: str) -> Any:
    return importlib.import_module(name)
