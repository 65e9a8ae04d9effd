"""Random bytes for a body, for headers, for everything: never a 500, never anything but OpenAI's envelope."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gaud_core.testing import ScriptedUpstream, chat_completion

from .support import Served
from .wire import Answered, chat, head_of, post, post_chunked

FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TOKENS = st.sampled_from(
    [
        b"{",
        b"}",
        b'"model"',
        b":",
        b'"acme:m"',
        b",",
        b"[",
        b"]",
        b'"stream"',
        b"true",
        b"null",
        b"1e9",
        b'"\\ud800"',
        b'"stream_options"',
        b"\xff",
        b"\x00",
        b'{"model":"acme:m",',
        b'"messages":',
        b'"\\u006dodel"',
        b"\\",
    ]
)
BODIES = st.binary(max_size=200) | st.lists(TOKENS, max_size=12).map(b"".join)
# Bytes that HTTP allows in a header's value.
VALUES = st.binary(max_size=60).map(lambda raw: bytes(b for b in raw if b >= 0x20 and b != 0x7F).strip())
NAMES = st.sampled_from(
    [
        "authorization",
        "x-api-key",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "user-agent",
        "accept",
        "traceparent",
        "openai-beta",
        "host",
        "x-request-id",
        "x-other",
        "origin",
        "cookie",
        "te",
        "range",
        "access-control-request-method",
        "idempotency-key",
        "x-forwarded-proto",
        "x-forwarded-for",
    ]
)


def _is_in_order(answered: Answered) -> None:
    """No crash, an id, and the envelope for every error of ours."""
    assert answered.status < 500
    assert answered.complete
    assert (answered.header("x-request-id") or "").startswith("req_")
    if answered.status >= 400:
        assert answered.message


@FUZZ
@given(BODIES)
@example(b'{"model":"acme:m"}')
def test_random_bodies(gaud: Served, upstream: ScriptedUpstream, body: bytes) -> None:
    """Any bytes are either a call or a 4xx."""
    upstream.default = chat_completion()
    _is_in_order(gaud.post(body))


@FUZZ
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_random_header_values(
    gaud: Served, upstream: ScriptedUpstream, headers: list[tuple[str, bytes]]
) -> None:
    """Any values of any headers either travel or are refused."""
    upstream.default = chat_completion()
    _is_in_order(gaud.chat(headers=headers))


@FUZZ
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_random_chunks(gaud: Served, upstream: ScriptedUpstream, pieces: list[bytes]) -> None:
    """Bodies in chunks are bodies."""
    upstream.default = chat_completion()
    _is_in_order(gaud.send(post_chunked(pieces)))


@FUZZ
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40))
def test_random_paths(gaud: Served, target: str) -> None:
    """Any path is one that there is, or a 404 or a 405 or no HTTP at all."""
    answered = gaud.get("/" + target)
    assert answered.status in {200, 307, 400, 404, 405}
    assert (answered.header("x-request-id") or "").startswith("req_")


@FUZZ
@given(st.binary(max_size=200), st.integers(0, 300))
def test_random_bytes_in_a_request(gaud: Served, junk: bytes, at: int) -> None:
    """Junk anywhere in a request ends in an answer or in a closed connection; the gateway goes on."""
    whole = post(chat("nobody:m"))
    with gaud.wire(timeout=5) as wire:
        wire.send(whole[:at] + junk + whole[at:] + head_of("GET", "/health", [("connection", "close")]))
        wire.socket.shutdown(1)
        got = wire.rest()
    assert b"Traceback" not in got
    assert b"HTTP/1.1 500" not in got


def test_well_after_all_of_that(gaud: Served, upstream: ScriptedUpstream) -> None:
    """It serves as if nothing had happened."""
    upstream.add(chat_completion())
    assert gaud.chat().status == 200


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "user-agent", "origin"])
@pytest.mark.parametrize("value", [b"\xff\xfe", "ключ".encode(), b"Bearer \xe9", b"a\tb", b"x" * 10_000])
def test_hostile_header_values(gaud: Served, upstream: ScriptedUpstream, name: str, value: bytes) -> None:
    """Non-ASCII, tabs and great length in headers are nobody's crash."""
    upstream.add(chat_completion())
    _is_in_order(gaud.chat(headers=[(name, value)]))
