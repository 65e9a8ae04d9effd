"""Bugs of providers whose upstream speaks OpenAI's dialect, and those that any provider can have."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ClassVar

from good import GoodHTTP, GoodSettings, ask, pieces, read

from gaud_core import (
    Call,
    Health,
    Model,
    ProviderError,
    Reply,
    Secret,
    Timeouts,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    http_url,
    option,
    replace,
    settings,
)

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class IsNamedLikeASection(GoodHTTP):
    """`[server]` is Gaud's own."""

    name = "server"


class HasASlashBeforeItsEndpoint(GoodHTTP):
    """Endpoints are paths below /v1/, without a slash."""

    endpoints = frozenset({"chat/completions", "/embeddings"})


class ServesWhatGaudDoesNot(GoodHTTP):
    """Nobody can call it."""

    endpoints = frozenset({"fortune/telling"})


class HasNoEntryPoint(GoodHTTP):
    """Said to be installed, but no distribution names it."""


class ClaimsAFutureContract(GoodHTTP):
    """No kit of today can prove that."""

    contract = "1.99"


@settings
class TersSettings(GoodSettings):
    """A setting that explains nothing."""

    retries: int = option(default=3, help="Retries")


class ExplainsNothing(GoodHTTP):
    """One help text is a single word."""

    settings_class = TersSettings


@settings
class HiddenSettings(GoodSettings):
    """A setting that only the file can set."""

    region: str = option(default="", help="Region of the upstream.", env=None)


class HasNoVariable(GoodHTTP):
    """A container cannot set its region."""

    settings_class = HiddenSettings


@settings
class ClashingSettings(GoodSettings):
    """With the name `auth-bootstrap` its variable is GAUD_AUTH_BOOTSTRAP_KEY."""

    button: str = option(default="", help="Which button of the device to press.", env="KEY")


class SharesAVariable(GoodHTTP):
    """The first administrator's key would set its option."""

    settings_class = ClashingSettings
    name = "auth-bootstrap"


@settings
class GrowingSettings:
    """The check of a value does not accept what it gave back."""

    url: str = option(help="Base URL of the upstream.", check=http_url)
    api_key: Secret = option(help="Key that the upstream gave you.")
    timeout_secs: float = option(default=60.0, help="Time limit.", check=lambda secs: secs * 1.5)


class GrowsItsSettings(GoodHTTP):
    """Each copy of its settings has a longer time limit."""

    settings_class = GrowingSettings


@settings
class OpenSettings:
    """The key is plain text."""

    url: str = option(help="Base URL of the upstream.", check=http_url)
    api_key: str = option(default="sk-test-open", help="Key that the upstream gave you.")
    timeout_secs: float = option(default=60.0, help="Time limit.", gt=0)


class KeepsItsKeyInTheOpen(GoodHTTP):
    """Its key is no Secret."""

    settings_class = OpenSettings

    def headers(self, call: Call) -> Mapping[str, str]:
        """The key, which needs no revealing."""
        return {"authorization": f"Bearer {self.settings.api_key}"}


class ShowsItsKeyInRepr(GoodHTTP):
    """Its repr is meant to help."""

    def __repr__(self) -> str:
        return f"<Good {self.settings.url} {self.settings.api_key.reveal()}>"


class ShowsItsKeyOnAPage(GoodHTTP):
    """`/health` shows the detail."""

    async def health(self) -> Health:
        """Too much detail."""
        return Health(healthy=True, detail=f"connected with {self.settings.api_key.reveal()}")


class ShowsItsKeyInErrors(GoodHTTP):
    """The message of an error repeats the request."""

    async def send(self, call: Call) -> Reply:
        """Say too much."""
        try:
            return await super().send(call)
        except UpstreamFailed as error:
            error.message += f" The request had the headers {self.headers(call)}."
            raise


class LogsItsKey(GoodHTTP):
    """Somebody needed it for debugging."""

    async def start(self) -> None:
        """Say too much."""
        self.ctx.log.debug("starts with %s", self.settings.api_key.reveal())


class NeedsItsUpstreamToStart(GoodHTTP):
    """It wants to be sure."""

    async def start(self) -> None:
        """Fail when the upstream is down."""
        await ask(self.ctx.http(), f"{self.settings.url}/v1/models")


class NamesModelsWithPrefix(GoodHTTP):
    """The prefix is Gaud's business."""

    async def models(self) -> Sequence[Model]:
        """Names with the prefix."""
        return [replace(model, id=f"{self.name}:{model.id}") for model in await super().models()]


class AsksForModelsAtTheWrongPlace(GoodHTTP):
    """There is no such page."""

    async def models(self) -> Sequence[Model]:
        """Ask for a page that is not there."""
        await ask(self.ctx.http(), f"{self.settings.url}/models")
        return ()


