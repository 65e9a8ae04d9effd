"""A third party's plugin that uses every public name: never run, only read by mypy and pyright.

A line that must be an error carries an ignore; both checkers report an ignore that nothing needs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, assert_type

import gaud_core
from gaud_core import (
    ApiError,
    Body,
    Call,
    ChatProvider,
    ConfigError,
    Context,
    DeviceFlow,
    Event,
    Finish,
    GaudError,
    Health,
    HTTPProvider,
    LoginCancelled,
    LoginFailed,
    LoginNeeded,
    LoginProvider,
    Mistake,
    Model,
    PKCEFlow,
    PluginError,
    Price,
    Problem,
    Provider,
    ProviderError,
    Quota,
    Reasoning,
    Reply,
    Screen,
    Secret,
    Text,
    Timeouts,
    Token,
    TokenFileError,
    TokenStore,
    ToolCall,
    Unavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamRequest,
    UpstreamTimeout,
    Usage,
    data_of,
    device_code,
    events_of,
    http_url,
    option,
    pkce,
    replace,
    settings,
    token_request,
)
from gaud_core.testing import (
    Answer,
    ChatProviderTests,
    HTTPProviderTests,
    LiveProviderTests,
    LoginProviderTests,
    ProviderTests,
    ScriptedUpstream,
    ServedGateway,
)


def even(number: int) -> int:
    """A check."""
    if number % 2:
        raise Mistake("must be even.")
    return number


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL.", check=http_url, creates=True)
    api_key: Secret = option(help="Key.")
    number: int = option(default=2, help="A number.", check=even, ge=0, le=100, unit="seconds")
    folder: Path | None = option(default=None, help="A folder.")
    names: tuple[str, ...] = option(default=(), help="Names.", env=None)


class Acme(HTTPProvider[AcmeSettings]):
    """An upstream that speaks the dialect."""

    name = "acme"
    label = "Acme"
    patterns = ("acme-*",)
    cost_header = "x-acme-cost"

    def base_url(self) -> str:
        """Where it is."""
        assert_type(self.settings, AcmeSettings)
        assert_type(self.settings.api_key.reveal(), str)
        return self.settings.url

    def headers(self, call: Call) -> Mapping[str, str]:
        """Its credentials."""
        assert_type(call.body, Body)
        assert_type(call.user, str | None)
        return {"authorization": self.settings.api_key.reveal()}

    def timeouts(self) -> Timeouts:
        """Its limits."""
        return Timeouts(first_byte=1.0, idle=2.0, total=3.0)

    async def models(self) -> Sequence[Model]:
        """What it lists."""
        return [Model("small", owned_by="acme", price=Price(input=1, output=2), max_output_tokens=9)]

    async def health(self) -> Health:
        """How it is."""
        return Health(healthy=True, detail="fine")

    def explain(self, failure: ProviderError) -> str | None:
        """The cure."""
        assert_type(failure.http_status, int)
        return super().explain(failure)


class Chatty(ChatProvider[AcmeSettings]):
    """One that speaks something else."""

    name = "chatty"

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Each kind of event."""
        assert_type(self.messages(call), list[tuple[str, str]])
        request = UpstreamRequest("http://acme.test", {}, b"{}", stream=True)
        async for told in self.ask(request):
            assert_type(told, dict[str, Any])
        yield "text"
        yield Text("text")
        yield Reasoning("because")
        yield ToolCall(0, "call_1", "look_up", "{}")
        yield Usage(input_tokens=1, output_tokens=2)
        yield Finish("stop")


