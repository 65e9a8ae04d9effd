"""What a ChatProvider gets for reading: messages as text, and an upstream's answer object by object."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gaud_core import (
    Body,
    Call,
    ProviderError,
    Reply,
    Unavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    replace,
)
from gaud_core.provider.foreign import messages_of, objects_of, refusal_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The gateway runs on asyncio."""
    return "asyncio"


def call(messages: Any) -> Call:
    """A call with these messages."""
    return Call(
        "req-1",
        "chat/completions",
        "m",
        Body.parse(json.dumps({"model": "m", "messages": messages}).encode()),
    )


def reply(*pieces: bytes, status: int = 200, **headers: str) -> Reply:
    """An answer in pieces."""

    async def content() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return Reply(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), content())


async def read(answer: Reply) -> list[dict[str, Any]]:
    """All objects of an answer."""
    return [told async for told in objects_of(answer)]


def test_messages_are_roles_and_texts() -> None:
    """Text, parts of text, and an assistant's message that only calls tools."""
    parts = [
        {"type": "text", "text": "a "},
        {"type": "text", "text": "b"},
    ]
    asked = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    assert messages_of(call(asked)) == [("system", "Be kind."), ("user", "a b"), ("assistant", "")]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "image_url", "image_url": {}}, "`messages[0]` holds a part of the type `image_url`"),
        ({"type": "file", "file": {}}, "this provider takes text."),
        ({}, "without a `type`"),
        (7, "without a `type`"),
    ],
)
def test_what_is_no_text_is_not_overlooked(part: Any, said: str) -> None:
    """An answer without the image would be a guess."""
    with pytest.raises(UpstreamRefused) as refused:
        messages_of(call([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]))
    assert refused.value.http_status == 400
    assert said in refused.value.message


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "text",
        {},
        [None],
        ["text"],
        [{"content": "x"}],
        [{"role": "user"}],
        [{"role": 1, "content": "x"}],
    ],
)
def test_odd_messages_are_the_clients_mistake(messages: Any) -> None:
    """They are refused with 400, and the sentence says what is expected."""
    with pytest.raises(UpstreamRefused, match="must") as refused:
        messages_of(call(messages))
    assert refused.value.http_status == 400


LINES = '{"text":"Grüße 🦜"}\n\n{"n":1}\r\n{"end":true}'
EVENTS = (
    ': hello\nevent: delta\ndata: {"text":"Grüße 🦜"}\n\n'
    'id: 7\nretry: 3\ndata:{"n":1}\n\ndata: {"end":true}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("text", [LINES, EVENTS], ids=["lines", "events"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_objects_come_however_the_bytes_are_cut(text: str, size: int) -> None:
    """Pieces may end inside lines and characters; the last line needs no newline."""
    raw = text.encode()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert await read(reply(*pieces)) == [{"text": "Grüße 🦜"}, {"n": 1}, {"end": True}]


async def test_an_object_comes_before_the_next_is_there() -> None:
    """Nothing is held back."""

    async def content() -> AsyncIterator[bytes]:
        yield b'{"n":1}\n'
        raise AssertionError("read on")

    assert await anext(objects_of(Reply(200, (), content()))) == {"n": 1}


async def test_an_answer_in_one_piece_is_read_too() -> None:
    """A Reply may hold bytes instead of an iterator."""
    assert await read(Reply(200, (), b'{"n":1}')) == [{"n": 1}]


@pytest.mark.parametrize("raw", [b"<html>", b"[1]", b"\xff\xfe", b'{"n":1', b"null", b"[" * 100_000])
async def test_what_is_no_object_is_the_upstreams_failure(raw: bytes) -> None:
    """Whatever it is, it is an UpstreamFailed and no other exception."""
    with pytest.raises(UpstreamFailed, match="no JSON object"):
        await read(reply(raw))


async def test_a_line_without_end_is_given_up() -> None:
    """The memory for one line is bounded."""
    with pytest.raises(UpstreamFailed, match="line of more than"):
        await read(reply(*([b"x" * 65536] * 100)))


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (400, UpstreamRefused, 400),
        (402, UpstreamRefused, 402),
        (429, UpstreamRefused, 429),
        (302, UpstreamFailed, 502),
        (500, UpstreamFailed, 502),
        (503, Unavailable, 503),
        (504, UpstreamTimeout, 504),
    ],
)
async def test_a_refusal_keeps_its_status(status: int, kind: type[ProviderError], told: int) -> None:
    """The client's mistakes stay his, the upstream's stay the upstream's."""
    error = await refusal_of(reply(b"", status=status))
    assert (type(error), error.http_status) == (kind, told)
    assert error.message == f"The upstream answered {status}."


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"message":"No."}}', "No."),
        (b'{"error":"No."}', "No."),
        (b'{"message":"No."}', "No."),
        (b'{"detail":"No."}', "No."),
        (b'{"detail":[1]}', "[1]"),
        (b"No.\r\nReally.", "No. Really."),
        (b'"No."', "No."),
    ],
)
async def test_a_refusal_keeps_its_words(body: bytes, words: str) -> None:
    """Whichever shape they have."""
    assert (await refusal_of(reply(body, status=400))).message == f"The upstream answered 400: {words}"


async def test_pages_for_browsers_are_left_out() -> None:
    """Nobody wants HTML in an error message."""
    assert (await refusal_of(reply(b" <html>", status=502))).message == "The upstream answered 502."


@pytest.mark.parametrize(("after", "seconds"), [("7", 7), ("soon", None), ("9" * 50, None), ("²", None)])
async def test_a_refusal_keeps_retry_after(after: str, seconds: int | None) -> None:
    """Seconds are kept; all else is nothing that can be told in seconds."""
    assert (await refusal_of(reply(b"", status=429, retry_after=after))).retry_after == seconds


async def test_a_long_refusal_is_not_read_to_its_end() -> None:
    """The memory for an error is bounded."""
    read_pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read_pieces
        while True:
            read_pieces += 1
            yield b"x" * 8192

    error = await refusal_of(replace(reply(status=500), content=endless()))
    assert len(error.message) < 400
    assert read_pieces < 20
