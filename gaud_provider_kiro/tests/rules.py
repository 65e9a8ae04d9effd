"""What Kiro refuses in a request, checked on its JSON, from the facts and not from the provider's code."""

from __future__ import annotations

import base64
import re
from collections.abc import Generator, Iterator
from typing import Any

__all__ = ["broken_rules"]

LARGEST = 1_250_000
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
_ORIGINS = {"AI_EDITOR", "CLI"}
_STATE = {
    "agentContinuationId",
    "agentTaskType",
    "chatTriggerType",
    "conversationId",
    "currentMessage",
    "history",
}
_USER = {"content", "images", "modelId", "origin", "userInputMessageContext"}
_ASSISTANT = {"content", "reasoningContent", "toolUses"}


def broken_rules(request: Any, size: int) -> list[str]:
    """Name every rule that a request breaks."""
    return list(_broken(request, size))


def _broken(request: Any, size: int) -> Iterator[str]:
    if size > LARGEST:
        yield "11: too large"
    yield from _only(request, {"additionalModelRequestFields", "conversationState", "profileArn"}, "top")
    if request.get("profileArn") == "":
        yield "4: an empty profileArn"
    state = request["conversationState"]
    yield from _only(state, _STATE, "conversationState")
    if state.get("chatTriggerType") != "MANUAL" or not state.get("conversationId"):
        yield "4: no trigger or no id"
    history = state.get("history", [])
    if "history" in state and not history:
        yield "4: an empty history"
    current = state["currentMessage"]
    if set(current) != {"userInputMessage"}:
        yield "2: the current message is no user's"
        return
    yield from _turns([*history, current])
    yield from _tools(history, current["userInputMessage"])


def _turns(entries: list[Any]) -> Iterator[str]:
    seen: set[str] = set()
    waiting: list[str] = []
    for at, entry in enumerate(entries):
        wanted = "assistantResponseMessage" if at % 2 else "userInputMessage"
        if set(entry) != {wanted}:
            yield f"3: entry {at} is not a {wanted}"
            return
        message = entry[wanted]
        if not isinstance(message.get("content"), str) or not message["content"].strip():
            yield f"1: entry {at} has no content"
        if at % 2:
            waiting = yield from _assistant(message, seen)
        else:
            yield from _user(message, waiting, last=at == len(entries) - 1)


def _assistant(message: Any, seen: set[str]) -> Generator[str, None, list[str]]:
    yield from _only(message, _ASSISTANT, "assistantResponseMessage")
    ids = []
    for use in message.get("toolUses", []):
        if set(use) != {"input", "name", "toolUseId"} or not isinstance(use["input"], dict):
            yield "4: a tool use of another shape"
        if use["toolUseId"] in seen:
            yield "6: a tool use's id twice"
        seen.add(use["toolUseId"])
        ids.append(use["toolUseId"])
    return ids


def _user(message: Any, waiting: list[str], *, last: bool) -> Iterator[str]:
    yield from _only(message, _USER, "userInputMessage")
    if not message.get("modelId") or message.get("origin") not in _ORIGINS:
        yield "4: no model or no origin"
    for image in message.get("images", []):
        yield from _image(image)
    context = message.get("userInputMessageContext", {})
    yield from _only(context, {"toolResults", "tools"} if last else {"toolResults"}, "context")
    results = context.get("toolResults", [])
    if sorted(result["toolUseId"] for result in results) != sorted(waiting):
        yield "6: tool uses and results do not match"
    if results and last and not context.get("tools"):
        yield "5: results without tools"
    for result in results:
        texts = [content.get("text") for content in result.get("content", [])]
        if result.get("status") not in {"error", "success"} or not texts or not all(texts):
            yield "4: a tool result of another shape"


def _image(image: Any) -> Iterator[str]:
    if image.get("format") not in {"gif", "jpeg", "png", "webp"}:
        yield "4: an image's format"
    try:
        base64.b64decode(image["source"]["bytes"], validate=True)
    except ValueError:
        yield "4: an image's bytes"


def _tools(history: list[Any], current: Any) -> Iterator[str]:
    tools = current.get("userInputMessageContext", {}).get("tools", [])
    names = [tool["toolSpecification"]["name"].lower() for tool in tools]
    if len(set(names)) < len(names):
        yield "8: a tool's name twice"
    messages = [entry.get("assistantResponseMessage", {}) for entry in history]
    used = {use["name"].lower() for message in messages for use in message.get("toolUses", [])}
    if used - set(names):
        yield "7: a tool that is not declared"
    results = [entry["userInputMessage"] for entry in history if "userInputMessage" in entry]
    if not tools and any(each.get("userInputMessageContext", {}).get("toolResults") for each in results):
        yield "5: results without tools"
    for tool in tools:
        yield from _tool(tool["toolSpecification"])


def _tool(tool: Any) -> Iterator[str]:
    yield from _only(tool, {"description", "inputSchema", "name"}, "toolSpecification")
    if not _NAME.fullmatch(tool["name"]) or len(tool["name"]) > 64:
        yield "8: a tool's name"
    description = tool.get("description", "")
    if not description.strip() or len(description) > 10_000 or len(description.encode()) > 10_240:
        yield "9: a tool's description"
    schema = tool["inputSchema"]["json"]
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        yield "10: a schema that is no object's"
    yield from _schema(schema)


def _schema(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    if "additionalProperties" in schema or schema.get("required") == []:
        yield "10: members that are not taken"
    if any(schema.get(name, 0) is None for name in ("properties", "required", "type")):
        yield "10: a member that is null"
    if not isinstance(schema.get("type", ""), str):
        yield "10: a type that is no text"
    for inner in (schema.get("properties") or {}).values():
        yield from _schema(inner)
    for name in ("anyOf", "allOf"):
        for inner in schema.get(name) or []:
            yield from _schema(inner)
    yield from _schema(schema.get("items"))


def _only(value: Any, names: set[str], where: str) -> Iterator[str]:
    if more := set(value) - names:
        yield f"4: unknown members of {where}: {sorted(more)}"