class TrustsTheListOfModels(GoodHTTP):
    """What a proxy in between answers is no list."""

    async def models(self) -> Sequence[Model]:
        """Trust."""
        answer = await self.ctx.http().get(f"{self.settings.url}/v1/models")
        return [Model(row["id"]) for row in answer.json()["data"]]


class SpendsTokensOnHealth(GoodHTTP):
    """A call every 15 seconds."""

    async def health(self) -> Health:
        """Say hello."""
        try:
            await self.ctx.http().post(f"{self.settings.url}/v1/chat/completions", json={"messages": []})
        except OSError:
            return Health(healthy=False, detail="no")
        except Exception as error:
            return Health(healthy=False, detail=type(error).__name__)
        return Health(healthy=True)


class CannotExplain(GoodHTTP):
    """It has a cure for one failure only."""

    def explain(self, failure: ProviderError) -> str | None:
        """Look it up."""
        cures = {401: "Check the key.", 502: "Check the URL.", 504: "Wait."}
        return cures[failure.http_status] if failure.http_status not in {400, 403, 404, 429, 500} else None


class SendsToAnotherPath(GoodHTTP):
    """`/v1/chat` is not what OpenAI's dialect says."""

    async def send(self, call: Call) -> Reply:
        """Shorten the path."""
        return await super().send(replace(call, path="chat"))


class WritesTheBodyAnew(GoodHTTP):
    """Numbers, blanks and key order are lost."""

    async def send(self, call: Call) -> Reply:
        """Decode and encode."""
        raw = json.dumps(json.loads(call.body.raw)).encode()
        return await super().send(replace(call, body=replace(call.body, raw=raw)))


class WritesTheAnswerAnew(GoodHTTP):
    """Numbers, blanks and key order are lost."""

    async def send(self, call: Call) -> Reply:
        """Decode and encode whole answers."""
        reply = await super().send(call)
        if reply.status != 200 or call.stream:
            return reply
        raw = await read(reply)
        with contextlib.suppress(ValueError):
            raw = json.dumps(json.loads(raw)).encode()
        return replace(reply, content=raw)


def changing(change: Callable[[bytes], bytes]) -> Callable[[GoodHTTP, Call], Any]:
    """A `send` that changes each event of a stream."""

    async def changed(reply: Reply) -> AsyncIterator[bytes]:
        held = b""
        async for piece in pieces(reply):
            *events, held = (held + piece).split(b"\n\n")
            for event in events:
                yield change(event + b"\n\n")
        if held:
            yield held

    async def send(self: GoodHTTP, call: Call) -> Reply:
        reply = await GoodHTTP.send(self, call)
        if not call.stream or reply.status != 200:
            return reply
        return replace(reply, content=changed(reply))

    return send


class TidiesStreams(GoodHTTP):
    """CRLF becomes LF."""

    async def send(self, call: Call) -> Reply:
        """Tidy up."""
        reply = await super().send(call)

        async def tidied() -> AsyncIterator[bytes]:
            async for piece in pieces(reply):
                yield piece.replace(b"\r\n", b"\n")

        return replace(reply, content=tidied()) if call.stream else reply


class TellsUsageTwice(GoodHTTP):
    """The usage chunk comes once more."""

    send = changing(lambda event: event * 2 if b'"usage":{' in event else event)  # type: ignore[assignment]


class HidesErrorsInStreams(GoodHTTP):
    """An error event is left out, `[DONE]` is not."""

    send = changing(lambda event: b"" if b'"error"' in event else event)  # type: ignore[assignment]


class MakesUpUsage(GoodHTTP):
    """Zero is easier than unknown."""

    async def send(self, call: Call) -> Reply:
        """Add a usage of zero where there is none."""
        reply = await super().send(call)
        if reply.status != 200 or call.stream:
            return reply
        raw = await read(reply)
        if raw.startswith(b"{") and b'"usage"' not in raw:
            raw = raw.rstrip()[:-1] + b',"usage":{"prompt_tokens":0,"completion_tokens":0}}'
        return replace(reply, content=raw)


class RaisesRefusals(GoodHTTP):
    """The upstream's own error body is lost."""

    async def send(self, call: Call) -> Reply:
        """Turn a refusal into an exception."""
        reply = await super().send(call)
        if reply.status < 400:
            return reply
        raw = await read(reply)
        after = reply.header("retry-after")
        seconds = int(after) if after else None
        if reply.status >= 500:
            raise UpstreamFailed(raw.decode("utf-8", "replace"))
        raise UpstreamRefused(raw.decode("utf-8", "replace"), status=reply.status, retry_after=seconds)


class HidesRetryAfter(GoodHTTP):
    """It hides more than its own headers."""

    inside: ClassVar[tuple[str, ...]] = ("retry-",)


