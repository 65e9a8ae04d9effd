"""Each quirk of Copilot's answers that is known: what it sends, and what clients get.

A file in `quirks/` says why, what `upstream` sends, and what the `client` gets: `same` bytes, other JSON, or
an `error`. `created` is `now` where Gaud fills it in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaud_core import Body, Call, ProviderError, data_of
from gaud_provider_copilot.answers import mended
from gaud_provider_copilot.stream import mended_stream

QUIRKS = Path(__file__).parent / "quirks"
FAST = settings(max_examples=100, deadline=None)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["error", "stop", "t1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "error",
                    "finish_reason",
                    "function",
                    "id",
                    "index",
                    "message",
                    "content",
                    "reasoning_text",
                    "tool_calls",
                    "type",
                    "usage",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


def _named(kind: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(QUIRKS.glob(f"{kind}_*.json"))]


def _call(**fields: Any) -> Call:
    body = Body.parse(json.dumps({"model": "m", "messages": [], **fields}).encode())
    return Call("call-test", "chat/completions", "m", body)


def _as_bytes(value: Any) -> bytes:
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def _events(values: list[Any]) -> list[bytes]:
    return [b"data: " + _as_bytes(value) + b"\n\n" for value in values]


async def _mended(events: list[bytes]) -> tuple[list[bytes], str]:
    """Give the client's events, and what the stream has failed with."""

    async def pieces() -> AsyncIterator[bytes]:
        for event in events:
            yield event

    got: list[bytes] = []
    try:
        async for event in mended_stream(pieces(), _call(stream=True)):
            got.append(event)  # noqa: PERF401 what came before an error counts
    except ProviderError as error:
        return got, error.message
    return got, ""


def _timeless(told: Any, wanted: Any) -> Any:
    if isinstance(told, dict) and isinstance(wanted, dict) and wanted.get("created") == "now":
        assert isinstance(told["created"], int)
        return {**told, "created": "now"}
    return told


@pytest.mark.parametrize("path", _named("whole"))
def test_whole_answers(path: Path) -> None:
    """Each quirk of a whole answer."""
    case = json.loads(path.read_text())
    sent, call = _as_bytes(case["upstream"]), _call(**case.get("request", {}))
    if "error" in case:
        with pytest.raises(ProviderError) as caught:
            mended(sent, call)
        assert caught.value.message == case["error"]
        return
    got = mended(sent, call)
    if case["client"] == "same":
        assert got == sent
    else:
        assert _timeless(json.loads(got), case["client"]) == case["client"]
        assert mended(got, call) == got or "reasoning_text" in got.decode()  # what is mended is good


@pytest.mark.parametrize("path", _named("stream"))
def test_streams(path: Path) -> None:
    """Each quirk of a stream."""
    case = json.loads(path.read_text())
    sent = _events(case["upstream"])
    got, error = asyncio.run(_mended(sent))
    assert error == case.get("error", "")
    if case["client"] == "same":
        assert got == sent
        return
    told = [data if (data := data_of(event)) == b"[DONE]" else json.loads(data) for event in got]
    wanted = [b"[DONE]" if value == "[DONE]" else value for value in case["client"]]
    assert [_timeless(*pair) for pair in zip(told, wanted, strict=True)] == wanted


@FAST
@given(st.dictionaries(st.sampled_from(["choices", "error", "id", "object", "usage"]), JSON))
def test_whole_answers_of_any_shape(value: dict[str, Any]) -> None:
    """Whatever JSON comes, it is mended or refused in words, and never crashes."""
    with contextlib.suppress(ProviderError):
        got = json.loads(mended(json.dumps(value).encode(), _call()))
        assert "role" in got["choices"][0]["message"]


@FAST
@given(st.lists(st.dictionaries(st.sampled_from(["choices", "error", "id", "usage"]), JSON), max_size=4))
def test_streams_of_any_shape(values: list[Any]) -> None:
    """Whatever JSON comes, each event is mended, left out or refused in words."""
    got, _ = asyncio.run(_mended(_events(values)))
    for event in got:
        chunk = json.loads(data_of(event))
        assert all(isinstance(choice["index"], int) for choice in chunk.get("choices") or ())


@pytest.mark.parametrize("raw", [b"", b"nope", b"[]", b"[" * 100_000, b'"text"', b"\xff"])
def test_what_is_no_object_goes_on(raw: bytes) -> None:
    """The gateway knows what to say of it."""
    assert mended(raw, _call()) == raw