class Mending(HTTPProvider[AcmeSettings]):
    """One whose streams need a look, and whose calls a subscription pays."""

    name = "mending"

    def known_models(self) -> Sequence[Model]:
        """What it lists."""
        return [Model("flat", price=Price(subscription=True))]

    def quotas(self) -> Sequence[Quota]:
        """What is left."""
        return [Quota("premium requests", left=1.5, limit=300.0, resets_at="2026-12-01")]

    async def send(self, call: Call) -> Reply:
        """Pass on whole events."""
        reply = await self.pass_on(call)
        assert not isinstance(reply.content, bytes)
        return replace(reply, content=self._mended(reply.content))

    async def _mended(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for event in events_of(content):
            assert_type(event, bytes)
            if data_of(event) != b"{}":
                yield event


class Guarded(LoginProvider[AcmeSettings], HTTPProvider[AcmeSettings]):
    """One with a login."""

    name = "guarded"

    async def login(self, screen: Screen) -> Token:
        """Both ways, and the same without the shortcuts."""
        device = DeviceFlow(device_url="https://a.test/d", token_url="https://a.test/t", client_id="x")
        browser = PKCEFlow(authorize_url="https://a.test/a", token_url="https://a.test/t", client_id="x")
        assert_type(await self.by_device_code(screen, device), Token)
        assert_type(await self.by_browser(screen, browser), Token)
        assert_type(await device_code(self.ctx.http(), screen, device), Token)
        assert_type(await pkce(self.ctx.http(), screen, browser), Token)
        assert_type(self.tokens, TokenStore)
        raise LoginFailed("No.")

    async def renew(self, token: Token) -> Token:
        """A new one."""
        return await token_request(self.ctx.http(), "https://a.test/t", {"a": "b"}, clock=self.clock)

    async def send(self, call: Call) -> Reply:
        """With the token."""
        return await self.with_token(lambda token: self.pass_on(call, {"x-token": token.scope}))


class Plain(Provider[AcmeSettings]):
    """One that does it all by itself."""

    name = "plain"

    def __init__(self, settings: AcmeSettings, ctx: Context) -> None:
        super().__init__(settings, ctx)
        assert_type(ctx.data_dir, Path)
        assert_type(ctx.name, str)

    async def send(self, call: Call) -> Reply:
        """An answer, or each of the errors."""
        errors: tuple[GaudError, ...] = (
            ApiError("x"),
            ConfigError([Problem("a", "b")]),
            LoginCancelled("x"),
            LoginNeeded("x"),
            PluginError("a", "b", "c"),
            TokenFileError("a", "b", "c"),
            Unavailable("x", retry_after=1),
            UpstreamFailed("x", hint="y"),
            UpstreamRefused("x", status=404),
            UpstreamTimeout("x"),
        )
        if not errors:
            raise errors[0]
        return Reply(200, (("content-type", "application/json"),), b"{}", cost_usd="0.01")


class Wrong(HTTPProvider[AcmeSettings]):
    """What the checkers must refuse."""

    name = 7  # type: ignore[assignment]

    def headers(self, call: Call) -> int:  # type: ignore[override]
        """No mapping."""
        return self.settings.nothing  # type: ignore[attr-defined,no-any-return]

    async def models(self) -> Sequence[Model]:
        """No model."""
        return ["small"]  # type: ignore[list-item]


class TestAcme(HTTPProviderTests):
    """The kit."""

    provider = Acme

    def test_more(self, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        """A test of one's own."""
        upstream.add(Answer.json({}))
        assert_type(self.ask(gateway, "Hi").status_code, int)


class TestChatty(ChatProviderTests):
    """The kit for the other shape."""

    provider = Chatty
    usage = Usage(1, 2)

    def upstream_answer(self, pieces: Sequence[str], *, stream: bool) -> Answer:
        """In its own words."""
        return Answer.stream([piece.encode() for piece in pieces])


class TestGuarded(LoginProviderTests):
    """The kit for logins."""

    provider = Guarded


class TestPlain(ProviderTests):
    """What holds for all."""

    provider = Plain


class TestAcmeLive(LiveProviderTests):
    """The real one."""

    provider = Acme
    model = "small"


assert_type(gaud_core.__version__, str)
