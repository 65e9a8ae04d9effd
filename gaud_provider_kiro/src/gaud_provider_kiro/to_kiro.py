"""From OpenAI's chat request to Kiro's: what `chat` sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from gaud_core import UpstreamRefused
from gaud_provider_kiro import wire
from gaud_provider_kiro.openai import Chat, read_chat
from gaud_provider_kiro.thinking import BUDGETS, asking_to_think, with_thought
from gaud_provider_kiro.tools import Toolbox
from gaud_provider_kiro.turns import Result, Turn, turns_of, with_tools_as_text

__all__ = ["Asked", "Manner", "ask_kiro"]

CONTINUE = "Continue"
EMPTY = "(empty)"
NO_RESULT = "There is no result of this tool."
RESULTS = "Tool results provided."
SILENT = "."

_BYTES_PER_TOKEN = 4
_TOKENS_OF_IMAGE = 1600


@attrs.frozen
class Manner:
    """What a call says besides the conversation; `thinking` is emulated, native or off."""

    model: str
    origin: str = "AI_EDITOR"
    profile_arn: str = ""
    thinking: str = "emulated"
    removed_from_schemas: frozenset[str] = frozenset({"additionalProperties"})


@attrs.frozen
class Asked:
    """A call ready to be sent, and what is needed to read its answer."""

    request: wire.Request
    body: bytes
    model: str
    toolbox: Toolbox
    chat: Chat
    emulates_thinking: bool = False

    @property
    def guessed_tokens(self) -> int:
        """How many tokens the call may have: Kiro counts none before it answers."""
        state = self.request.conversation_state
        entries = (entry.user_input_message for entry in (*state.history, state.current_message))
        images = [len(image.source.bytes) for user in entries if user is not None for image in user.images]
        return (len(self.body) - sum(images)) // _BYTES_PER_TOKEN + len(images) * _TOKENS_OF_IMAGE


def ask_kiro(body: Mapping[str, Any], manner: Manner, ids: tuple[str, str]) -> Asked:
    """Translate a request; `ids` are the conversation's and the continuation's.

    UpstreamRefused with 400 says what in it is wrong, or cannot be said to Kiro at all.
    """
    try:
        chat = read_chat(body)
        return _asked(chat, manner, ids)
    except RecursionError:
        raise UpstreamRefused("The request is nested too deeply to be translated.", status=400) from None


def _asked(chat: Chat, manner: Manner, ids: tuple[str, str]) -> Asked:
    instructions, turns = turns_of(chat.messages)
    toolbox = Toolbox.of(chat.tools if chat.tool_choice != "none" else (), manner.removed_from_schemas)
    if toolbox:
        toolbox.declare(use.name for turn in turns for use in turn.uses)
    else:
        with_tools_as_text(turns)
    thinks = chat.reasoning_effort in BUDGETS
    emulates = thinks and manner.thinking == "emulated"
    say = _Speaker(manner, toolbox, emulates_thinking=emulates)
    prompt = [asking_to_think(chat.reasoning_effort)] if emulates else []
    prompt += [instructions, *toolbox.overflow]
    _prepend(turns[0], "\n\n".join(text for text in prompt if text))
    *earlier, last = [say.entry(turn) for turn in turns]
    state = wire.ConversationState(
        conversation_id=ids[0],
        current_message=_with_tools(last, toolbox),
        history=tuple(earlier),
        agent_task_type="vibe",
        agent_continuation_id=ids[1],
    )
    more = _native_thinking(chat.reasoning_effort) if thinks and manner.thinking == "native" else {}
    request = wire.Request(state, manner.profile_arn, more)
    payload = wire.as_payload(request)
    told = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return Asked(request, told.encode("utf-8", "replace"), manner.model, toolbox, chat, emulates)


def _prepend(turn: Turn, prompt: str) -> None:
    """Put the instructions in front of the first user's words: Kiro knows no other place for them."""
    if prompt:
        turn.texts.insert(0, prompt)


def _with_tools(entry: wire.Entry, toolbox: Toolbox) -> wire.Entry:
    message = entry.user_input_message
    if message is None or not toolbox:
        return entry
    context = attrs.evolve(message.user_input_message_context, tools=tuple(toolbox.tools))
    return wire.Entry(user_input_message=attrs.evolve(message, user_input_message_context=context))


def _native_thinking(effort: str) -> Mapping[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": BUDGETS[effort]}}


@attrs.frozen
class _Speaker:
    """Writes turns as entries of the conversation; the silent ones get a filler, since Kiro wants words."""

    manner: Manner
    toolbox: Toolbox
    emulates_thinking: bool

    def entry(self, turn: Turn) -> wire.Entry:
        if turn.role == "user":
            return wire.Entry(user_input_message=self._user(turn))
        return wire.Entry(assistant_response_message=self._assistant(turn))

    def _user(self, turn: Turn) -> wire.UserInput:
        results = tuple(_result(result) for result in turn.results)
        filler = RESULTS if results else EMPTY if turn.images else CONTINUE
        return wire.UserInput(
            content=turn.text or filler,
            model_id=self.manner.model,
            origin=self.manner.origin,
            images=tuple(turn.images),
            user_input_message_context=wire.UserInputContext(results),
        )

    def _assistant(self, turn: Turn) -> wire.AssistantResponse:
        text, thought = turn.text, "\n\n".join(turn.reasoning)
        if thought and self.emulates_thinking:
            text = with_thought(thought, text or SILENT)
        proven = thought and turn.signature and self.manner.thinking == "native"
        reasoning = wire.ReasoningContent(wire.ReasoningText(thought, turn.signature)) if proven else None
        uses = tuple(wire.ToolUse(use.id, self.toolbox.wire_name(use.name), use.input) for use in turn.uses)
        return wire.AssistantResponse(text or SILENT, uses, reasoning)


def _result(result: Result) -> wire.ToolResult:
    if result.missing:
        return wire.ToolResult(result.id, (wire.Content(NO_RESULT),), "error")
    return wire.ToolResult(result.id, (wire.Content(result.text if result.text.strip() else EMPTY),))
