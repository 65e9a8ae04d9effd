"""A clock that the test turns, and upstreams that go by it, for the runs of `gaud bench`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs

from gaud_core.call import Reply
from gaud_core.cli.measure.plan import Plan, Prompt
from gaud_core.cli.measure.run import Run
from gaud_core.cli.measure.target import Target
from gaud_core.errors import ProviderError
from gaud_core.provider import UpstreamRequest
from gaud_core.settings import Secret

__all__ = ["Piece", "Said", "World", "bad", "good", "measured"]

COMPLETION = b'{"choices": []}'
Said = Callable[[int], Reply | ProviderError]
"""What an upstream says to the call of that number."""
Piece = bytes | float | ProviderError
"""Bytes of a stream, seconds that pass, or its break."""


@attrs.define
class World:
    """A clock, and upstreams by their name that say when it goes on; the calls in their order."""

    answers: Mapping[str, Said]
    secs: Mapping[str, float] = attrs.field(factory=dict)
    now: float = 1000.0
    order: list[str] = attrs.field(factory=list)
    seen: list[UpstreamRequest] = attrs.field(factory=list)
    counts: dict[str, int] = attrs.field(factory=dict)

    def client(self, name: str) -> Callable[[UpstreamRequest], Awaitable[Reply]]:
        """What stands for the gateway's client."""

        async def send(request: UpstreamRequest) -> Reply:
            await asyncio.sleep(0)
            number = self.counts[name] = self.counts.get(name, -1) + 1
            self.order.append(name)
            self.seen.append(request)
            self.now += self.secs.get(name, 0.010)
            answer = self.answers[name](number)
            if isinstance(answer, ProviderError):
                raise answer
            return answer

        return send

    async def drip(self, pieces: Sequence[Piece]) -> AsyncIterator[bytes]:
        """Bytes that come, seconds that pass, or a break."""
        for piece in pieces:
            if isinstance(piece, float):
                self.now += piece
            elif isinstance(piece, ProviderError):
                raise piece
            else:
                yield piece

    def run(self, **fields: Any) -> Run:
        """A run to all of them."""
        made = Plan(**{"model": "work:m", "prompt": Prompt("Hi"), "max_tokens": 16, "calls": 4, **fields})
        keys = {name: Secret(f"sk-{name}-secret") for name in self.answers}
        targets = [
            Target(
                name,
                f"http://{name}.test/v1",
                "work:m" if name == "gaud" else "m",
                key,
                made,
                self.client(name),
                tuple(keys.values()),
                self.clock,
            )
            for name, key in keys.items()
        ]
        return Run(made, targets, clock=self.clock)

    def clock(self) -> float:
        """The time."""
        return self.now


def good(number: int = 0, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """A whole answer."""
    return Reply(200, (("content-type", "application/json"), *headers), COMPLETION)


def bad(status: int, message: str) -> Reply:
    """An error in OpenAI's envelope."""
    return Reply(status, (), json.dumps({"error": {"message": message}}).encode())


async def measured(world: World, **fields: Any) -> Run:
    """A run that has ended."""
    run = world.run(**fields)
    await run.go()
    return run
