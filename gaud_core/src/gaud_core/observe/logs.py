"""The log: text for people or JSON for machines, one line per record, and never a secret in it."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TextIO

from msgspec import Struct

from gaud_core.settings import MASK

__all__ = ["Line", "change_logging", "log_calls", "mask_too", "set_up_logging"]

_BARE = re.compile("[!#-<>-~]+").fullmatch
"""Finds text that needs no quotes: printable, and without a space, a quote or an equals sign."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BOOLS = ("false", "true")
_MOST_SECRETS = 1000
_WHOLE_IN_A_PIPE = 4096
"""Bytes that Linux writes to a pipe in one piece or not at all (pipe(7), PIPE_BUF)."""
_MOST_BYTES = 4  # of a character in UTF-8
_SHORTEST_SECRET = 6  # masking shorter ones would tear holes into ordinary words


_BLANK = vars(logging.LogRecord("", 0, "", 0, "call", (), None))


class Line(Struct, eq=False):
    """What a line tells, whatever its shape; `at` is the time as `time.time` gives it."""

    name: str
    level: int
    at: float
    fields: Mapping[str, Any] = {}
    message: str = "call"
    trace: str = ""


class _CallRecord(logging.LogRecord):
    """The line of a call, which nobody asks for its thread, its process or its place in the code.

    What a usual record looks up of those costs more than to write the line.
    """

    def __init__(self, line: Line) -> None:
        self.__dict__ = {
            **_BLANK,
            "name": line.name,
            "levelno": line.level,
            "levelname": logging.getLevelName(line.level),
            "created": line.at,
            "msecs": line.at % 1 * 1000,
            "fields": line.fields,
        }


class _Formatter(logging.Formatter):
    """Common to both shapes: time in UTC, fields, masking."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self.plain = dict.fromkeys(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)
        quoted = {json.dumps(text, ensure_ascii=pure)[1:-1] for text in self.plain for pure in (True, False)}
        self._secrets = sorted({*self.plain, *quoted}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        fields = getattr(record, "fields", {})
        message = record.getMessage()
        return self.masked([Line(record.name, record.levelno, record.created, fields, message, trace)])

    def masked(self, lines: Iterable[Line]) -> str:
        """Give lines without any secret in them."""
        text = "\n".join([self.text(line) for line in lines])
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def text(self, line: Line) -> str:
        raise NotImplementedError


class _Text(_Formatter):
    def text(self, line: Line) -> str:
        head = f"{_utc(line.at)} {_kind(line.level, line.name)}: {_one_line(line.message)}"
        return head + _pairs(line.fields) + (f"\n{line.trace}" if line.trace else "")


class _JSON(_Formatter):
    def text(self, line: Line) -> str:
        level = logging.getLevelName(line.level).lower()
        told = {"time": _utc(line.at), "level": level, "logger": line.name, "message": line.message}
        trace = {"traceback": line.trace} if line.trace else {}
        return json.dumps({**told, **line.fields, **trace}, ensure_ascii=False, default=str)


class _Lines(logging.StreamHandler[TextIO]):
    """Writes each line at once, and those that come together with as few system calls as may be.

    What uvicorn logs of an answer that was broken off on purpose is dropped: its call has its own line.
    """

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record, or leave it."""
        if record.exc_info and type(record.exc_info[1]).__name__ in {"BrokenAnswer", "CancelledError"}:
            return False
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; what goes wrong with that is told as logging always does."""
        try:
            self.write(self.format(record))
        except Exception:  # as in every handler: a log that cannot be written stops nothing
            self.handleError(record)

    def write(self, lines: str) -> None:
        """Write lines, in pieces that a pipe takes whole, so that no other worker's come between."""
        self.acquire()
        try:
            for piece in _pieces(f"{lines}\n"):
                self.stream.write(piece)
                self.stream.flush()
        finally:
            self.release()


def _pieces(text: str) -> Iterator[str]:
    """Cut between lines; one that is too long stands alone."""
    longest = _WHOLE_IN_A_PIPE if text.isascii() else _WHOLE_IN_A_PIPE // _MOST_BYTES
    begin = 0
    while len(text) - begin > longest:
        end = text.rfind("\n", begin, begin + longest) + 1 or text.index("\n", begin) + 1
        yield text[begin:end]
        begin = end
    yield text[begin:]


def log_calls(lines: Sequence[Line]) -> None:
    """Log the lines of calls; without the detours of `logging` where nobody else listens."""
    ours = list(_ours())
    if len(ours) != 1 or len(logging.getLogger().handlers) != 1:
        for line in lines:
            logging.getLogger(line.name).handle(_CallRecord(line))
        return
    handler, formatter = ours[0]
    told = formatter.masked(lines)
    with suppress(OSError, ValueError):  # a log that cannot be written stops nothing
        handler.write(told)


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


def _utc(at: float) -> str:
    return f"{_second(int(at))}.{int(at % 1 * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=256)
def _kind(level: int, name: str) -> str:
    return f"{logging.getLevelName(level):<7} {name}"


def _one_line(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text) if not text.isprintable() else text


def _pairs(fields: Mapping[str, Any]) -> str:
    """Give the fields as they stand in a line; that most need no quotes, one look at all texts tells."""
    texts, values = "", []
    for value in fields.values():
        kind = type(value)
        if kind is str and value:
            texts += value
        elif kind is not int and kind is not float and kind is not bool:
            return _pairs_with_quotes(fields)
        values.append(_BOOLS[value] if kind is bool else value)
    return _pattern(tuple(fields)) % tuple(values) if _BARE(texts) else _pairs_with_quotes(fields)


def _pairs_with_quotes(fields: Mapping[str, Any]) -> str:
    return "".join([f" {name}={_quoted(value)}" for name, value in fields.items() if value is not None])


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> str:
    return "".join([f" {name}=%s" for name in names])


def _quoted(value: object) -> str:
    text = _BOOLS[value] if isinstance(value, bool) else str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
