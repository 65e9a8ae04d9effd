"""Providers that behave badly, each in its own way, to stand beside a good one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from gaud_core import (
    Call,
    ChatProvider,
    Event,
    Finish,
    Health,
    Model,
    Provider,
    ProviderError,
    Reply,
    Text,
    UpstreamFailed,
    Usage,
)

from ..support import GuestSettings

JSON = (("content-type", "application/json"),)
EVENTS = (("content-type", "text/event-stream"),)


class Mishap(Exception):
    """What a plugin's own mistake looks like."""


class Guest(Provider[GuestSettings]):
    """Answers as its class attribute `does` says; other attributes are raised or given by its methods."""

    name = "guest"
    does: Any = None

    async def send(self, call: Call) -> Reply:
        """Do what the test wants."""
        does = type(self).__dict__.get("does")
        if isinstance(does, BaseException):
            raise does
        if callable(does):
            return await does(call)  # type: ignore[no-any-return]
        return does  # type: ignore[return-value]


class Fine(Provider[GuestSettings]):
    """A good neighbour."""

    name = "fine"

    def known_models(self) -> Sequence[Model]:
        """One model."""
        return (Model("plain"),)

    async def send(self, call: Call) -> Reply:
        """Answer at once."""
        return Reply(200, JSON, b'{"choices":[]}')


class Speaker(ChatProvider[GuestSettings]):
    """Says two words and counts; for a model named `early` or `late` it fails then."""

    name = "speaker"
    left: asyncio.Event | None = None

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Give the events that the model's name asks for."""
        if call.model == "early":
            raise UpstreamFailed("It is raining.", status=503, retry_after=9, hint="Take an umbrella.")
        yield Usage(3, 2)
        yield "Hello "
        yield Text("wörld")
        if call.model == "late":
            raise UpstreamFailed("It began to rain.")
        if call.model == "crash":
            raise Mishap("secret details")
        yield Finish("length" if call.model == "short" else "stop")


def raising(error: BaseException) -> type[Provider[Any]]:
    """Make a provider whose `send` raises."""
    return type("Raising", (Guest,), {"does": error})


def giving(reply: object) -> type[Provider[Any]]:
    """Make a provider whose `send` gives whatever this is."""
    return type("Giving", (Guest,), {"does": reply})


def streaming(*steps: bytes | BaseException | object, status: int = 200) -> type[Provider[Any]]:
    """Make a provider that streams these pieces; an exception among them is raised."""

    async def pieces() -> AsyncIterator[Any]:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            yield step

    async def send(call: Call) -> Reply:
        return Reply(status, EVENTS, pieces())

    return type("Streaming", (Guest,), {"does": staticmethod(send)})


def with_method(method: str, does: Any) -> type[Provider[Any]]:
    """Make a provider one of whose other methods gives or raises this."""

    def plain(self: object, *args: object) -> Any:
        if isinstance(does, BaseException):
            raise does
        return does

    async def awaited(self: object, *args: object) -> Any:
        return plain(self)

    is_plain = method in {"known_models", "models_interval", "explain"}
    return type("Odd", (Guest,), {method: plain if is_plain else awaited, "does": ProviderError("down")})


HEALTHY = Health(healthy=True)
