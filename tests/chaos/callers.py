"""The clients: they make calls, leave when their plan says so, and note what they got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import attrs

from .plan import Plan
from .workers import Life, Slot

__all__ = ["Client", "Trial", "client_session"]

_PATIENCE_SECS = 40.0
_DONE = b"data: [DONE]\n\n"


@attrs.define(eq=False)
class Trial:
    """One call as its client saw it."""

    plan: Plan
    user: str
    text: str = attrs.field(repr=False)
    life: Life
    began: int
    call_id: str = ""
    status: int | None = None
    complete: bool = False
    """Whether the whole answer arrived: all of a 200, or a stream to its [DONE]."""
    usage: dict[str, Any] | None = None
    hung: bool = False
    error: str = ""
    """What went wrong, in the gateway's word for it or in the client's."""


class _Left(Exception):
    """The client leaves, as planned."""


def client_session() -> aiohttp.ClientSession:
    """Make the session; each call has a connection of its own, so that leaving one disturbs no other."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))


Ended = Callable[[Trial], Awaitable[None] | None]


@attrs.frozen
class Client:
    """Makes calls; `on_end` is told at once when an answer is complete, before anything else happens."""

    session: aiohttp.ClientSession
    on_end: Callable[[Trial], None]

    async def call(self, trial: Trial, slot: Slot) -> bool:
        """Make one call; False if nobody listened there."""
        plan = trial.plan
        patience = plan.leaves_secs if plan.leaves == "before" else _PATIENCE_SECS
        try:
            async with asyncio.timeout(patience), self._request(trial, slot) as answer:
                trial.status = answer.status
                trial.call_id = answer.headers.get("x-request-id", "")
                await self._read(answer, trial)
        except aiohttp.ClientConnectorError:
            return False
        except TimeoutError:
            trial.hung = plan.leaves != "before"
        except (_Left, aiohttp.ClientError, OSError) as error:
            trial.error = repr(error)
        return True

    def _request(self, trial: Trial, slot: Slot) -> Any:
        headers = {"authorization": f"Bearer {trial.text}", "content-type": "application/json"}
        url = f"{slot.url}/v1/chat/completions"
        return self.session.post(url, data=trial.plan.body(), headers=headers)

    async def _read(self, answer: aiohttp.ClientResponse, trial: Trial) -> None:
        plan, read = trial.plan, b""
        streams = answer.status == 200 and plan.stream
        if plan.leaves == "middle" and not streams:
            raise _Left
        while piece := await answer.content.readany():
            read += piece
            if plan.leaves == "middle":
                await asyncio.sleep(plan.leaves_secs)
                raise _Left
            if streams and read.endswith(_DONE):
                break
        if answer.status == 200 and (read.endswith(_DONE) or not plan.stream):
            trial.complete = True
            self.on_end(trial)
            trial.usage = None if plan.stream else json.loads(read).get("usage")
        elif answer.status != 200:
            trial.error = json.loads(read)["error"]["code"] or ""
