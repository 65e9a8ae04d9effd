"""Reading what a gateway answers: the text of a completion, the events of a stream."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import attrs

from .answers import Answer, Cut, Framing, Pause, Step
from .signal import Waitable

__all__ = [
    "Streamed",
    "broken_off",
    "error_of",
    "excerpt",
    "held",
    "recut",
    "text_of",
    "tools_of",
    "without_end",
]

_EXCERPT = 300
_CUTS = 7
_CUT_SECS = 0.003  # so that no two pieces are read at once


@attrs.frozen
class Streamed:
    """The events of a stream: the chunks in order, the error events, and how often `[DONE]` came."""

    raw: bytes
    chunks: list[dict[str, Any]] = attrs.field(factory=list)
    errors: list[dict[str, Any]] = attrs.field(factory=list)
    dones: int = 0

    @classmethod
    def read(cls, raw: bytes) -> Streamed:
        """Take a body apart; what is no JSON is left out."""
        data = [
            line[5:].strip()
            for line in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            if line.startswith(b"data:")
        ]
        events = [event for each in data if isinstance(event := _decoded(each), dict)]
        return cls(
            raw,
            [event for event in events if not event.get("error")],
            [event for event in events if event.get("error")],
            data.count(b"[DONE]"),
        )

    @property
    def text(self) -> str:
        """The text of all chunks."""
        return "".join(delta.get("content") or "" for delta in self._deltas())

    @property
    def finish(self) -> list[str]:
        """The finish reasons, in order."""
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices") or []]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    @property
    def usage(self) -> list[dict[str, Any]]:
        """The usage objects, in order."""
        return [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]

    @property
    def tools(self) -> list[tuple[str, str]]:
        """Name and arguments of each tool call, its pieces joined."""
        joined: dict[int, list[str]] = {}
        for delta in self._deltas():
            for tool in delta.get("tool_calls") or []:
                pair = joined.setdefault(tool.get("index", 0), ["", ""])
                function = tool.get("function") or {}
                pair[0] += function.get("name") or ""
                pair[1] += function.get("arguments") or ""
        return [(name, arguments) for name, arguments in joined.values()]

    def _deltas(self) -> Iterable[dict[str, Any]]:
        return [choice.get("delta") or {} for chunk in self.chunks for choice in chunk.get("choices") or []]


def text_of(completion: Any) -> str:
    """The text of a whole completion; empty if there is none."""
    return str(_message(completion).get("content") or "")


def tools_of(completion: Any) -> list[tuple[str, str]]:
    """Name and arguments of each tool call of a whole completion."""
    functions = [tool["function"] for tool in _message(completion).get("tool_calls") or []]
    return [(function["name"], function["arguments"]) for function in functions]


def error_of(body: bytes) -> dict[str, Any]:
    """OpenAI's error object, or an empty one if the body has none."""
    envelope = _decoded(body)
    error = envelope.get("error") if isinstance(envelope, dict) else None
    return error if isinstance(error, dict) else {}


def excerpt(body: bytes) -> str:
    """The beginning of a body for a message."""
    text = body[:_EXCERPT].decode("utf-8", "replace")
    return repr(text) + (" …" if len(body) > _EXCERPT else "")


def recut(answer: Answer) -> Answer:
    """The same bytes in other pieces, which end within lines, words and characters, one after another."""
    whole = b"".join(step for step in answer.steps if isinstance(step, bytes))
    inside = [at for at in range(1, len(whole)) if whole[at] & 0xC0 == 0x80 and whole[at - 1] & 0xC0 == 0xC0]
    even = range(len(whole) // _CUTS, len(whole), max(1, len(whole) // _CUTS))
    cuts = sorted({0, *inside[:_CUTS], *even, len(whole)})
    steps: list[Step] = []
    for begin, end in itertools.pairwise(cuts):
        steps += [whole[begin:end], Pause(_CUT_SECS)]
    return attrs.evolve(answer, steps=steps)


def broken_off(answer: Answer, gate: Waitable | None = None) -> Answer:
    """The first half of an answer, then the gate, then a reset."""
    first, second = _halves(answer)
    wait: Waitable | Pause = gate or Pause(0.01)
    claims = _bytes_in(first) + _bytes_in(second) if answer.claims is None else answer.claims
    framed = answer.framing is Framing.LENGTH
    return attrs.evolve(answer, steps=[*first, wait, Cut.RESET], claims=claims if framed else None)


def held(answer: Answer, gate: Waitable) -> Answer:
    """An answer whose second half waits for the gate."""
    first, second = _halves(answer)
    return attrs.evolve(answer, steps=[*first, gate, *second])


def without_end(answer: Answer, text: bytes) -> Answer:
    """An answer that ends in good order right after the step that holds this text."""
    steps = list(answer.steps)
    last = max((at for at, step in enumerate(steps) if isinstance(step, bytes) and text in step), default=0)
    return attrs.evolve(answer, steps=steps[: last + 1])


def _halves(answer: Answer) -> tuple[list[Step], list[Step]]:
    """Part an answer between two steps, or within its only one."""
    steps = list(answer.steps)
    if len(steps) == 1 and isinstance(steps[0], bytes):
        only = steps[0]
        return [only[: len(only) // 2]], [only[len(only) // 2 :]]
    at = max(1, len(steps) // 2)
    return steps[:at], steps[at:]


def _bytes_in(steps: Iterable[Step]) -> int:
    return sum(len(step) for step in steps if isinstance(step, bytes))


def _message(completion: Any) -> dict[str, Any]:
    choices = completion.get("choices") if isinstance(completion, dict) else None
    message = choices[0].get("message") if choices else None
    return message if isinstance(message, dict) else {}


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
