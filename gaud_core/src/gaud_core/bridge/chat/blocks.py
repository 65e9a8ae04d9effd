"""Pieces of an answer become blocks, one after the other, for dialects that tell it as a row of blocks.

In Chat Completions text, reasoning and several tool calls may come in turns. In the other dialects a block
is told from its beginning to its end before the next one begins. So what belongs to a later block waits while
a tool call is open whose arguments are not complete yet; everything else goes out as it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Literal, Protocol

import attrs
import msgspec

from gaud_core.bridge.chat.calls import NO_CALL, Calls
from gaud_core.bridge.chat.pieces import Called, Hidden, Piece, Refused, Said, Thinking
from gaud_core.bridge.chat.thoughts import DEFAULT_FIELD, joined
from gaud_core.errors import UpstreamFailed

__all__ = ["Block", "Blocks", "Writer"]

_LONGEST_ANSWER = 64 * 1024 * 1024
"""Characters of an answer that are held at most."""

Kind = Literal["thinking", "hidden", "text", "refusal", "tool"]


@attrs.define
class Block:
    """One block of an answer; `at` counts them, `texts` are the pieces of its text so far."""

    kind: Kind
    at: int
    id: str = ""
    name: str = ""
    custom: bool = False
    field: str = DEFAULT_FIELD
    texts: list[str] = attrs.field(factory=list)
    signature: str = ""
    carried: dict[str, Any] = attrs.field(factory=dict)
    annotations: list[Any] = attrs.field(factory=list)
    logprobs: list[Any] = attrs.field(factory=list)

    @property
    def text(self) -> str:
        """All of its text: a call's arguments, a hidden block's data."""
        return "".join(self.texts)


class Writer(Protocol):
    """Writes blocks in a dialect."""

    def open(self, block: Block) -> bytes:
        """Tell that a block begins; its text is still empty, except a hidden one's."""
        ...

    def add(self, block: Block, text: str, logprobs: list[Any]) -> bytes:
        """Tell a further piece of its text."""
        ...

    def close(self, block: Block) -> bytes:
        """Tell that it is complete."""
        ...


@attrs.define
class Blocks:
    """Puts pieces in order and has a writer write them."""

    writer: Writer
    call_id: str
    count: int = 0
    _open: Block | None = None
    _open_call: int = NO_CALL
    _waiting: deque[tuple[int, list[Piece]]] = attrs.field(factory=deque)
    _waiting_calls: dict[int, list[Piece]] = attrs.field(factory=dict)
    _calls: Calls = attrs.field(factory=Calls)
    _size: int = 0

    @property
    def tools(self) -> int:
        """How many tool calls there are."""
        return self._calls.count

    def put(self, pieces: Iterable[Piece]) -> bytes:
        """Take pieces and give what can be told of them now."""
        return b"".join([self._put(piece) for piece in pieces])

    def finish(self) -> bytes:
        """Tell all that is left."""
        if self._calls.nameless:
            raise UpstreamFailed("The upstream's answer holds a tool call without a name.")
        told = self._close()
        while self._waiting:
            told += self._tell_next() + self._close()
        return told

    def _put(self, piece: Piece) -> bytes:
        self._grow(piece)
        call = NO_CALL
        if isinstance(piece, Called):
            call = self._calls.number(piece)
            named = self._calls.named(call, piece)
            if named is None:
                return b""
            piece = named
        return self._place(call, piece)

    def _place(self, call: int, piece: Piece) -> bytes:
        """Tell a piece if its turn has come, else keep it."""
        if call != NO_CALL and call == self._open_call:
            told = self._add(piece)
            while self._waiting and self._is_over():
                told += self._tell_next()
            return told
        if call in self._waiting_calls:
            self._waiting_calls[call].append(piece)
            return b""
        if self._waiting or not self._is_over():
            self._wait(call, piece)
            return b""
        return self._tell(call, piece)

    def _wait(self, call: int, piece: Piece) -> None:
        if call == NO_CALL and self._waiting and self._waiting[-1][0] == NO_CALL:
            self._waiting[-1][1].append(piece)
            return
        group = [piece]
        self._waiting.append((call, group))
        if call != NO_CALL:
            self._waiting_calls[call] = group

    def _tell_next(self) -> bytes:
        call, group = self._waiting.popleft()
        self._waiting_calls.pop(call, None)
        return b"".join([self._tell(call, piece) for piece in group])

    def _tell(self, call: int, piece: Piece) -> bytes:
        """Tell a piece; the open block goes on or makes room."""
        if self._continues(call, piece):
            return self._add(piece)
        told = self._close()
        self._open = block = self._begun(call, piece)
        self._open_call = call
        return told + self.writer.open(block) + self._add(piece)

    def _continues(self, call: int, piece: Piece) -> bool:
        block = self._open
        if block is None:
            return False
        match piece:
            case Said():
                return block.kind == "text"
            case Refused():
                return block.kind == "refusal"
            case Thinking():
                return block.kind == "thinking" and not (block.signature and piece.text)
            case Called():
                return call == self._open_call
        return False

    def _begun(self, call: int, piece: Piece) -> Block:
        at, self.count = self.count, self.count + 1
        match piece:
            case Thinking():
                return Block("thinking", at, field=piece.field)
            case Hidden(data=data):
                return Block("hidden", at, texts=[data])
            case Said():
                return Block("text", at)
            case Refused():
                return Block("refusal", at)
            case Called():
                made = f"call_{self.call_id}_{call}"
                return Block("tool", at, piece.id or made, piece.name, piece.custom)

    def _add(self, piece: Piece) -> bytes:
        block = self._open
        assert block is not None
        text, logprobs = "", []
        match piece:
            case Thinking():
                text = piece.text
                block.field = piece.field if piece.text else block.field
                block.signature = piece.signature or block.signature
                _carry(block, piece)
            case Said():
                text, logprobs = piece.text, list(piece.logprobs)
                block.annotations += piece.annotations
                block.logprobs += logprobs
            case Refused(text=text) | Called(arguments=text):
                pass
            case Hidden():
                return b""
        block.texts.append(text)
        return self.writer.add(block, text, logprobs) if text else b""

    def _close(self) -> bytes:
        block = self._open
        if self._open_call != NO_CALL:
            self._calls.closed.add(self._open_call)
        self._open, self._open_call = None, NO_CALL
        return self.writer.close(block) if block is not None else b""

    def _is_over(self) -> bool:
        """Whether another block may begin: an open call's arguments must be complete."""
        return self._open is None or self._open.kind != "tool" or is_whole(self._open)

    def _grow(self, piece: Piece) -> None:
        match piece:
            case Called(arguments=text) | Said(text=text) | Refused(text=text) | Thinking(text=text):
                self._size += len(text)
            case Hidden(data=data):
                self._size += len(data)
        if self._size > _LONGEST_ANSWER:
            raise UpstreamFailed(f"The upstream's answer has more than {_LONGEST_ANSWER} characters.")


def is_whole(block: Block) -> bool:
    """Whether a call's arguments are complete: a JSON object has ended."""
    if block.custom or not block.texts or not block.texts[-1].rstrip().endswith("}"):
        return False
    try:
        msgspec.json.decode(block.text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


def _carry(block: Block, piece: Thinking) -> None:
    for name, value in piece.carried.items():
        block.carried[name] = joined(block.carried.get(name), value)
