"""Calls through a real Gaud to a scripted Kiro that refuses what the real one refuses."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from gaud_core.testing import Answer, Seen

from .conftest import USERS, Serve, World
from .conversations import PNG
from .eventstream import event
from .kiro import TAIL, ScriptedKiro, answer, calls, refusal, says


@pytest.fixture
def gpt(world: World) -> Iterator[Any]:
    """OpenAI's library."""
    openai = pytest.importorskip("openai")
    url = f"{world.gateway.http.base_url}/v1"
    with openai.OpenAI(base_url=url, api_key="test", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(world: World) -> Iterator[Any]:
    """Anthropic's library."""
    anthropic = pytest.importorskip("anthropic")
    url = str(world.gateway.http.base_url)
    with anthropic.Anthropic(base_url=url, api_key="test", max_retries=0) as client:
        yield client


TOOL = {
    "type": "function",
    "function": {
        "name": "weather.in_the_city_with_a_name_that_is_much_too_long_for_the_upstream",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
QUESTION = {"role": "user", "content": "What is the weather in Bern and in Rome?"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_call(world: World, stream: bool) -> None:
    """All that Kiro wants is there, and the answer arrives."""
    got = world.ask(stream=stream)
    assert (got.status_code, world.kiro.refusals, world.kiro.broken) == (200, [], [])
    assert "Hello" in got.text
    current = world.kiro.taken[0]["conversationState"]["currentMessage"]["userInputMessage"]
    assert current == {"content": "Hi", "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR"}


def test_the_way_of_kiro_cli(serve: Serve) -> None:
    """The other protocol, target and origin, for the other quota."""
    kiro = ScriptedKiro(keys={"ksk_test"})
    with serve({"api_key": "ksk_test", "api": "cli"}, kiro) as world:
        assert (world.ask().status_code, kiro.refusals) == (200, [])
        assert world.sent().path == "/"


def test_models_are_listed(world: World) -> None:
    """All pages of them, with limits and credit rates; `auto` is one, and aliases are understood."""
    rows = {row["id"]: row for row in world.gateway.http.get("/v1/models").json()["data"]}
    assert {"kiro:auto", "kiro:claude-sonnet-4.5", "kiro:claude-haiku-4.5", "kiro:bare"} <= set(rows)
    sonnet = rows["kiro:claude-sonnet-4.5"]
    assert (sonnet["subscription"], sonnet["credit_rate"], sonnet["max_input_tokens"]) == (True, 1.3, 200000)
    assert rows["kiro:auto"]["credit_rate"] == 1.0
    assert world.ask("claude-haiku-4-5-20251001").status_code == 200
    assert world.ask("auto").status_code == 200
    asked = [each["conversationState"]["currentMessage"]["userInputMessage"] for each in world.kiro.taken]
    assert [each["modelId"] for each in asked] == ["claude-haiku-4.5", "auto"]


def test_the_quota_is_shown(world: World) -> None:
    """What is left, less what calls have taken."""
    world.ask()
    (left, _) = world.gateway.shown()["quotas"]
    assert left == {
        "name": "credits",
        "left": 39.25,
        "limit": 50.0,
        "unlimited": False,
        "resets_at": "2096-10-02T07:06:40Z",
    }


def test_a_call_costs_nothing_more_and_says_that_its_tokens_are_estimates(world: World) -> None:
    """A subscription pays, and Kiro counts no tokens."""
    got = world.ask()
    usage = got.json()["usage"]
    assert (usage["estimated"], usage["units"], usage["context_usage_percentage"]) == (True, 0.25, 4.0)
    world.gateway.usage_of(got)  # waits for the call's line in the log
    line = next(line for line in world.gateway.log if "gaud.calls" in line)
    assert "'estimated': True" in line


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", ["chat/completions", "messages", "responses"])
def test_credits_are_in_the_books(world: World, endpoint: str, stream: bool) -> None:
    """Whatever dialect the caller speaks."""
    body = {"model": "kiro:auto", "stream": stream}
    body |= {"input": "Hi"} if endpoint == "responses" else {"messages": USERS, "max_tokens": 100}
    got = world.gateway.post(json.dumps(body).encode(), endpoint)
    assert (got.status_code, "units" in got.text or endpoint == "chat/completions") == (200, True)
    store = sqlite3.connect(next(world.folder.rglob("gaud.db")))
    ((units, source, cost),) = store.execute(
        "SELECT milliunits, cost_source, cost_nanos FROM calls"
    ).fetchall()
    store.close()
    assert (units, source, cost) == (250, "subscription", 0)


def test_what_cannot_be_said_is_named(world: World) -> None:
    """Kiro has no word for some of OpenAI's members."""
    got = world.ask(temperature=0, top_p=1, tool_choice="required", user="u", seed=None)
    assert got.headers["x-gaud-dropped"] == "temperature, tool_choice, top_p"
    named = [{"role": "user", "name": "ann", "content": "Hi"}]
    strict = {"type": "function", "function": {"name": "look", "strict": True}}
    got = world.ask(messages=named, tools=[strict])
    assert got.headers["x-gaud-dropped"] == "messages[].name, tools[].function.strict"
    strictly = {"x-gaud-strict": "1"}
    body = world.gateway.body("Hi", "auto", temperature=0)
    got = world.gateway.post(body, headers=strictly)
    assert (got.status_code, got.json()["error"]["code"]) == (400, "fields_would_be_dropped")
    assert "x-gaud-dropped" not in world.ask(stream=True, max_tokens=10, stop="x").headers


REFUSALS: dict[str, tuple[Answer, int, str, str]] = {
    "throttled": (refusal(429, "Slow down.", retry_after=7), 429, "rate_limit_exceeded", ""),
    "quota": (
        refusal(402, "You have reached the limit.", "MONTHLY_REQUEST_COUNT"),
        429,
        "insufficient_quota",
        "2096-10-02",
    ),
    "too long": (
        refusal(400, "Input is too long.", "CONTENT_LENGTH_EXCEEDS_THRESHOLD"),
        400,
        "context_length_exceeded",
        "Shorten",
    ),
    "improper": (refusal(400, "Improperly formed request."), 400, "improperly_formed_request", "report"),
    "suspended": (refusal(403, "No.", "TEMPORARILY_SUSPENDED"), 403, "account_suspended", "support"),
    "region": (
        refusal(403, "The profile is of another region."),
        403,
        "wrong_profile",
        "providers.kiro.region",
    ),
    "overloaded": (
        refusal(429, "Full.", "INSUFFICIENT_MODEL_CAPACITY"),
        429,
        "model_overloaded",
        "Ask again",
    ),
}


@pytest.mark.parametrize("stream", [False, True])
def test_refusals_by_their_reason(world: World, stream: bool) -> None:
    """Each has its code and its cure, and none makes Gaud renew the token."""
    for name, (told, status, code, hint) in REFUSALS.items():
        world.kiro.answers = lambda seen, told=told: told
        got = world.ask(stream=stream)
        assert (name, got.status_code, got.json()["error"]["code"]) == (name, status, code)
        assert hint in got.headers.get("x-gaud-hint", "")
        if name == "throttled":
            assert got.headers["retry-after"] == "7"
    assert world.kiro.renewals == 0
    assert len(world.upstream.calls) == len(REFUSALS)


def test_a_request_that_cannot_be_said_is_not_sent(world: World) -> None:
    """It is refused with 400, and its place is named."""
    image = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    got = world.ask(messages=[{"role": "user", "content": [image]}])
    assert (got.status_code, got.json()["error"]["code"], world.upstream.calls) == (400, "invalid_image", [])


class Weather:
    """A Kiro that looks the weather up twice at once, and then tells it."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def __call__(self, seen: Seen) -> Answer:
        """Answer a call."""
        current = json.loads(seen.body)["conversationState"]["currentMessage"]["userInputMessage"]
        context = current["userInputMessageContext"]
        name = context["tools"][0]["toolSpecification"]["name"]
        if not context.get("toolResults"):
            thought = event("assistantResponseEvent", {"content": "I look."})
            first, second = calls(name, ['{"ci', 'ty":"Bern"}'], "t1"), calls(name, ['{"city":"Rome"}'], "t2")
            return answer(thought, *first, *second, tail=TAIL)
        self.results = [each["content"][0]["text"] for each in context["toolResults"]]
        return says(["It is ", " and ".join(self.results), "."])


@pytest.mark.parametrize("stream", [False, True])
def test_the_openai_sdk_drives_tools_in_a_loop(world: World, gpt: Any, stream: bool) -> None:
    """It calls both tools, sends their results, and gets the text; the tool's long name is its own."""
    world.kiro.answers = weather = Weather()
    messages: list[Any] = [QUESTION]
    for _ in range(3):
        message = _said(gpt, messages, stream=stream)
        messages.append(message)
        if not message.get("tool_calls"):
            break
        for call in message["tool_calls"]:
            assert call["function"]["name"] == TOOL["function"]["name"]  # type: ignore[index]
            city = json.loads(call["function"]["arguments"])["city"]
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"dry in {city}"})
    assert messages[-1]["content"] == "It is dry in Bern and dry in Rome."
    assert (weather.results, world.kiro.broken) == (["dry in Bern", "dry in Rome"], [])


def _said(client: Any, messages: list[Any], *, stream: bool) -> Any:
    """Ask with the SDK, and give the assistant's message as JSON."""
    asked = {"model": "kiro:auto", "messages": messages, "tools": [TOOL]}
    if not stream:
        return client.chat.completions.create(**asked).choices[0].message.model_dump(exclude_none=True)
    with client.chat.completions.stream(**asked) as events:
        for _ in events:
            pass
        done = events.get_final_completion().choices[0].message.model_dump(exclude_none=True)
    calls = [
        {**call, "function": {name: call["function"][name] for name in ("name", "arguments")}}
        for call in done.get("tool_calls", [])
    ]
    return {"role": "assistant", "content": done.get("content"), **({"tool_calls": calls} if calls else {})}


def test_an_image_and_thinking_with_the_sdk(world: World, gpt: Any) -> None:
    """The image goes along, and the thought arrives as reasoning."""
    world.kiro.answers = lambda seen: says(["<thinking>a dog?</think", "ing>\n\nA dog."])
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PNG}}]
    got = gpt.chat.completions.create(
        model="kiro:auto", messages=[{"role": "user", "content": content}], reasoning_effort="low"
    )
    message = got.choices[0].message
    assert (message.content, message.reasoning_content) == ("A dog.", "a dog?")
    assert world.kiro.broken == []


