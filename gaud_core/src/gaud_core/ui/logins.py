"""Logins at providers that are under way on pages: each runs in one worker and can be looked at from all."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs

from gaud_core.errors import ApiError, GaudError, LoginCancelled, brief, with_hint
from gaud_core.gateway.guests.login import log_in
from gaud_core.gateway.instances.instance import Instance
from gaud_core.provider import LoginProvider
from gaud_core.ui.screen import LoginState, WebScreen, is_login_id, read_state

__all__ = ["Logins"]

_LONGEST_SECS = 3700.0  # no code lasts longer than an hour: whoever ran this login has died
_KEPT_SECS = 2 * 3600.0
_LONGEST_ANSWER = 8192

log = logging.getLogger("gaud.providers")


@attrs.define(eq=False)
class Logins:
    """Begins logins, shows them, passes on what the person does; `folder` may not exist yet."""

    folder: Callable[[], Path]
    _tasks: dict[str, asyncio.Task[None]] = attrs.field(factory=dict)

    def begin(self, instance: Instance) -> str:
        """Begin a login and give its id; one of the same instance that runs here ends."""
        running = self._tasks.pop(instance.name, None)
        if running is not None:
            running.cancel()
        folder, made = self.folder(), secrets.token_urlsafe(12)
        _tidy(folder)
        screen = WebScreen(folder, LoginState(id=made, instance=instance.name, begun=time.time()))
        task = asyncio.create_task(_run(instance, screen), name=f"login {instance.name}")
        task.add_done_callback(partial(_ended, screen))
        self._tasks[instance.name] = task
        return made

    def state(self, id: str) -> LoginState | None:
        """Give what a login shows."""
        state = read_state(self.folder(), id) if is_login_id(id) else None
        if state is None or state.stage != "waiting" or time.time() - state.begun < _LONGEST_SECS:
            return state
        return attrs.evolve(state, stage="failed", problem="This login is too old. Begin a new one.")

    def answer(self, id: str, text: str) -> None:
        """Pass on a line that the person has entered."""
        self._leave(id, "answer", text[:_LONGEST_ANSWER])

    def cancel(self, id: str) -> None:
        """End a login that is under way."""
        self._leave(id, "cancel", "")

    async def stop(self) -> None:
        """End every login that runs here."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, id: str, what: str, text: str) -> None:
        """Put a file beside the state, for the worker that runs the login."""
        state = self.state(id)
        if state is not None and state.stage == "waiting":
            descriptor = os.open(self.folder() / f"{id}.{what}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)


async def _run(instance: Instance, screen: WebScreen) -> None:
    provider = instance.provider
    assert isinstance(provider, LoginProvider)
    try:
        await log_in(provider, screen)
    except LoginCancelled:
        screen.change(stage="cancelled")
    except ApiError as error:
        screen.change(stage="failed", problem=with_hint(error.message, error.hint))
    except GaudError as error:
        screen.change(stage="failed", problem=str(error))
    except Exception as error:  # protects the page from waiting for ever; the log has the traceback
        log.exception("%s: the login failed inside Gaud", instance.name)
        screen.change(stage="failed", problem=f"Gaud failed at this login ({brief(error)}); see its log.")
    else:
        await _look_around(instance)
        screen.change(stage="done")


def _ended(screen: WebScreen, task: asyncio.Task[None]) -> None:
    """Say that a login was cancelled, also one that had not even begun."""
    if task.cancelled():
        screen.change(stage="cancelled")


async def _look_around(instance: Instance) -> None:
    """Ask for the models at once: whoever has just connected wants to see them."""
    if instance.stage != "serving":
        return
    try:
        await instance.discover()
    except ApiError as error:
        log.warning("%s: no models right after the login: %s", instance.name, error.message)
    await instance.check_health()


def _tidy(folder: Path) -> None:
    """Remove what earlier logins have left."""
    oldest = time.time() - _KEPT_SECS
    for path in folder.glob("*"):
        if path.suffix in {".json", ".answer", ".cancel", ".new"} and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
