"""The log: text for people or JSON for machines, one line per record, and never a secret in it."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, TextIO

from gaud_core.settings import MASK

__all__ = ["CallRecord", "change_logging", "mask_too", "set_up_logging", "together"]

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN = bytes(set(range(32, 127)) - {ord('"')})
_BOOLS = ("false", "true")
_MOST_SECRETS = 1000
_WHOLE_IN_A_PIPE = 4096
"""Bytes that Linux writes to a pipe in one piece or not at all (pipe(7), PIPE_BUF)."""
_SHORTEST_SECRET = 6  # masking shorter ones would tear holes into ordinary words


_BLANK = vars(logging.LogRecord("", 0, "", 0, "call", (), None))


class CallRecord(logging.LogRecord):
    """The line of a call, which nobody asks for its thread, its process or its place in the code.

    What a usual record looks up of those costs more than to write the line.
    """

    def __init__(self, name: str, level: int, fields: Mapping[str, Any], created: float) -> None:
        self.__dict__ = {
            **_BLANK,
            "name": name,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "created": created,
            "msecs": created % 1 * 1000,
            "fields": fields,
        }


class _Formatter(logging.Formatter):
    """Common to both shapes: time in UTC, fields, masking."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self.plain = dict.fromkeys(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)
        quoted = {json.dumps(text, ensure_ascii=pure)[1:-1] for text in self.plain for pure in (True, False)}
        self._secrets = sorted({*self.plain, *quoted}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record)
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        return line

    def line(self, record: logging.LogRecord) -> str:
        raise NotImplementedError


class _Text(_Formatter):
    def line(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        pairs = _pairs(fields)
        message = _one_line(record.getMessage())
        return f"{_utc(record)} {record.levelname:<7} {record.name}: {message}{pairs}{self._trace(record)}"

    def _trace(self, record: logging.LogRecord) -> str:
        return "\n" + self.formatException(record.exc_info) if record.exc_info else ""


class _JSON(_Formatter):
    def line(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        head = {"time": _utc(record), "level": record.levelname.lower(), "logger": record.name}
        trace = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        line = {**head, "message": record.getMessage(), **fields, **trace}
        return json.dumps(line, ensure_ascii=False, default=str)


class _Lines(logging.StreamHandler[TextIO]):
    """Writes each line at once, or some together.

    What uvicorn logs of an answer that was broken off on purpose is dropped: its call has its own line.
    """

    _held: list[str] | None = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record, or leave it."""
        if record.exc_info and type(record.exc_info[1]).__name__ in {"BrokenAnswer", "CancelledError"}:
            return False
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; what goes wrong with that is told as logging always does."""
        try:
            line = f"{self.format(record)}\n"
            if self._held is None:
                self._write(line)
            else:
                self._held.append(line)
        except Exception:  # as in every handler: a log that cannot be written stops nothing
            self.handleError(record)

    def hold(self) -> None:
        """Keep lines until `let_go`."""
        self._held = [] if self._held is None else self._held

    def let_go(self) -> None:
        """Write what was kept."""
        held, self._held = self._held or [], None
        with suppress(OSError, ValueError):
            for piece in _pieces(held):
                self._write(piece)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Join lines as long as a pipe takes them whole, so that no other worker's come between."""
    piece, size = "", 0
    for line in lines:
        longer = len(line.encode("utf-8", "replace"))
        if piece and size + longer > _WHOLE_IN_A_PIPE:
            yield piece
            piece, size = "", 0
        piece, size = piece + line, size + longer
    if piece:
        yield piece


@contextmanager
def together() -> Iterator[None]:
    """Write the lines of the block at its end, with as few system calls as may be."""
    handlers = [handler for handler, _ in _ours()]
    for handler in handlers:
        handler.hold()
    try:
        yield
    finally:
        for handler in handlers:
            handler.let_go()


def set_up_logging(level: str, *, as_json: bool, secrets: Iterable[str] = ()) -> None:
    """Send all log lines of this process to standard error; `secrets` are masked wherever they turn up."""
    handler = _Lines(sys.stderr)
    handler.setFormatter((_JSON if as_json else _Text)(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "httpx", "httpcore", "aiohttp", "asyncio", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    for inherited in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(inherited)
        logger.handlers.clear()
        logger.propagate = True


def change_logging(level: str, *, as_json: bool) -> None:
    """Log otherwise from now on, unless somebody else has set up this process's logging."""
    for handler, formatter in _ours():
        logging.getLogger().setLevel(level.upper())
        handler.setFormatter((_JSON if as_json else _Text)(formatter.plain))


def mask_too(secrets: Iterable[str]) -> None:
    """Mask these secrets as well; the older ones stay masked, because what uses them may still run."""
    new = list(secrets)
    for handler, formatter in _ours():
        known = [*formatter.plain, *(secret for secret in new if secret not in formatter.plain)]
        handler.setFormatter(type(formatter)(known[-_MOST_SECRETS:]))


def _ours() -> Iterator[tuple[_Lines, _Formatter]]:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Lines) and isinstance(handler.formatter, _Formatter):
            yield handler, handler.formatter


def _utc(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _one_line(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text) if not text.isprintable() else text


def _pairs(fields: Mapping[str, Any]) -> str:
    """Give the fields as they stand in a line; most need no quotes, which a look at all together tells."""
    known = {name: value for name, value in fields.items() if value is not None}
    values = [_BOOLS[value] if type(value) is bool else value for value in known.values()]
    pairs = _pattern(tuple(known)) % tuple(values)
    is_plain = pairs.isascii() and not pairs.encode().translate(None, _PLAIN)
    is_told = pairs.count(" ") == pairs.count("=") == len(known)  # none is within a value
    if is_plain and is_told and "= " not in pairs and not pairs.endswith("="):
        return pairs
    return "".join([f" {name}={_quoted(value)}" for name, value in known.items()])


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> str:
    return "".join([f" {name}=%s" for name in names])


def _quoted(value: object) -> str:
    text = _BOOLS[value] if isinstance(value, bool) else str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
