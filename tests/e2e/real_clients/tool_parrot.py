"""The parrot of the examples, that also calls tools; it chats only, so all else reaches it over a bridge."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from gaud_provider_parrot import Parrot

from gaud_core import Call, Event, ToolCall, Usage

__all__ = ["ToolParrot"]


class ToolParrot(Parrot):
    """Calls the first tool that it is offered, and says what the tool said."""

    name = "toolparrot"
    label = "Parrot with tools"

    async def chat(self, call: Call) -> AsyncGenerator[Event, None]:
        """Say a word, call a tool, or tell its result, by what was said last."""
        body = call.body.json()
        last = body["messages"][-1]
        if last["role"] == "tool":
            for word in ("It ", "is ", text_of(last)):
                yield word
        elif body.get("tools"):
            yield ToolCall(
                0, id="call_parrot", name=body["tools"][0]["function"]["name"], arguments='{"city": '
            )
            yield ToolCall(0, arguments='"Köln"}')
        else:
            async for event in super().chat(call):
                yield event
            return
        yield Usage(input_tokens=9, output_tokens=3)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, be it in parts or not."""
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
