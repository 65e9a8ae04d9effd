"""What goes to LiteLLM with a call, and what of its answer stays inside."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from gaud_core import Body, Call, Reply, Timeouts, UpstreamRequest
from gaud_provider_litellm import LiteLLM

Make = Callable[..., LiteLLM]

BODY = b'{"model":"gpt-4o" , "temperature":1.50,"x":{"model":"y"}}'


@attrs.define
class Gateway:
    """What a gateway does with an UpstreamRequest: it keeps it and gives a reply."""

    reply: Reply = attrs.field(factory=lambda: Reply(200, (), b"{}"))
    sent: list[UpstreamRequest] = attrs.field(factory=list)

    async def send(self, request: UpstreamRequest) -> Reply:
        """Keep the request."""
        self.sent.append(request)
        return self.reply


@pytest.fixture
def gateway() -> Gateway:
    """A gateway that sends nothing."""
    return Gateway()


def call(user: str | None = None) -> Call:
    """A call as the gateway hands it over."""
    headers = {"content-type": "application/json", "x-litellm-tags": "mine", "cookie": "no"}
    return Call("req-1", "chat/completions", "gpt-4o", Body.parse(BODY), headers, user)


async def test_a_call_travels_with_key_and_id(make: Make, gateway: Gateway) -> None:
    """LiteLLM sees its own key and Gaud's request id, the body as it is, and no header that it would obey."""
    await make(send=gateway.send).send(call())
    [request] = gateway.sent
    assert request.url == "http://litellm.test:4000/v1/chat/completions"
    assert request.body == BODY
    assert request.headers == {
        "content-type": "application/json",
        "authorization": "Bearer sk-test-master",
        "x-litellm-call-id": "req-1",
    }


async def test_the_user_goes_along(make: Make, gateway: Gateway) -> None:
    """LiteLLM books the call under Gaud's user."""
    await make(send=gateway.send).send(call("ada"))
    assert gateway.sent[0].headers["x-litellm-end-user-id"] == "ada"


async def test_without_a_key_none_is_sent(make: Make, gateway: Gateway) -> None:
    """A LiteLLM without a master key is called without one."""
    await make(send=gateway.send, api_key=None).send(call())
    assert "authorization" not in gateway.sent[0].headers


async def test_the_timeouts_come_from_the_settings(make: Make) -> None:
    """`timeout_secs` is the total and the idle limit; the others can be set apart."""
    assert make(timeout_secs=7).timeouts() == Timeouts(connect=10, first_byte=7, idle=7, total=7)
    apart = make(timeout_secs=7, connect_timeout_secs=1, first_byte_timeout_secs=2)
    assert apart.timeouts() == Timeouts(connect=1, first_byte=2, idle=7, total=7)


HEADERS = {
    "content-type": True,
    "request-id": True,
    "retry-after": True,
    "x-ratelimit-remaining-requests": True,
    "x-ratelimit-limit-tokens": True,
    "x-ratelimit-reset-requests": True,
    "x-ratelimit-api_key-remaining-requests": False,
    "x-litellm-version": False,
    "x-litellm-response-cost": False,
    "llm_provider-openai-organization": False,
}


async def test_the_own_headers_of_litellm_stay_inside(make: Make, gateway: Gateway) -> None:
    """Cost, spend, versions and the upstream's account are the operator's business."""
    gateway.reply = Reply(200, tuple((name, "1") for name in HEADERS), b"{}")
    reply = await make(send=gateway.send).send(call())
    assert [name for name, _ in reply.headers] == [name for name, passes in HEADERS.items() if passes]


async def test_settings_let_headers_through(make: Make) -> None:
    """The globs of `expose_headers` count, however they are spelled."""
    provider = make(expose_headers=["X-LiteLLM-Model-*", "llm_provider-*"])
    assert not provider.hidden("x-litellm-model-id")
    assert not provider.hidden("llm_provider-x")
    assert provider.hidden("x-litellm-response-cost")


@pytest.mark.parametrize("name", ["litellm", "work"])
async def test_models_by_hand_may_have_the_prefix(make: Make, name: str) -> None:
    """The prefix of the instance or of the provider is cut off once, and doubles become one."""
    models = ["litellm:gpt-4o", "gpt-4o", f"{name}:anthropic/*", "bedrock/us.x-v2:0", f"{name}:"]
    listed = make(name, models=models).known_models()
    assert [model.id for model in listed] == ["gpt-4o", "anthropic/*", "bedrock/us.x-v2:0"]
    assert [model.is_pattern for model in listed] == [False, True, False]


async def test_the_interval_comes_from_the_settings(make: Make) -> None:
    """Discovery is repeated as often as the operator wants."""
    assert make(discover_interval_secs=42).models_interval() == 42


def test_only_public_names_of_the_core_are_used() -> None:
    """A provider of a third party could be written like this one."""
    source = Path(__file__).parent.parent / "src"
    for file in source.rglob("*.py"):
        text = file.read_text()
        assert not re.search(r"gaud_core\.|import gaud_core", text), file.name
