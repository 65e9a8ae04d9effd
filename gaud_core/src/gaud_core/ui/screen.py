"""A login's screen on a web page: what it shows is kept in a file, so that every worker can show it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import attrs
import msgspec

from gaud_core.provider import Screen

__all__ = ["LoginState", "WebScreen", "is_login_id", "read_state"]

_LOOK_SECS = 0.25
_MOST_SAID = 20
_ID = re.compile(r"[A-Za-z0-9_-]{10,40}")

Stage = Literal["waiting", "done", "failed", "cancelled"]


@attrs.frozen(kw_only=True)
class LoginState:
    """What a login shows now; `until` is when its code ends, in seconds since 1970. None of it is secret."""

    id: str
    instance: str
    begun: float
    stage: Stage = "waiting"
    code: str = ""
    code_url: str = ""
    until: float | None = None
    open_url: str = ""
    said: tuple[str, ...] = ()
    question: str = ""
    problem: str = ""


def is_login_id(text: str) -> bool:
    """Whether something can be a login's id, and so a file's name."""
    return _ID.fullmatch(text) is not None


def read_state(folder: Path, id: str) -> LoginState | None:
    """Read what a login shows; None if there is none, or none any more."""
    try:
        return msgspec.json.decode((folder / f"{id}.json").read_bytes(), type=LoginState)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


@attrs.define(eq=False)
class WebScreen(Screen):
    """Keeps `state` in the folder; what the person answers or cancels comes in files beside it."""

    folder: Path
    state: LoginState
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    def __attrs_post_init__(self) -> None:
        self.change()

    def change(self, **fields: Any) -> None:
        """Keep something new of the state."""
        self.state = attrs.evolve(self.state, **fields)
        path = self.folder / f"{self.state.id}.json"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, msgspec.json.encode(attrs.asdict(self.state)))

    def show_code(self, code: str, url: str, expires_in_secs: float) -> None:
        """Show a code and where to type it in."""
        self.change(code=code, code_url=url, until=self.clock() + expires_in_secs)

    def waiting(self, left_secs: float) -> None:
        """Nothing: the page counts down by itself."""

    def open_url(self, url: str) -> None:
        """Offer an address as a link: no page may open a window that nobody has clicked for."""
        self.change(open_url=url)

    def say(self, text: str) -> None:
        """Show a sentence."""
        self.change(said=(*self.state.said, text)[-_MOST_SAID:])

    async def ask(self, question: str) -> str:
        """Give one line that the person enters on the page."""
        self.change(question=question)
        answer = self.folder / f"{self.state.id}.answer"
        while not answer.exists():
            await self.sleep(_LOOK_SECS)
        text = answer.read_text(encoding="utf-8")
        answer.unlink(missing_ok=True)
        self.change(question="")
        return text

    async def cancelled(self) -> None:
        """Come back when the person cancels."""
        while not (self.folder / f"{self.state.id}.cancel").exists():
            await self.sleep(_LOOK_SECS)


def _write(path: Path, data: bytes) -> None:
    """Put a file in place in one step, for its owner only."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.replace(path)
