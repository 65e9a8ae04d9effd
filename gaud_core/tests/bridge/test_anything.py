"""Requests and answers in which anything may stand anywhere: a refusal in words, and never a crash."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gaud_core.bridge import REACHED, bridge_to
from gaud_core.errors import BadRequest, ProviderError

from . import sdks
from .strategies import VALUES, answers, chunked, messages_requests, responses_requests

JSON = dict[str, Any]
WAYS = [(source, target) for source, targets in REACHED.items() for target in targets]
CHAT: JSON = {
    "model": "m",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_object"},
    "stream_options": {},
}
REQUESTS: dict[str, st.SearchStrategy[JSON]] = {
    "messages": messages_requests(),
    "responses": responses_requests(),
    "chat/completions": st.just(CHAT),
}
PLAIN: dict[str, JSON] = {
    "messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"model": "m", "input": "Hi"},
    "chat/completions": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
}

hasty = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def spoilt(draw: st.DrawFn, told: Any) -> Any:
    """The same, with something else in one place."""
    whole = copy.deepcopy(told)
    at = whole
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        keys = [key for key in keys if key != "model"]
        if not keys:
            return whole
        key = draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or draw(st.booleans()):
            at[key] = draw(VALUES)
            return whole
        at = at[key]


@pytest.mark.parametrize(("source", "target"), WAYS)
@hasty
@given(data=st.data())
def test_any_request(source: str, target: str, data: st.DataObject) -> None:
    """It crosses, as JSON, or it is refused."""
    asked = data.draw(spoilt(data.draw(REQUESTS[source])))
    with contextlib.suppress(BadRequest):
        assert isinstance(json.loads(bridge_to(source, target).cross(asked, "req_1").body), dict)


@pytest.mark.parametrize(("source", "target"), WAYS)
@hasty
@given(data=st.data())
def test_any_answer(source: str, target: str, data: st.DataObject) -> None:
    """It is told, whole and streamed, or it is the upstream's failure."""
    crossing = bridge_to(source, target).cross(PLAIN[source], "req_1")
    answer = data.draw(answers())
    events: list[JSON] = data.draw(chunked(answer))
    if target == "responses":
        through = bridge_to("responses", "chat/completions").cross(PLAIN["responses"], "req_2")
        events = sdks.told_events(sdks.streamed(through, events))
        answer = json.loads(through.answer(answer))
    with contextlib.suppress(ProviderError):
        json.loads(crossing.answer(data.draw(spoilt(answer))))
    at = data.draw(st.integers(0, len(events) - 1))
    events[at] = data.draw(spoilt(events[at]))
    with contextlib.suppress(ProviderError):
        sdks.streamed(crossing, events)
