"""Tool calls out of Kiro's events: pieces by id, repeated ones once, broken ones told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from gaud_core import ToolCall, UpstreamFailed
from gaud_provider_kiro import wire

__all__ = ["CallReader"]

_MOST_CALLS = 1000
_LONGEST = 16 * 1024 * 1024


@attrs.define
class _Open:
    """A call whose pieces come."""

    id: str
    name: str
    pieces: list[str] = attrs.field(factory=list)
    index: int = -1
    """Its place among the calls that the client sees; -1 as long as it may be one that he has seen."""
    given: int = 0
    """How many pieces of the arguments the client has."""
    stopped: bool = False

    @property
    def arguments(self) -> str:
        """The arguments so far."""
        return "".join(self.pieces)


@attrs.define
class CallReader:
    """Gives the pieces of calls as the client gets them; `own_name` gives the client's name for a tool.

    Kiro sometimes says the same call twice, under one id or two: a repetition is held back until it differs,
    and dropped if it never does.
    """

    own_name: Callable[[str], str] = str
    _calls: dict[str, _Open] = attrs.field(factory=dict)
    _size: int = 0
    _shown: int = 0

    @property
    def any(self) -> bool:
        """Whether the client has got a call."""
        return self._shown > 0

    def read(self, event: wire.ToolUseEvent) -> Iterator[ToolCall]:
        """Take one event; its id names the call, or, without one, the call that came last is meant."""
        call = self._meant(event)
        if call.stopped:
            return
        call.name = call.name or event.name
        piece = _piece(event.input)
        self._size += len(piece)
        if self._size > _LONGEST:
            raise UpstreamFailed(f"Kiro's tool calls are longer than {_LONGEST >> 20} MB.")
        call.pieces.append(piece)
        if event.stop:
            yield from self._stop(call)
        elif piece or call.index < 0:
            yield from self._go_on(call)

    def end(self) -> Iterator[ToolCall]:
        """Give what is left; UpstreamFailed if a call has not come to its end."""
        for call in list(self._calls.values()):
            if not call.stopped:
                yield from self._stop(call)

    def _meant(self, event: wire.ToolUseEvent) -> _Open:
        name = event.tool_use_id or next(reversed(self._calls), "")
        if name not in self._calls:
            if len(self._calls) >= _MOST_CALLS:
                raise UpstreamFailed(f"Kiro answers with more than {_MOST_CALLS} tool calls.")
            self._calls[name] = _Open(name or "tooluse_1", event.name)
        return self._calls[name]

    def _go_on(self, call: _Open) -> Iterator[ToolCall]:
        if call.index < 0 and self._may_be_told(call):
            return
        yield from self._show(call)

    def _stop(self, call: _Open) -> Iterator[ToolCall]:
        call.stopped = True
        arguments = call.arguments
        if not arguments.strip():
            call.pieces.append("{}")
        elif not _is_object(arguments):
            raise UpstreamFailed(
                f"Kiro broke off in the arguments of the tool call `{self.own_name(call.name)[:80]}`.",
                code="upstream_broke_off",
            )
        if call.index < 0 and any(twin.arguments == call.arguments for twin in self._twins(call)):
            return
        yield from self._show(call)

    def _may_be_told(self, call: _Open) -> bool:
        """Whether it begins as an earlier one does, and so may be the same once more."""
        begun = call.arguments
        return any(twin.arguments.startswith(begun) for twin in self._twins(call))

    def _twins(self, call: _Open) -> list[_Open]:
        """Give the calls before this one that have its name."""
        earlier = list(self._calls.values())
        return [twin for twin in earlier[: earlier.index(call)] if twin.name == call.name]

    def _show(self, call: _Open) -> Iterator[ToolCall]:
        piece = "".join(call.pieces[call.given :])
        call.given = len(call.pieces)
        if call.index >= 0:
            if piece:
                yield ToolCall(call.index, arguments=piece)
            return
        call.index = self._shown
        self._shown += 1
        yield ToolCall(call.index, call.id, self.own_name(call.name), piece)


def _piece(told: Any) -> str:
    if told is None:
        return ""
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