class HidesOpenAIsHeaders(GoodHTTP):
    """It hides more than its own headers."""

    inside: ClassVar[tuple[str, ...]] = ("x-",)


class ForgetsItsKey(GoodHTTP):
    """No header at all."""

    def headers(self, call: Call) -> Mapping[str, str]:
        """Nothing."""
        return {}


class AsksForNoUsage(GoodHTTP):
    """It takes out what it does not know."""

    async def send(self, call: Call) -> Reply:
        """Drop stream_options."""
        if not call.stream:
            return await super().send(call)
        decoded = {key: value for key, value in call.body.json().items() if key != "stream_options"}
        body = replace(call.body, raw=json.dumps(decoded).encode())
        return await super().send(replace(call, body=body))


class ConnectsForEachCall(GoodHTTP):
    """A client of its own for every whole answer."""

    async def send(self, call: Call) -> Reply:
        """Connect, ask, close."""
        import httpx

        if call.stream:
            return await super().send(call)
        url, headers = f"{self.base_url()}/{call.endpoint}", {**call.headers, **self.headers(call)}
        limit = httpx.Timeout(self.timeouts().total)
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=limit, verify=_NO_TLS) as client:
                answer = await client.post(url, content=call.body.raw, headers=headers)
        except httpx.TimeoutException:
            raise UpstreamTimeout("It was too slow.") from None
        except httpx.HTTPError as error:
            raise UpstreamFailed(f"It failed ({type(error).__name__}).") from None
        return Reply(answer.status_code, tuple(answer.headers.items()), answer.content)


class HasItsOwnTimeLimit(GoodHTTP):
    """Models think longer than that."""

    def timeouts(self) -> Timeouts:
        """Never more than 80 ms for the first byte."""
        limits = super().timeouts()
        return replace(limits, first_byte=min(0.08, limits.first_byte))


class KnowsNoTimeLimit(GoodHTTP):
    """The setting is not used for the first byte."""

    def timeouts(self) -> Timeouts:
        """Silence within a stream is limited, the rest is not."""
        return Timeouts(idle=self.settings.timeout_secs)


class WaitsForEverInStreams(GoodHTTP):
    """The setting is not used for silence within a stream."""

    def timeouts(self) -> Timeouts:
        """The first byte is limited, the rest is not."""
        return replace(super().timeouts(), idle=600.0)


class CollectsStreams(GoodHTTP):
    """The client waits for the end."""

    async def send(self, call: Call) -> Reply:
        """Join all pieces before the first is given."""
        reply = await super().send(call)
        if not call.stream:
            return reply

        async def joined() -> AsyncIterator[bytes]:
            yield b"".join([piece async for piece in pieces(reply)])

        return replace(reply, content=joined())


class BlocksTheLoop(GoodHTTP):
    """A library that waits without `await`."""

    async def health(self) -> Health:
        """Wait with the whole process."""
        time.sleep(0.3)  # noqa: ASYNC251 - this is the bug
        return await super().health()


class LeavesATaskPerCall(GoodHTTP):
    """Each call starts something that nobody ends before the stop."""

    async def start(self) -> None:
        """Nothing yet."""
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, call: Call) -> Reply:
        """Start a task and forget it."""
        self.tasks.append(asyncio.create_task(asyncio.sleep(3600)))
        return await super().send(call)

    async def stop(self) -> None:
        """End them all, at last."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class LeavesATaskAfterStop(GoodHTTP):
    """What start() began goes on."""

    async def start(self) -> None:
        """Begin to refresh something."""
        self.task = asyncio.create_task(asyncio.sleep(3600), name="refresh")


class LeavesAConnection(GoodHTTP):
    """Its own client is never closed."""

    async def start(self) -> None:
        """Connect; the upstream may be down."""
        host, port = self.settings.url.removeprefix("http://").split(":")
        try:
            self.own = await asyncio.open_connection(host, int(port))
        except OSError:
            self.ctx.log.info("not yet")


class KeepsItsLock(GoodHTTP):
    """start() takes a lock that stop() does not give back."""

    async def start(self) -> None:
        """Take the lock."""
        self.ctx.data_dir.mkdir(parents=True, exist_ok=True)
        (self.ctx.data_dir / "lock").touch(exist_ok=False)


class CannotStop(GoodHTTP):
    """stop() believes that something is there."""

    async def stop(self) -> None:
        """Fail."""
        raise AttributeError("no client")


class GivesUpAfterAFailure(GoodHTTP):
    """After a connection broke it never calls again."""

    broken = False

    async def send(self, call: Call) -> Reply:
        """Remember the failure for ever."""
        if self.broken:
            raise UpstreamFailed("It broke before.")
        try:
            return await super().send(call)
        except UpstreamFailed:
            self.broken = True
            raise
