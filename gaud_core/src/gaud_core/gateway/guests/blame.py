"""Whose code stands on a stack: a provider's, or nobody's in particular."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

import gaud_core
from gaud_core.gateway.guests.guard import DOORS, Guard
from gaud_core.gateway.guests.visits import place

__all__ = ["Suspect", "suspect"]

_CORE = f"{Path(gaud_core.__file__).parent}{os.sep}"
_BASES = f"{_CORE}provider{os.sep}"  # classes that plugins inherit: their code is on both sides


@attrs.frozen
class Suspect:
    """What a look at a stack has shown: a line, and whose it is; no `owners` when it is no provider's."""

    owners: tuple[Guard, ...]
    line: str


def suspect(stack: FrameType, guests: Iterable[Guard], task: asyncio.Task[Any] | None = None) -> Suspect:
    """Find the provider in whose code a stack stands; `task` is the one that runs.

    Only what cannot be anything else counts: code that a plugin has called, or code of its own. The
    gateway's work on a plugin's behalf is not the plugin's.
    """
    strangers: list[FrameType] = []  # neither the core's nor Python's own, innermost first
    for frame in _outward(stack):
        if frame.f_code in DOORS:
            guard = frame.f_locals.get("self")
            return _suspect((guard,) if strangers and isinstance(guard, Guard) else (), strangers, stack)
        if _is_core(frame):
            return _suspect(_at_home(strangers, guests), strangers, frame)
        if not _is_python(frame):
            strangers.append(frame)
    known = tuple(guests)
    starters = tuple(guard for guard in known if strangers and task is not None and task in guard.tasks)
    return _suspect(starters or _at_home(strangers, known), strangers, stack)


def _suspect(owners: tuple[Guard, ...], strangers: Sequence[FrameType], otherwise: FrameType) -> Suspect:
    """Show the owner's innermost line, else that by which he called others; nobody's innermost of all."""
    homes = [_home(guard) for guard in owners]
    own = [frame for frame in strangers if _lives_in(frame, homes)]
    frame = next(iter([*own, *(reversed(strangers) if owners else strangers)]), otherwise)
    code = frame.f_code
    return Suspect(owners, f"{place(code.co_filename, frame.f_lineno)}, in {code.co_qualname}")


def _at_home(frames: Sequence[FrameType], guests: Iterable[Guard]) -> tuple[Guard, ...]:
    """Give the instances of the plugin to which the frames belong; there may be several."""
    return tuple(guard for guard in guests if any(_lives_in(frame, [_home(guard)]) for frame in frames))


def _home(guard: Guard) -> str:
    """Give the folder of the plugin's package, or its file when it is a single one."""
    name = type(guard.provider).__module__
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    top = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None) or ""
    package = f"{Path(top).parent}{os.sep}"
    return package if Path(top).name == "__init__.py" and file.startswith(package) else file


def _lives_in(frame: FrameType, homes: Iterable[str]) -> bool:
    return any(frame.f_code.co_filename.startswith(home) for home in homes if home)


def _outward(stack: FrameType) -> Iterator[FrameType]:
    frame: FrameType | None = stack
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_core(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith(_CORE) and not name.startswith(_BASES)


def _is_python(frame: FrameType) -> bool:
    """Whether it is of the standard library, or a base class of providers, which says nothing either."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in sys.stdlib_module_names or frame.f_code.co_filename.startswith(_BASES)
