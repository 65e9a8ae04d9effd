"""The boundary to a plugin: whatever it does wrong becomes an ApiError, and its mistake a line in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from gaud_core.call import Call, Reply, replace
from gaud_core.errors import ApiError, ProviderError, UpstreamFailed, one_line
from gaud_core.gateway.guests.conduct import Conduct
from gaud_core.gateway.guests.visits import Tasks, Visit, is_ours
from gaud_core.provider import Health, Model, Price, Provider, Quota

__all__ = ["DOORS", "Guard"]

_CONTROL = re.compile("[\x00-\x08\n-\x1f\x7f]")
_NOTHING_TO_CLOSE = Reply(200, (), b"").aclose
_NETWORK = {"ConnectionError", "TimeoutError", "TransportError", "ClientConnectionError"}

log = logging.getLogger("gaud.providers")


@attrs.frozen
class Guard:
    """A provider whose methods raise nothing but ApiError and give nothing but what the contract says."""

    name: str
    provider: Provider[Any]
    conduct: Conduct = attrs.field(factory=Conduct)
    tasks: Tasks = attrs.field(factory=WeakKeyDictionary)

    @property
    def asks(self) -> bool:
        """Whether the provider has a way of its own to ask for models or for the health."""
        cls = type(self.provider)
        return cls.models is not Provider.models or cls.health is not Provider.health

    async def start(self) -> None:
        """Start the provider."""
        with _Guarding(self, "start", lasting=True):
            await self.provider.start()

    async def stop(self) -> None:
        """Stop the provider."""
        with _Guarding(self, "stop"):
            await self.provider.stop()

    def known_models(self) -> list[Model]:
        """Give the models that need no asking."""
        with _Guarding(self, "known_models"):
            return _checked_models(self.provider.known_models())

    async def models(self) -> list[Model]:
        """Ask for the models."""
        with _Guarding(self, "models"):
            return _checked_models(await self.provider.models())

    async def health(self) -> Health:
        """Ask for the upstream's health."""
        with _Guarding(self, "health"):
            health: Any = await self.provider.health()
            if not isinstance(health, Health) or type(health.healthy) is not bool:
                raise TypeError(f"health() gave {type(health).__name__} instead of a Health")
            health.detail.encode()
            return health

    def models_interval(self) -> float:
        """Give the seconds between two questions for models."""
        with _Guarding(self, "models_interval"):
            return float(self.provider.models_interval())

    def quotas(self) -> Sequence[Quota]:
        """Ask for what is left of the account's allowances; a mistake in there must not hide the rest."""
        try:
            with _Guarding(self, "quotas"):
                return _checked_quotas(self.provider.quotas())
        except ApiError:
            return ()

    def explain(self, failure: ProviderError) -> str | None:
        """Ask for a failure's cure; a mistake in there must not hide the failure."""
        try:
            with _Guarding(self, "explain"):
                hint = self.provider.explain(failure)
                return one_line(" ".join(hint.split())) if hint else None
        except ApiError:
            return None

    def dropped(self, call: Call) -> Sequence[str]:
        """Ask which fields of a call have no place at the upstream; most providers need not be asked."""
        if type(self.provider).dropped is Provider.dropped:
            return ()
        with _Guarding(self, "dropped"):
            names = list(self.provider.dropped(call))
            if not all(isinstance(name, str) for name in names):
                raise TypeError("dropped() gave something that is no name")
            return names

    async def send(self, call: Call) -> Reply:
        """Do one call."""
        visit = _Guarding(self, "send", lasting=True)
        with visit:
            reply = await self.provider.send(call)
            if objection := _objection(reply):
                raise TypeError(f"send() gave {objection}")
        if reply.aclose is _NOTHING_TO_CLOSE and isinstance(reply.content, bytes):
            visit.over = True
            return reply
        content = reply.content
        if not isinstance(content, bytes) and not is_ours(content):
            content = self._pieces(content, visit)
        return replace(reply, content=content, aclose=partial(self._close, reply.aclose, visit))

    async def _pieces(self, content: AsyncIterator[bytes], visit: _Guarding) -> AsyncIterator[bytes]:
        try:
            with visit:
                async for piece in content:
                    if type(piece) is not bytes:
                        raise TypeError(f"the answer's stream gave {type(piece).__name__} instead of bytes")
                    yield piece  # under the mark: it costs too much per piece, and the relay starts no task
        except ProviderError:
            raise
        except ApiError as error:
            raise ProviderError(error.message, status=error.http_status, code=error.error_code) from error

    async def _close(self, closing: Callable[[], Awaitable[None]], visit: _Guarding) -> None:
        try:
            with visit:
                await closing()
        except ApiError as error:  # protects an answer that has been given already
            log.warning("%s: closing an answer failed: %s", self.name, error.message)
        finally:
            visit.over = True

    def crashed(self, method: str, error: BaseException) -> UpstreamFailed:
        """Log a mistake of the plugin's and give what its caller is told of it."""
        log.error("%s: the provider raised an exception in %s()", self.name, method, exc_info=error)
        kind = type(error).__name__
        self.conduct.note("crash", f"{method}() raised {kind}; Gaud's log has the details.", method)
        failure = UpstreamFailed(
            f"The provider `{self.name}` failed with {kind}; Gaud's log has the details.",
            code="provider_crashed",
        )
        failure.blameless = not _is_of_the_network(error)
        return failure


