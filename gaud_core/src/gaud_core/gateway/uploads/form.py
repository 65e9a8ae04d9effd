"""Finds a few fields of a multipart form while it comes (RFC 7578); files are never looked into.

What two parsers could read differently is refused: the upstream must not find another model than Gaud.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto

import attrs

from gaud_core.errors import BadRequest

__all__ = ["Field", "FormScan", "boundary_of"]

_LONGEST_HEAD = 16 * 1024
_LONGEST_VALUE = 1000
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rb";[ \t]*(" + _TOKEN + rb')=("(?:[^"\\\r\n]|\\.)*"|' + _TOKEN + rb")[ \t]*")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


@attrs.frozen
class Field:
    """A field's value, and where it stands in the form."""

    value: str
    begin: int
    end: int


class _State(Enum):
    START = auto()
    DELIMITER = auto()
    HEAD = auto()
    CONTENT = auto()
    END = auto()


@attrs.define
class FormScan:
    """Takes a form in pieces; `fields` holds those of the `wanted` names that have come so far.

    BadRequest for what is no form, for a wanted field that is there twice, and for one whose name is spelled
    in another case.
    """

    boundary: bytes
    wanted: frozenset[str]
    fields: dict[str, Field] = attrs.field(factory=dict)
    in_file: bool = False
    """Whether the first file has begun."""
    _held: bytes = b""
    _at: int = 0
    _state: _State = _State.START
    _name: str = ""
    _begin: int = 0

    @property
    def complete(self) -> bool:
        """Whether the form has come to its end."""
        return self._state is _State.END

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        self._held += piece
        steps = {
            _State.START: self._start,
            _State.DELIMITER: self._delimiter,
            _State.HEAD: self._head,
            _State.CONTENT: self._content,
            _State.END: self._end,
        }
        while steps[self._state]():
            pass

    def _start(self) -> bool:
        first = b"--" + self.boundary
        if len(self._held) < len(first):
            return False
        if not self._held.startswith(first):
            raise _malformed("it does not begin with its boundary")
        return self._next(_State.DELIMITER, len(first))

    def _delimiter(self) -> bool:
        if len(self._held) < 2:
            return False
        if self._held.startswith(b"--"):
            return self._next(_State.END, 2)
        if not self._held.startswith(b"\r\n"):
            raise _malformed("its boundary stands where none may be")
        return self._next(_State.HEAD, 2)

    def _head(self) -> bool:
        end = self._held.find(b"\r\n\r\n")
        if end < 0 and len(self._held) <= _LONGEST_HEAD:
            return False
        if end < 0 or end > _LONGEST_HEAD:
            raise _malformed("the head of a part is too long")
        self._name, is_file = _disposition(self._held[:end])
        self.in_file = self.in_file or is_file
        if self._name.casefold() in self.wanted:
            self._check_wanted(is_file)
        else:
            self._name = ""
        self._next(_State.CONTENT, end + 4)
        self._begin = self._at
        return True

    def _content(self) -> bool:
        mark = b"--" + self.boundary
        found = self._held.find(mark)
        if found < 0:
            if self._name:
                if len(self._held) > _LONGEST_VALUE + len(mark):
                    raise _malformed(f"its field `{self._name}` is too long")
                return False
            self._next(_State.CONTENT, max(0, len(self._held) - len(mark) - 1))  # half of it, and a CR LF
            return False
        if found < 2 or self._held[found - 2 : found] != b"\r\n":
            raise _malformed("its boundary stands where none may be")
        if self._name:
            self._keep(self._held[: found - 2])
        return self._next(_State.DELIMITER, found + len(mark))

    def _end(self) -> bool:
        self._held = b""
        return False

    def _check_wanted(self, is_file: bool) -> None:
        name = self._name
        if name not in self.wanted:
            meant = name.casefold()
            raise BadRequest(
                f"The form has a field `{name}`. Write `{meant}`, in lower case.",
                param=name,
                code="misspelled_member",
            )
        if name in self.fields:
            raise _malformed(f"it has the field `{name}` twice")
        if is_file:
            raise _malformed(f"its field `{name}` is a file")

    def _keep(self, value: bytes) -> None:
        if len(value) > _LONGEST_VALUE:
            raise _malformed(f"its field `{self._name}` is too long")
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise _malformed(f"its field `{self._name}` is not UTF-8") from None
        self.fields[self._name] = Field(text, self._begin, self._begin + len(value))

    def _next(self, state: _State, taken: int) -> bool:
        self._held, self._at, self._state = self._held[taken:], self._at + taken, state
        return True


def boundary_of(content_type: str) -> bytes | None:
    """Give a form's boundary; None for another content type, BadRequest for a form that names none."""
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return None
    found = [value for name, value in _parameters(f";{rest}".encode()) if name == b"boundary"]
    boundary = found[0].decode("latin-1") if len(found) == 1 else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise _malformed("its content type names no boundary")
    return boundary.encode()


def _disposition(head: bytes) -> tuple[str, bool]:
    """Read from a part's head its name, and whether it is a file."""
    found = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")]
    folded = any(line[:1] in {b" ", b"\t"} for line in head.split(b"\r\n"))
    if len(found) != 1 or folded or b"\n" in head.replace(b"\r\n", b"") or b"\0" in head:
        raise _malformed("a part of it has no usable content-disposition")
    kind, semicolon, rest = found[0].partition(b":")[2].partition(b";")
    parameters = list(_parameters(semicolon + rest))
    names = [value for name, value in parameters if name == b"name"]
    if kind.strip().lower() != b"form-data" or len(names) != 1 or b"\\" in names[0]:
        raise _malformed("a part of it has no usable name")
    if any(name == b"name*" for name, _ in parameters) or _is_encoded(head):
        raise _malformed("a part of it has an encoded name or value")
    return names[0].decode("latin-1"), any(name.startswith(b"filename") for name, _ in parameters)


def _is_encoded(head: bytes) -> bool:
    """Whether a part says that it is in base64 or such, which RFC 7578 has done away with (§4.7)."""
    lines = [line.lower() for line in head.split(b"\r\n")]
    encodings = [
        line.partition(b":")[2].strip() for line in lines if line.startswith(b"content-transfer-encoding:")
    ]
    return any(encoding not in {b"7bit", b"8bit", b"binary"} for encoding in encodings)


def _parameters(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            raise _malformed("its parameters cannot be read")
        yield found[1].lower(), found[2].removeprefix(b'"').removesuffix(b'"')
        at = found.end()


def _malformed(why: str) -> BadRequest:
    return BadRequest(f"The request is no usable multipart form: {why}.", code="invalid_form")
