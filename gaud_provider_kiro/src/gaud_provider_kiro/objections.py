"""What Kiro would object to in a request, in words: Kiro itself only says `Improperly formed request.`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gaud_provider_kiro import wire
from gaud_provider_kiro.images import FORMATS
from gaud_provider_kiro.refusals import TOO_LARGE
from gaud_provider_kiro.tools import GOOD_NAME, LONGEST_DESCRIPTION

__all__ = ["LARGEST_BODY", "objections_to"]

LARGEST_BODY = 1_200_000
"""In bytes. Larger ones have been refused, and one of 1.25 MB has not."""


def objections_to(request: wire.Request, size: int) -> list[str]:
    """Give everything in a request of so many bytes that breaks a rule of Kiro's that is known."""
    found = list(_of_entries(request.conversation_state))
    found += _of_tools(request.conversation_state)
    if size > LARGEST_BODY:
        found.append(f"{TOO_LARGE} {LARGEST_BODY} bytes; it has {size}")
    return found


def _of_entries(state: wire.ConversationState) -> Iterator[str]:
    entries = [*state.history, state.current_message]
    if state.current_message.user_input_message is None:
        yield "the current message is not a user's"
    seen: Counter[str] = Counter()
    waiting: tuple[wire.ToolUse, ...] = ()
    for at, entry in enumerate(entries):
        where = f"message {at}"
        user, assistant = entry.user_input_message, entry.assistant_response_message
        if (user is None) == (assistant is None) or (user is None) != bool(at % 2):
            yield f"{where} is not of the side whose turn it is"
        if user is not None:
            yield from _of_user(user, waiting, where)
            waiting = ()
        if assistant is not None:
            yield from _of_assistant(assistant, seen, where)
            waiting = assistant.tool_uses


def _of_user(user: wire.UserInput, waiting: tuple[wire.ToolUse, ...], where: str) -> Iterator[str]:
    if not user.content.strip():
        yield f"{where} is empty"
    for image in user.images:
        if image.format not in FORMATS.values():
            yield f"{where} has an image of the format {image.format}"
    results = [result.tool_use_id for result in user.user_input_message_context.tool_results]
    if sorted(results) != sorted(use.tool_use_id for use in waiting):
        yield f"{where} does not have one result for each tool that was used before it"


def _of_assistant(assistant: wire.AssistantResponse, seen: Counter[str], where: str) -> Iterator[str]:
    if not assistant.content.strip():
        yield f"{where} is empty"
    for use in assistant.tool_uses:
        seen[use.tool_use_id] += 1
        if seen[use.tool_use_id] == 2:
            yield f"{where} has a tool use with an id that an earlier one has"


def _of_tools(state: wire.ConversationState) -> Iterator[str]:
    current = state.current_message.user_input_message
    tools = current.user_input_message_context.tools if current else ()
    declared = [tool.tool_specification.name.casefold() for tool in tools]
    if len(set(declared)) < len(declared):
        yield "two tools have one name"
    for name in {use.name for entry in state.history for use in _uses(entry)}:
        if name.casefold() not in declared:
            yield f"the tool {name} was used and is not declared"
    for tool in tools:
        yield from _of_tool(tool.tool_specification)


def _of_tool(tool: wire.ToolSpecification) -> Iterator[str]:
    if not GOOD_NAME.fullmatch(tool.name):
        yield f"`{tool.name[:80]}` is no name for a tool"
    if not tool.description.strip():
        yield f"the tool {tool.name} has no description"
    if len(tool.description.encode("utf-8", "replace")) > LONGEST_DESCRIPTION:
        yield f"the description of the tool {tool.name} is longer than {LONGEST_DESCRIPTION} bytes"
    schema = tool.input_schema.json
    if schema.get("type") != "object" or schema.get("required", True) in ([], None):
        yield f"the schema of the tool {tool.name} is not one of an object, or requires nothing"


def _uses(entry: wire.Entry) -> tuple[wire.ToolUse, ...]:
    assistant = entry.assistant_response_message
    return assistant.tool_uses if assistant else ()