DOORS = frozenset(
    function.__code__
    for function in (
        *(Guard.start, Guard.stop, Guard.known_models, Guard.models, Guard.models_interval),
        *(Guard.health, Guard.quotas, Guard.explain, Guard.dropped, Guard.send, Guard._pieces, Guard._close),
    )
)
"""The code that calls into a plugin; in a stack, what is above it is the plugin's."""


class _Guarding(Visit):
    """A visit out of which nothing comes but ApiError, and what the gateway itself has cancelled."""

    __slots__ = ("guard", "lasting")

    def __init__(self, guard: Guard, method: str, *, lasting: bool = False) -> None:
        self.tasks, self.method, self.over = guard.tasks, method, False
        self.guard = guard
        self.lasting = lasting

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        self.over = not self.lasting
        if error is None:
            return
        self.over = True
        if isinstance(error, ApiError | GeneratorExit):
            return
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or task.cancelling():
                return  # the gateway's own: the client has left, or time is up
        # protects everybody else from this plugin, also from its SystemExit
        raise self.guard.crashed(self.method, error) from error


def _is_of_the_network(error: BaseException) -> bool:
    """Whether an exception that a plugin let through is the upstream's failure all the same.

    HTTP clients have trees of their own; their names are alike, and none of them need be imported for this.
    """
    return not _NETWORK.isdisjoint(cls.__name__ for cls in type(error).__mro__)


def _objection(reply: Any) -> str:
    """Say what is wrong with a reply; names and values must not break out of the head of an answer."""
    if not isinstance(reply, Reply):
        return f"{type(reply).__name__} instead of a Reply"
    status: Any = reply.status
    if not isinstance(status, int) or not 200 <= status <= 599:
        return f"a Reply with the status {reply.status!r}"
    milliunits: Any = reply.milliunits
    if milliunits is not None and not isinstance(milliunits, int):
        return f"a Reply with milliunits={milliunits!r}"
    try:
        names = ":".join([name for name, _ in reply.headers])
        text = names + "".join([value for _, value in reply.headers])
    except (TypeError, ValueError):
        return "headers that are not pairs of text"
    if not text.isprintable() and _CONTROL.search(text):  # the first look is the quick one
        return "a header with a control character"
    well_named = names == names.lower() and " " not in names and names.count(":") == len(reply.headers) - 1
    return (
        "" if not reply.headers or (well_named and "::" not in f":{names}:") else "a header with a bad name"
    )


def _checked_quotas(quotas: Iterable[Any]) -> list[Quota]:
    checked = list(quotas)
    for quota in checked:
        if not isinstance(quota, Quota) or not all(isinstance(t, str) for t in (quota.name, quota.resets_at)):
            raise TypeError(f"quotas() gave something that is no Quota: {str(quota)[:100]}")
        if not all(amount is None or math.isfinite(amount) for amount in (quota.left, quota.limit)):
            raise TypeError(f"quotas() gave an amount that is none: {quota}")
    return checked


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
    if not all(isinstance(endpoint, str) for endpoint in model.endpoints or ()):
        return False
    whole = all(number is None or isinstance(number, int) for number in numbers)
    return whole and isinstance(model.created, int) and all(isinstance(text, str) for text in texts)
