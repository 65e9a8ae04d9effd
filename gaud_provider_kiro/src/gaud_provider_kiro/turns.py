"""A conversation as Kiro takes it: user and assistant in turn, each use of a tool with one result after."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from gaud_provider_kiro import wire
from gaud_provider_kiro.images import image_of
from gaud_provider_kiro.openai import Message, ToolCall

__all__ = ["Result", "Turn", "Use", "turns_of", "with_tools_as_text"]

_GOOD_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SYSTEM = ("system", "developer")


@attrs.frozen
class Use:
    """A use of a tool, with the client's name for it; `input` is an object."""

    id: str
    name: str
    input: dict[str, Any]


@attrs.frozen
class Result:
    """What a tool has given; `missing` if the client has said nothing of it."""

    id: str
    text: str
    missing: bool = False


@attrs.define
class Turn:
    """What one side has said before the other one speaks again."""

    role: str
    texts: list[str] = attrs.field(factory=list)
    images: list[wire.Image] = attrs.field(factory=list)
    results: list[Result] = attrs.field(factory=list)
    uses: list[Use] = attrs.field(factory=list)
    reasoning: list[str] = attrs.field(factory=list)
    signature: str = ""

    @property
    def text(self) -> str:
        """All that was said, message after message."""
        return "\n\n".join(self.texts)

    def say(self, text: str) -> None:
        """Add a text; one of blanks only says nothing."""
        if text.strip():
            self.texts.append(text)


def turns_of(messages: Iterable[Message]) -> tuple[str, list[Turn]]:
    """Give the instructions, and the turns: the first and the last are a user's, and roles alternate.

    Instructions are the system messages at the beginning; later ones stay where they are, as a user's words.
    """
    rest, instructions = list(messages), []
    while rest and rest[0].role in _SYSTEM:
        instructions.append(rest.pop(0).text)
    turns = _paired(_merged(rest))
    if not turns or turns[0].role != "user":
        turns.insert(0, Turn("user"))
    if turns[-1].role != "user":
        turns.append(Turn("user"))
    return "\n\n".join(text for text in instructions if text.strip()), turns


def with_tools_as_text(turns: Iterable[Turn]) -> None:
    """Tell uses and results of tools in words: without a list of tools Kiro takes none of them."""
    for turn in turns:
        for use in turn.uses:
            turn.texts.append(f"[Used the tool {use.name} with {json.dumps(use.input, ensure_ascii=False)}]")
        told = [f"[The tool's result]\n{result.text}" for result in turn.results if not result.missing]
        turn.texts[:0] = told
        turn.uses, turn.results = [], []


def _merged(messages: Iterable[Message]) -> list[Turn]:
    turns: list[Turn] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1].role != role:
            turns.append(Turn(role))
        _take(turns[-1], message)
    return turns


def _take(turn: Turn, message: Message) -> None:
    turn.images += [image_of(part.image_url) for part in message.content if part.image_url]
    if message.role == "tool":
        turn.results.append(Result(message.tool_call_id, message.text))
        return
    turn.say(message.text)
    if message.role == "assistant":
        turn.uses += [Use(call.id, call.function.name, _input(call)) for call in message.tool_calls]
        _take_reasoning(turn, message)


def _take_reasoning(turn: Turn, message: Message) -> None:
    blocks = message.thinking_blocks
    told = "".join(block.thinking for block in blocks) or message.reasoning_content
    if told:
        turn.reasoning.append(told)
    signatures = [block.signature for block in blocks if block.signature]
    turn.signature = signatures[-1] if signatures else turn.signature


def _input(call: ToolCall) -> dict[str, Any]:
    """Give the arguments as an object; what is none, such as half of one, is kept as text within one."""
    text = call.function.arguments
    try:
        told = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        told = None
    return told if isinstance(told, dict) else {"arguments": text}


def _paired(turns: list[Turn]) -> list[Turn]:
    """Give each use an id of its own and one result in the turn after it; other results become text."""
    taken: set[str] = set()
    done: list[Turn] = []
    waiting: dict[str, str] = {}
    for turn in turns:
        if turn.role == "user":
            _answer(turn, waiting)
            waiting = {}
        else:
            waiting = _name_uses(turn, taken)
        done.append(turn)
    if waiting:
        last = Turn("user")
        _answer(last, waiting)
        done.append(last)
    return done


def _name_uses(turn: Turn, taken: set[str]) -> dict[str, str]:
    """Give the uses of a turn their ids on the wire; tell which of them belongs to which of the client's."""
    ids: dict[str, str] = {}
    named = []
    for use in turn.uses:
        if use.id and use.id in ids:  # the client says the same call twice
            continue
        given = next(name for name in _candidates(use.id) if name not in taken)
        taken.add(given)
        ids[use.id or given] = given
        named.append(attrs.evolve(use, id=given))
    turn.uses = named
    return ids


def _candidates(told: str) -> Iterator[str]:
    """Give ids for a use, the client's own first."""
    if _GOOD_ID.fullmatch(told):
        yield told
    digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    number = 1
    while True:
        yield f"tooluse_{digest}_{number}"
        number += 1


def _answer(turn: Turn, waiting: dict[str, str]) -> None:
    """Put the results of a turn in the order of the uses that they belong to."""
    told: dict[str, list[str]] = {}
    orphans: list[str] = []
    for result in turn.results:
        if result.id in waiting:
            told.setdefault(result.id, []).append(result.text)
        else:
            orphans.append(f"[The result of a tool]\n{result.text}")
    turn.results = [
        Result(given, "\n\n".join(told.get(own, ())), missing=own not in told)
        for own, given in waiting.items()
    ]
    turn.texts[:0] = orphans
