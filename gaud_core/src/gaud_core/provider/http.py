"""`HTTPProvider`: for upstreams that already speak the client's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from gaud_core.call import Call, Reply
from gaud_core.errors import ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_core.provider.base import Provider, Timeouts, UpstreamRequest

__all__ = ["HTTPProvider"]

S = TypeVar("S")

_SLOW_MODEL_SECS = 120.0


class HTTPProvider(Provider[S]):
    """Sends each call on as it is: an author says where to, and with which credentials.

    Settings with a `url` and a `timeout_secs` are used as such; for anything else override `base_url`
    and `timeouts`.
    """

    forward: ClassVar[frozenset[str]] = frozenset(
        {"accept", "accept-encoding", "anthropic-beta", "anthropic-version", "content-type"}
        | {"idempotency-key", "openai-beta", "traceparent", "tracestate", "user-agent"}
    )
    """The client's headers that go along, in lower case."""
    cost_header: ClassVar[str] = ""
    """The header of a whole answer that says what the call has cost in US dollars: `x-acme-cost`."""
    inside: ClassVar[tuple[str, ...]] = ()
    """Beginnings of answer headers that stay inside, in lower case: `("x-acme-",)`."""

    def base_url(self) -> str:
        """Where `/chat/completions` hangs."""
        return f"{getattr(self.settings, 'url', '')}/v1"

    def headers(self, call: Call) -> Mapping[str, str]:
        """Headers to add or to put in the place of the client's; names in lower case."""
        return {}

    def timeouts(self) -> Timeouts:
        """The limits on a call."""
        seconds = float(getattr(self.settings, "timeout_secs", _SLOW_MODEL_SECS))
        return Timeouts(first_byte=seconds, idle=seconds, total=seconds)

    def hidden(self, header: str) -> bool:
        """Whether an answer header, in lower case, stays inside."""
        return header.startswith(self.inside)

    def explain(self, failure: ProviderError) -> str | None:
        """Name the settings that are worth a look."""
        section = f"providers.{self.ctx.name}"
        if isinstance(failure, UpstreamTimeout) and hasattr(self.settings, "timeout_secs"):
            return f"If the model needs longer, raise `{section}.timeout_secs`."
        if isinstance(failure, UpstreamFailed) and hasattr(self.settings, "url"):
            return f"Check that {self.label or self.name} runs and that `{section}.url` is right."
        if failure.http_status in {401, 403} and hasattr(self.settings, "api_key"):
            return f"{self.label or self.name} refuses Gaud's credentials: check `{section}.api_key`."
        return None

    async def send(self, call: Call) -> Reply:
        """Send the call's bytes to `base_url()/<path>` and give back what comes."""
        return await self.pass_on(call)

    async def pass_on(self, call: Call, more: Mapping[str, str] | None = None) -> Reply:
        """Do what `send` does, with more headers: a token that had to be waited for."""
        headers = {name: value for name, value in call.headers.items() if name in self.forward}
        if call.content is None and call.body.raw and "json" not in headers.get("content-type", ""):
            headers["content-type"] = "application/json"  # as it was read: `curl -d` says that it is a form
        headers.update(self.headers(call))
        headers.update(more or {})
        url = f"{self.base_url()}/{call.path}" + (f"?{call.query}" if call.query else "")
        stream = call.body.stream
        request = UpstreamRequest(
            url,
            headers,
            call.body.raw if call.content is None else call.content,
            stream or call.open_ended,
            method=call.method,
            timeouts=self.timeouts(),
            length=call.length,
        )
        reply = await self.ctx.send(request)
        cost = reply.header(self.cost_header) if self.cost_header and not stream else ""
        shown = tuple([pair for pair in reply.headers if not self.hidden(pair[0])])
        return Reply(reply.status, shown, reply.content, reply.aclose, cost or None)
