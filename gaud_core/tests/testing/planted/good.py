"""Two providers without a fault, one of each kind, for bugs to be planted in."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gaud_core import (
    Call,
    ChatProvider,
    Event,
    Health,
    HTTPProvider,
    Model,
    ProviderError,
    Reply,
    Secret,
    Timeouts,
    ToolCall,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamRequest,
    Usage,
    http_url,
    option,
    settings,
)

if TYPE_CHECKING:
    import httpx


@settings
class GoodSettings:
    """Settings of both."""

    url: str = option(help="Base URL of the upstream.", check=http_url, creates=True)
    api_key: Secret = option(help="Key that the upstream gave you.")
    timeout_secs: float = option(default=60.0, help="Longest time for an answer.", gt=0, unit="seconds")


async def ask(client: httpx.AsyncClient, url: str) -> Any:
    """Read a page of an upstream, or raise UpstreamFailed."""
    import httpx

    try:
        answer = await client.get(url)
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UpstreamFailed(f"The page gave no answer ({type(error).__name__}).") from error


class GoodHTTP(HTTPProvider[GoodSettings]):
    """Speaks OpenAI's dialect, lists its models and tells its health."""

    name = "good"
    patterns = ("good-*",)

    def headers(self, call: Call) -> Mapping[str, str]:
        """The key."""
        return {"authorization": f"Bearer {self.settings.api_key.reveal()}"}

    async def models(self) -> Sequence[Model]:
        """What /v1/models lists."""
        listed = await ask(self.ctx.http(), f"{self.settings.url}/v1/models")
        rows = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(rows, list):
            raise UpstreamFailed("The list of models is no list.")
        return [Model(row["id"]) for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]

    async def health(self) -> Health:
        """Whether /v1/models can be read."""
        try:
            await ask(self.ctx.http(), f"{self.settings.url}/v1/models")
        except UpstreamFailed as error:
            return Health(healthy=False, detail=error.message)
        return Health(healthy=True)


class GoodChat(ChatProvider[GoodSettings]):
    """Speaks a protocol of its own: one JSON object per line, the last one says `end`."""

    name = "good"

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Translate, line by line."""
        reply = await self.ctx.send(self.request(call))
        try:
            if reply.status != 200:
                raise await self.refusal(reply)
            async for line in self.lines(reply):
                told = self.decode(line)
                if "end" in told:
                    yield Usage(*told["end"])
                    return
                yield self.event(told)
            raise UpstreamFailed("The upstream's answer has no end.")
        finally:
            await reply.aclose()

    def request(self, call: Call) -> UpstreamRequest:
        """The call in the upstream's words."""
        headers = {"x-key": self.settings.api_key.reveal(), "content-type": "application/json"}
        body = json.dumps({"say": self.prompt(call), "voice": call.model}).encode()
        return UpstreamRequest(f"{self.settings.url}/say", headers, body, True, timeouts=self.timeouts())

    def timeouts(self) -> Timeouts:
        """The limits."""
        return Timeouts(first_byte=self.settings.timeout_secs, idle=self.settings.timeout_secs)

    def prompt(self, call: Call) -> str:
        """The last message."""
        messages = call.body.json().get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else None
        content = last.get("content") if isinstance(last, dict) else None
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
        if not isinstance(content, str):
            raise UpstreamRefused("Send a message with text.", status=400)
        return content

    async def refusal(self, reply: Reply) -> ProviderError:
        """What the upstream says against it."""
        body = (await read(reply))[:10_000]
        after = reply.header("retry-after")
        seconds = int(after) if after.isdigit() else None
        if reply.status in {400, 401, 403, 404, 429}:
            text = body.decode("utf-8", "replace")
            return UpstreamRefused(text, status=reply.status, retry_after=seconds)
        return UpstreamFailed(f"The upstream answered {reply.status}.")

    async def lines(self, reply: Reply) -> AsyncIterator[bytes]:
        """Whole lines."""
        held = b""
        async for piece in pieces(reply):
            *whole, held = (held + piece).split(b"\n")
            for line in whole:
                yield line
        if held:
            yield held

    def decode(self, line: bytes) -> dict[str, Any]:
        """One line."""
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise UpstreamFailed("The upstream said something that is no JSON object.")
        return told

    def event(self, told: dict[str, Any]) -> Event:
        """One event."""
        if "tool" in told:
            return ToolCall(0, *told["tool"])
        return str(told.get("text", ""))


async def pieces(reply: Reply) -> AsyncIterator[bytes]:
    """The bytes of a reply."""
    if isinstance(reply.content, bytes):
        yield reply.content
        return
    async for piece in reply.content:
        yield piece


async def read(reply: Reply) -> bytes:
    """All bytes of a reply, which is closed then, also when the client leaves meanwhile."""
    try:
        return b"".join([piece async for piece in pieces(reply)])
    finally:
        await reply.aclose()


__all__ = ["GoodChat", "GoodHTTP", "GoodSettings", "ask", "pieces", "read"]
