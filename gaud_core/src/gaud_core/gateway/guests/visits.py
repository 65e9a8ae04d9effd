"""Whose code runs: a mark on each call into a plugin, which the tasks that it starts inherit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = [
    "Tasks",
    "Visit",
    "away",
    "described",
    "is_ours",
    "note_tasks",
    "ours",
    "place",
    "stop_noting_tasks",
    "within",
]

C = TypeVar("C", bound=type)
T = TypeVar("T")
Tasks = WeakKeyDictionary["asyncio.Task[Any]", "Visit"]
"""The tasks that a plugin has started and that still exist, and during which visit."""

_GRACE_SECS = 0.1
_OURS: set[type] = set()
_visit: ContextVar[Visit | None] = ContextVar("gaud_visit", default=None)


class Visit:
    """One call into a plugin; `over` when it has ended, and with it the reason for its tasks.

    It may be entered and left more than once: for `send`, for the pieces of a stream, for its end.
    """

    __slots__ = ("method", "over", "tasks")

    def __init__(self, tasks: Tasks, method: str) -> None:
        self.tasks = tasks
        self.method = method
        self.over = False

    def __enter__(self) -> None:
        _visit.set(self)

    def leave(self) -> None:
        """From here on it is the gateway's code again."""
        _visit.set(None)


class away:  # noqa: N801  read as a word: `with away():`
    """While the block runs, the gateway works on a plugin's behalf: tasks in it are not the plugin's."""

    __slots__ = ("_visit",)

    def __enter__(self) -> None:
        self._visit = _visit.get()
        _visit.set(None)

    def __exit__(self, *raised: object) -> None:
        _visit.set(self._visit)


def ours(cls: C) -> C:
    """Mark an iterator of an answer's pieces as the gateway's: handed on unchanged, no plugin runs in it."""
    _OURS.add(cls)
    return cls


def is_ours(content: object) -> bool:
    """Whether an answer's pieces come from the gateway's own client."""
    return type(content) in _OURS


def note_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Note from now on which plugin starts which task; a factory that somebody else has set stays."""
    if loop.get_task_factory() is None:
        loop.set_task_factory(_noting)


def stop_noting_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Undo `note_tasks`."""
    if loop.get_task_factory() is _noting:
        loop.set_task_factory(None)


def described(task: asyncio.Task[Any]) -> str:
    """Say which task it is: its coroutine, and the line where that stands."""
    coro: Any = task.get_coro()
    frame, code = getattr(coro, "cr_frame", None), getattr(coro, "cr_code", None)
    name = getattr(coro, "__qualname__", type(coro).__name__)
    return f"{name}() in {place(code.co_filename, frame and frame.f_lineno)}" if code else f"{name}()"


def place(filename: str, line: int | None) -> str:
    """Give a line of code, with as much of its path as tells it from others and nothing of anybody's home."""
    short = "/".join(Path(filename).parts[-2:])
    return f"{short}, line {line}" if line else short


def _noting(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    """Make a task; 0.2 µs more than the loop itself takes, which cannot tell a task's context before 3.12."""
    task = asyncio.Task(coro, loop=loop, **options)
    visit = _visit.get()
    if visit is not None:
        visit.tasks[task] = visit
    return task


async def within(secs: float, work: Coroutine[Any, Any, T]) -> T:
    """Wait so long and no longer, also for what does not let itself be cancelled; TimeoutError then."""
    task = asyncio.create_task(work)
    task.add_done_callback(_take_result)
    try:
        await asyncio.wait({task}, timeout=secs)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE_SECS)


def _take_result(task: asyncio.Task[Any]) -> None:
    """Keep asyncio from complaining of a failure that comes when nobody waits for it any more."""
    if not task.cancelled():
        task.exception()
