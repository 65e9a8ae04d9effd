"""What stands for the outside world: an upstream that answers as LiteLLM does, and a vendor with a login."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gaud_core import (
    Call,
    DeviceFlow,
    HTTPProvider,
    LoginProvider,
    Model,
    PKCEFlow,
    Reply,
    Screen,
    Token,
    http_url,
    option,
    settings,
)
from gaud_core.testing import Answer, ScriptedUpstream, chat_completion, chat_stream
from gaud_core.testing.oauth import ScriptedOAuth

__all__ = ["LITELLM_MODELS", "Harbour", "answer_as_litellm", "answer_as_vendor"]

MASTER_KEY = "sk-litellm-test"
LITELLM_MODELS = {
    "gpt-4o": ("openai", 2.5e-06, 1e-05, 128_000, 16_384),
    "gpt-4o-mini": ("openai", 1.5e-07, 6e-07, 128_000, 16_384),
    "o4-mini": ("openai", 1.1e-06, 4.4e-06, 200_000, 100_000),
    "claude-sonnet-4": ("anthropic", 3e-06, 1.5e-05, 200_000, 64_000),
    "claude-haiku-4": ("anthropic", 8e-07, 4e-06, 200_000, 32_000),
    "gemini-2.5-pro": ("vertex_ai", 1.25e-06, 1e-05, 1_048_576, 65_536),
    "llama-3.3-70b": ("groq", 5.9e-07, 7.9e-07, 131_072, 32_768),
    "mistral-large": ("mistral", 2e-06, 6e-06, 128_000, None),
    "text-embedding-3-small": ("openai", 2e-08, 0.0, 8_191, None),
    "house-model": ("ollama", None, None, 32_768, None),
}
STORY = (
    "Gaud stands between your programs and the models they call. ",
    "It checks the key, the limits and the budget, ",
    "writes the call into its books, ",
    "and only then sends it on: byte for byte, ",
    "as you wrote it.",
)


def answer_as_litellm(upstream: ScriptedUpstream) -> None:
    """Answer models, prices, health and chats."""
    listed = [{"id": name, "object": "model", "owned_by": row[0]} for name, row in LITELLM_MODELS.items()]
    upstream.on("/v1/models", Answer.json({"object": "list", "data": listed}))
    upstream.on("/model/info", Answer.json({"data": list(_details())}))
    upstream.on("/health/liveliness", Answer.json("I'm alive!"))
    upstream.on("/health/readiness", Answer.json({"status": "healthy", "litellm_version": "1.80.0"}))
    upstream.on("/v1/chat/completions", _chat)


def answer_as_vendor(upstream: ScriptedUpstream) -> ScriptedOAuth:
    """Answer logins, models and chats of the vendor Harbour."""
    oauth = ScriptedOAuth(interval=0.0)
    oauth.install(upstream)
    upstream.on("/v1/models", Answer.json({"data": [{"id": "harbour-large"}, {"id": "harbour-small"}]}))
    upstream.on("/v1/chat/completions", _chat)
    return oauth


def _details() -> Iterator[dict[str, Any]]:
    for name, (provider, taken, given, most_in, most_out) in LITELLM_MODELS.items():
        known: dict[str, Any] = {
            "input_cost_per_token": taken,
            "output_cost_per_token": given,
            "max_input_tokens": most_in,
        }
        known |= {"max_output_tokens": most_out, "litellm_provider": provider, "mode": "chat"}
        info = {key: value for key, value in known.items() if value is not None}
        yield {"model_name": name, "litellm_params": {"model": f"{provider}/{name}"}, "model_info": info}


def _chat(seen: Any) -> Answer:
    asked = json.loads(seen.body)
    usage = {"prompt_tokens": 24, "completion_tokens": 42, "total_tokens": 66}
    if asked["model"] == "mistral-large":
        return Answer.error(429, "Rate limit of the upstream is reached.")
    if asked.get("stream"):
        return chat_stream(STORY, asked["model"], usage=usage)
    return chat_completion("Hello! It is good to hear from you.", asked["model"], usage=usage)


@settings
class HarbourSettings:
    """Settings of [providers.harbour]."""

    url: str = option(help="Base URL of the vendor.", check=http_url)
    by_browser: bool = option(default=False, help="Whether to log in in the browser instead of by a code.")


class Harbour(LoginProvider[HarbourSettings], HTTPProvider[HarbourSettings]):
    """A vendor whose accounts are logged in to."""

    name = "harbour"
    label = "Harbour"
    sleep = staticmethod(lambda secs: asyncio.sleep(secs if secs > 60 else 0.05))

    def headers(self, call: Call) -> Mapping[str, str]:
        """Nothing beside the token."""
        return {}

    async def login(self, screen: Screen) -> Token:
        """By a code, or in the browser."""
        url = self.settings.url
        if self.settings.by_browser:
            flow = PKCEFlow(
                authorize_url=f"{url}/authorize", token_url=f"{url}/token", client_id="client-test"
            )
            return await self.by_browser(screen, flow)
        device = DeviceFlow(device_url=f"{url}/device", token_url=f"{url}/token", client_id="client-test")
        return await self.by_device_code(screen, device)

    async def models(self) -> Sequence[Model]:
        """Those of the account, which only who has logged in may see."""
        token = await self.token()
        answer = await self.ctx.http().get(
            f"{self.settings.url}/v1/models", headers={"authorization": f"Bearer {token.access_token}"}
        )
        return [Model(row["id"]) for row in answer.json()["data"]]

    async def send(self, call: Call) -> Reply:
        """Make the call, once there is a token."""
        await self.token()
        return await super().send(call)
