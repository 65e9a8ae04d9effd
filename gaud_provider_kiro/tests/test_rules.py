"""The scripted Kiro refuses what the real one refuses: each rule by a request that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from .rules import broken_rules

USE = {"toolUseId": "t1", "name": "look", "input": {}}
RESULT = {"toolUseId": "t1", "status": "success", "content": [{"text": "seen"}]}
TOOL = {
    "toolSpecification": {
        "name": "look",
        "description": "Looks.",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }
}
USER = {"content": "Hi", "modelId": "auto", "origin": "AI_EDITOR"}
GOOD: dict[str, Any] = {
    "conversationState": {
        "conversationId": "c",
        "chatTriggerType": "MANUAL",
        "currentMessage": {
            "userInputMessage": {
                **USER,
                "images": [{"format": "png", "source": {"bytes": "AAAA"}}],
                "userInputMessageContext": {"toolResults": [RESULT], "tools": [TOOL]},
            }
        },
        "history": [
            {"userInputMessage": USER},
            {"assistantResponseMessage": {"content": "I look.", "toolUses": [USE]}},
        ],
    }
}


def state(request: Any) -> Any:
    """Its conversation."""
    return request["conversationState"]


def current(request: Any) -> Any:
    """Its current message."""
    return state(request)["currentMessage"]["userInputMessage"]


def spec(request: Any) -> Any:
    """Its tool."""
    return current(request)["userInputMessageContext"]["tools"][0]["toolSpecification"]


def test_a_good_request() -> None:
    """It breaks none."""
    assert broken_rules(GOOD, 1000) == []


BROKEN: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "empty content": ("1", lambda request: current(request).update(content=" ")),
    "empty assistant": (
        "1",
        lambda request: state(request)["history"][1]["assistantResponseMessage"].update(content=""),
    ),
    "an assistant last": (
        "2",
        lambda request: state(request).update(currentMessage={"assistantResponseMessage": {"content": "x"}}),
    ),
    "an assistant first": ("3", lambda request: state(request)["history"].pop(0)),
    "the same side twice": (
        "3",
        lambda request: state(request)["history"].insert(0, {"userInputMessage": USER}),
    ),
    "results without tools": ("5", lambda request: current(request)["userInputMessageContext"].pop("tools")),
    "no result": ("6", lambda request: current(request)["userInputMessageContext"].pop("toolResults")),
    "two results": (
        "6",
        lambda request: current(request)["userInputMessageContext"]["toolResults"].append(RESULT),
    ),
    "an id twice": (
        "6",
        lambda request: state(request)["history"][1]["assistantResponseMessage"]["toolUses"].append(USE),
    ),
    "a tool that is not declared": ("7", lambda request: spec(request).update(name="other")),
    "a long name": ("8", lambda request: spec(request).update(name="look" + "x" * 61)),
    "a bad name": ("8", lambda request: spec(request).update(name="look.up")),
    "a name twice": ("8", lambda request: current(request)["userInputMessageContext"]["tools"].append(TOOL)),
    "no description": ("9", lambda request: spec(request).update(description="")),
    "a long description": ("9", lambda request: spec(request).update(description="é" * 6000)),
    "additionalProperties": (
        "10",
        lambda request: spec(request)["inputSchema"]["json"].update(additionalProperties=False),
    ),
    "nothing required": ("10", lambda request: spec(request)["inputSchema"]["json"].update(required=[])),
    "two types": (
        "10",
        lambda request: spec(request)["inputSchema"]["json"].update(
            properties={"a": {"type": ["string", "null"]}}
        ),
    ),
    "null properties": ("10", lambda request: spec(request)["inputSchema"]["json"].update(properties=None)),
    "a format": ("4", lambda request: current(request)["images"][0].update(format="bmp")),
    "no base64": ("4", lambda request: current(request)["images"][0]["source"].update(bytes="?")),
    "no model": ("4", lambda request: current(request).pop("modelId")),
    "a member that is not known": ("4", lambda request: request.update(temperature=1)),
    "input as text": (
        "4",
        lambda request: state(request)["history"][1]["assistantResponseMessage"]["toolUses"][0].update(
            input="{}"
        ),
    ),
}


@pytest.mark.parametrize(("rule", "spoil"), BROKEN.values(), ids=list(BROKEN))
def test_each_rule(rule: str, spoil: Callable[[Any], Any]) -> None:
    """A request that breaks one is refused for that."""
    request = copy.deepcopy(GOOD)
    spoil(request)
    assert any(found.startswith(f"{rule}:") for found in broken_rules(request, 1000))


def test_the_size() -> None:
    """A request of more than 1.25 MB is refused."""
    assert broken_rules(GOOD, 1_250_001) == ["11: too large"]
