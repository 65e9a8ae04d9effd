"""The log: one line per record whatever is in it, text or JSON, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gaud_core.gateway.delivery import BrokenAnswer
from gaud_core.observe.logs import Line, log_calls, set_up_logging

SECRET = "sk-upstream-test-0123456789"
Setup = Callable[..., io.StringIO]


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    """Set logging up on a text in memory; afterwards everything is as it was."""
    loggers = [logging.getLogger(name) for name in ("", "uvicorn", "uvicorn.error", "uvicorn.access")]
    loggers += [logging.getLogger(name) for name in ("httpx", "httpcore", "aiohttp", "asyncio")]
    kept = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]

    def set_up(
        level: str = "info", as_json: bool = False, secrets: tuple[str, ...] = (SECRET,)
    ) -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        set_up_logging(level, as_json=as_json, secrets=secrets)
        return stream

    yield set_up
    for logger, handlers, level, propagate in kept:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def _call(**fields: Any) -> None:
    logging.getLogger("gaud.calls").info("call", extra={"fields": fields})


def test_text_line(set_up: Setup) -> None:
    """Time, level, logger, message, and fields that need quotes have them."""
    stream = set_up()
    _call(id="req_1", model="a b", error=None, status=200, hint='say "x"', empty="")
    line = stream.getvalue()
    assert line.endswith('gaud.calls: call id=req_1 model="a b" status=200 hint="say \\"x\\"" empty=""\n')
    assert " INFO " in line
    assert line[10] == "T"
    assert line[23] == "Z"


def test_json_line(set_up: Setup) -> None:
    """One object; fields keep their types."""
    stream = set_up(as_json=True)
    _call(id="req_1", ms=1.5, stream=True, error=None)
    line = json.loads(stream.getvalue())
    assert (line["id"], line["ms"], line["stream"], line["level"]) == ("req_1", 1.5, True, "info")
    assert (line["logger"], line["message"]) == ("gaud.calls", "call")


@pytest.mark.parametrize("as_json", [False, True])
@examples(max_examples=100, deadline=None, database=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_one_record_is_one_line(as_json: bool, text: str) -> None:
    """No text of any client or upstream can begin a line of its own."""
    record = logging.LogRecord("gaud", logging.WARNING, "x", 1, "upstream said %s", (text,), None)
    record.fields = {"model": text, text or "x": "y"} if text.isidentifier() else {"model": text}
    with pytest.MonkeyPatch.context() as patch:
        stream = io.StringIO()
        patch.setattr("sys.stderr", stream)
        root = logging.getLogger()
        kept, level = root.handlers[:], root.level
        try:
            set_up_logging("info", as_json=as_json)
            root.handlers[0].handle(record)
        finally:
            root.handlers[:] = kept
            root.setLevel(level)
    whole = stream.getvalue()
    assert whole.endswith("\n")
    assert whole.count("\n") == 1
    assert "\r" not in whole


def test_no_escape_sequences(set_up: Setup) -> None:
    """An upstream's text cannot repaint the operator's terminal, nor fake a line with U+2028."""
    stream = set_up()
    logging.getLogger("gaud").warning("upstream said %s", "\x1b[2J\x1b[1;1Hall is well\u2028INFO")
    assert "\x1b" not in stream.getvalue()
    assert "\u2028" not in stream.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_secrets_are_masked_everywhere(set_up: Setup, as_json: bool) -> None:
    """In messages, in fields, in tracebacks, in other libraries' records."""
    stream = set_up(as_json=as_json)
    _call(error=f"bad key {SECRET}", model=SECRET)
    logging.getLogger("uvicorn.error").error("url http://x/?key=%s", SECRET)
    try:
        raise ValueError(f"Bearer {SECRET}")
    except ValueError:
        logging.getLogger("gaud").exception("failed with %s", SECRET)
    text = stream.getvalue()
    assert SECRET not in text
    assert text.count("********") >= 5
    assert "Traceback" in text


