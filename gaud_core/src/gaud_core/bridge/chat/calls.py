"""Which tool call a piece of one belongs to: upstreams tell it by index, by id, by both or by neither."""

from __future__ import annotations

import attrs

from gaud_core.bridge.chat.pieces import Called
from gaud_core.errors import UpstreamFailed

__all__ = ["NO_CALL", "Calls"]

NO_CALL = -1
_MOST_CALLS = 4096


@attrs.define
class Calls:
    """Numbers the calls of one answer; `nameless` are those whose name has not come yet."""

    nameless: dict[int, Called] = attrs.field(factory=dict)
    closed: set[int] = attrs.field(factory=set)
    _ids: list[str] = attrs.field(factory=list)
    _by_index: dict[int, int] = attrs.field(factory=dict)
    _told: set[int] = attrs.field(factory=set)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._ids)

    def number(self, piece: Called) -> int:
        """Give the call's number: a new id is a new call, whatever its index; no index is the last call."""
        call = len(self._ids) - 1 if piece.index is None else self._by_index.get(piece.index, NO_CALL)
        if call == NO_CALL or self._is_another(call, piece):
            call = len(self._ids)
            if call >= _MOST_CALLS:
                raise UpstreamFailed(f"The upstream's answer holds more than {_MOST_CALLS} tool calls.")
            self._ids.append(piece.id)
        if piece.index is not None:
            self._by_index[piece.index] = call
        self._ids[call] = self._ids[call] or piece.id
        return call

    def named(self, call: int, piece: Called) -> Called | None:
        """Give a piece once its call has a name; what comes before is joined to it, None is nothing yet."""
        if call in self._told:
            if call not in self.closed:
                return piece
            if piece.arguments.strip():
                raise UpstreamFailed("The upstream went on with a tool call whose arguments were complete.")
            return None
        held = self.nameless.pop(call, None)
        if held is not None:
            arguments = held.arguments + piece.arguments
            piece = attrs.evolve(piece, id=held.id or piece.id, arguments=arguments)
        if not piece.name:
            self.nameless[call] = piece
            return None
        self._told.add(call)
        return piece

    def _is_another(self, call: int, piece: Called) -> bool:
        """Whether a piece begins a call of its own, although its index, or none, says otherwise."""
        if piece.id and self._ids[call]:
            return piece.id != self._ids[call]
        return bool(piece.name) and (call in self.closed or (piece.index is None and call in self._told))