@pytest.mark.parametrize("stream", [False, True])
def test_the_anthropic_sdk_drives_tools_in_a_loop(world: World, claude: Any, stream: bool) -> None:
    """Over the bridge from Anthropic's dialect: both tools are called, their results sent, the text comes."""
    world.kiro.answers = weather = Weather()
    function: Any = TOOL["function"]
    tool = {"name": function["name"], "description": "Tells.", "input_schema": function["parameters"]}
    asked: dict[str, Any] = {"model": "kiro:auto", "max_tokens": 1000, "tools": [tool]}
    messages: list[Any] = [QUESTION]
    for _ in range(3):
        if stream:
            with claude.messages.stream(messages=messages, **asked) as events:
                message = events.get_final_message()
        else:
            message = claude.messages.create(messages=messages, **asked)
        messages.append({"role": "assistant", "content": message.content})
        uses = [block for block in message.content if block.type == "tool_use"]
        if not uses:
            break
        assert {use.name for use in uses} == {function["name"]}
        results = [
            {"type": "tool_result", "tool_use_id": use.id, "content": f"dry in {use.input['city']}"}
            for use in uses
        ]
        messages.append({"role": "user", "content": results})
    assert [block.text for block in messages[-1]["content"]] == ["It is dry in Bern and dry in Rome."]
    assert (weather.results, world.kiro.broken) == (["dry in Bern", "dry in Rome"], [])
