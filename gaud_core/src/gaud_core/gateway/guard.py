"""The boundary to a plugin: whatever it does wrong becomes an ApiError, and its mistake a line in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from gaud_core.call import Call, Reply
from gaud_core.errors import ApiError, ProviderError, UpstreamFailed, one_line
from gaud_core.provider import Health, Model, Price, Provider

__all__ = ["Guard"]

_CONTROL = re.compile("[\x00-\x08\n-\x1f\x7f]")

log = logging.getLogger("gaud.providers")


@attrs.frozen
class Guard:
    """A provider whose methods raise nothing but ApiError and give nothing but what the contract says."""

    name: str
    provider: Provider[Any]

    async def start(self) -> None:
        """Start the provider."""
        with self._guarding():
            await self.provider.start()

    async def stop(self) -> None:
        """Stop the provider."""
        with self._guarding():
            await self.provider.stop()

    def known_models(self) -> list[Model]:
        """Give the models that need no asking."""
        with self._guarding():
            return _checked_models(self.provider.known_models())

    async def models(self) -> list[Model]:
        """Ask for the models."""
        with self._guarding():
            return _checked_models(await self.provider.models())

    async def health(self) -> Health:
        """Ask for the upstream's health."""
        with self._guarding():
            health: Any = await self.provider.health()
            if not isinstance(health, Health) or type(health.healthy) is not bool:
                raise TypeError(f"health() gave {type(health).__name__} instead of a Health")
            health.detail.encode()
            return health

    def models_interval(self) -> float:
        """Give the seconds between two questions for models."""
        with self._guarding():
            return float(self.provider.models_interval())

    def explain(self, failure: ProviderError) -> str | None:
        """Ask for a failure's cure; a mistake in there must not hide the failure."""
        try:
            with self._guarding():
                hint = self.provider.explain(failure)
                return one_line(" ".join(hint.split())) if hint else None
        except ApiError:
            return None

    async def send(self, call: Call) -> Reply:
        """Do one call."""
        with self._guarding():
            reply = await self.provider.send(call)
            if objection := _objection(reply):
                raise TypeError(f"send() gave {objection}")
        if isinstance(reply.content, bytes):
            return reply
        return attrs.evolve(reply, content=self._pieces(reply.content))

    async def _pieces(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            with self._guarding():
                async for piece in content:
                    if type(piece) is not bytes:
                        raise TypeError(f"the answer's stream gave {type(piece).__name__} instead of bytes")
                    yield piece
        except ProviderError:
            raise
        except ApiError as error:
            raise ProviderError(error.message, status=error.http_status, code=error.error_code) from error

    @contextmanager
    def _guarding(self) -> Iterator[None]:
        try:
            yield
        except ApiError:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # the gateway's own: the client has left, or time is up
            raise self._crashed(error) from error
        except (
            Exception,
            SystemExit,
            KeyboardInterrupt,
        ) as error:  # protects everybody else from this plugin
            raise self._crashed(error) from error

    def _crashed(self, error: BaseException) -> UpstreamFailed:
        log.error("%s: the provider raised an exception", self.name, exc_info=error)
        return UpstreamFailed(
            f"The provider `{self.name}` failed with {type(error).__name__}; Gaud's log has the details.",
            code="provider_crashed",
        )


def _objection(reply: Any) -> str:
    """Say what is wrong with a reply; names and values must not break out of the head of an answer."""
    if not isinstance(reply, Reply):
        return f"{type(reply).__name__} instead of a Reply"
    status: Any = reply.status
    if not isinstance(status, int) or not 200 <= status <= 599:
        return f"a Reply with the status {reply.status!r}"
    try:
        names = ":".join([name for name, _ in reply.headers])
        text = names + "".join([value for _, value in reply.headers])
    except (TypeError, ValueError):
        return "headers that are not pairs of text"
    if _CONTROL.search(text):
        return "a header with a control character"
    well_named = names == names.lower() and " " not in names and names.count(":") == len(reply.headers) - 1
    return (
        "" if not reply.headers or (well_named and "::" not in f":{names}:") else "a header with a bad name"
    )


def _checked_models(models: Iterable[Any]) -> list[Model]:
    """Look at every model now: a bad one found later would break the list of all providers."""
    checked = list(models)
    for model in checked:
        if not isinstance(model, Model) or not _is_well_typed(model):
            raise TypeError(f"models() gave something that is no Model: {str(model)[:100]}")
        shown = [model.id, model.owned_by, dict(model.extra)]
        json.dumps(shown, allow_nan=False, ensure_ascii=False).encode()
    return checked


def _is_well_typed(model: Any) -> bool:
    texts, numbers = (model.id, model.owned_by), [model.max_input_tokens, model.max_output_tokens]
    if model.price is not None:
        if not isinstance(model.price, Price):
            return False
        numbers += attrs.astuple(model.price)
    whole = all(number is None or isinstance(number, int) for number in numbers)
    return whole and isinstance(model.created, int) and all(isinstance(text, str) for text in texts)