@pytest.mark.parametrize("secret", ['sk"quote-test', "sk\\back-test"])
def test_secrets_with_quotes_are_masked_in_json(set_up: Setup, secret: str) -> None:
    """A key may hold any printable character, and JSON spells some of them otherwise."""
    stream = set_up(as_json=True, secrets=(secret,))
    _call(error=f"bad key {secret}")
    assert secret not in json.loads(stream.getvalue())["error"]


def test_longer_secrets_first(set_up: Setup) -> None:
    """A secret that begins with another one is masked whole."""
    stream = set_up(secrets=("sk-test-1", "sk-test-1-and-more"))
    _call(error="sk-test-1-and-more")
    assert "and-more" not in stream.getvalue()


def test_short_words_are_no_secrets(set_up: Setup) -> None:
    """Masking three letters would tear holes into everything."""
    stream = set_up(secrets=("the", ""))
    _call(error="in the beginning")
    assert "in the beginning" in stream.getvalue()


def test_level(set_up: Setup) -> None:
    """What is less important than the level does not appear."""
    stream = set_up("warning")
    _call(id="req_1")
    logging.getLogger("gaud").warning("mind this")
    assert "req_1" not in stream.getvalue()
    assert "mind this" in stream.getvalue()


def test_debug_does_not_wake_the_libraries(set_up: Setup) -> None:
    """Gaud's own debug lines are not drowned by those of HTTP clients."""
    stream = set_up("debug")
    logging.getLogger("aiohttp.client").debug("noise")
    logging.getLogger("gaud").debug("signal")
    assert "noise" not in stream.getvalue()
    assert "signal" in stream.getvalue()


def test_broken_answers_have_their_line_already(set_up: Setup) -> None:
    """What ends a broken answer is no mistake of Gaud's and brings no traceback; other errors do."""
    stream = set_up()
    for error in (BrokenAnswer(), ValueError("real")):
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    assert "BrokenAnswer" not in stream.getvalue()
    assert "ValueError: real" in stream.getvalue()


def test_what_is_no_json_is_text(set_up: Setup) -> None:
    """A field of any type makes a line."""
    stream = set_up(as_json=True)
    _call(path=logging, error={1, 2})
    assert json.loads(stream.getvalue())["error"] == "{1, 2}"


def _line(**fields: Any) -> Line:
    return Line("gaud.calls", logging.WARNING, 1_700_000_000.25, fields)


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


@pytest.mark.parametrize("as_json", [False, True])
def test_lines_of_calls_are_the_same_whoever_listens(set_up: Setup, as_json: bool) -> None:
    """Alone Gaud writes them by a shorter way, beside another handler by the usual one."""
    stream = set_up(as_json=as_json)
    lines = [_line(id="req_1", model="a b", ok=True, error=None, ms=1.5), _line(hint=f"not {SECRET}")]
    log_calls(lines)
    alone = stream.getvalue()
    listener = _Listener()
    logging.getLogger().addHandler(listener)
    log_calls(lines)
    assert stream.getvalue() == alone * 2
    assert alone.count("\n") == 2
    assert SECRET not in alone
    assert [(record.levelname, record.getMessage()) for record in listener.heard] == [("WARNING", "call")] * 2


class _Pipe(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


def test_lines_of_calls_go_out_together_and_whole(set_up: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe takes 4096 bytes in one piece, so no other worker's line can stand in the middle of one."""
    set_up(as_json=True)
    pipe = _Pipe()
    monkeypatch.setattr(logging.getLogger().handlers[0], "stream", pipe)
    log_calls([_line(number=number, text="é" * number) for number in range(300)])
    assert [json.loads(line)["number"] for line in "".join(pipe.pieces).splitlines()] == list(range(300))
    assert all(piece.endswith("\n") and len(piece.encode()) <= 4096 for piece in pipe.pieces)
    assert len(pipe.pieces) < 100


def test_a_log_that_cannot_be_written_stops_nothing(set_up: Setup) -> None:
    """Calls go on without their lines."""
    set_up().close()
    log_calls([_line(id="req_1")])
