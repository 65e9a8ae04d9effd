"""How much of a budget a prompt holds while its call runs."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.ledger import prompt_tokens
from gaud_core.ledger.prompt import IMAGE_TOKENS

PIXELS = base64.b64encode(random.Random(1).randbytes(600_000)).decode()
DATA_URL = f"data:image/png;base64,{PIXELS}"
FEW = 200  # tokens of what stands around an image in the bodies below

IN_CHAT = {"type": "image_url", "image_url": {"url": DATA_URL}}
IN_RESPONSES = {"type": "input_image", "image_url": DATA_URL}
IN_MESSAGES = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXELS}}


def _tokens(**request: Any) -> int:
    return prompt_tokens(json.dumps(request).encode())


def _said(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def test_text_is_a_token_for_three_bytes() -> None:
    """More than any tokeniser makes of English or of code."""
    assert prompt_tokens(b"x" * 300) == 100
    assert prompt_tokens(b"x" * 301) == 101


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": _said(IN_CHAT)},
        {"messages": _said(IN_MESSAGES)},
        {"messages": _said({"type": "tool_result", "content": [IN_MESSAGES]})},
        {"input": _said(IN_RESPONSES)},
        {"input": [{"type": "function_call_output", "output": [IN_RESPONSES]}]},
    ],
)
def test_an_image_counts_as_one_whatever_its_size(request_: Any) -> None:
    """As 800 KB of text it would be 270,000 tokens, which no limit has room for."""
    assert IMAGE_TOKENS <= _tokens(**request_) < IMAGE_TOKENS + FEW


def test_each_image_counts() -> None:
    """Two are twice one."""
    assert 2 * IMAGE_TOKENS <= _tokens(messages=_said(IN_CHAT, IN_CHAT)) < 2 * IMAGE_TOKENS + FEW


def test_an_image_elsewhere_counts_beside_its_address() -> None:
    """The upstream fetches it."""
    url = "https://images.test/" + "a" * 300
    one = _tokens(messages=_said({"type": "image_url", "image_url": {"url": url}}))
    assert one >= IMAGE_TOKENS + 100


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": _said({"type": "text", "text": DATA_URL})},
        {"messages": [{"role": "user", "content": DATA_URL}]},
        {"messages": _said(), "tools": [IN_CHAT]},
        {"messages": _said(), "metadata": IN_MESSAGES},
        {"messages": _said({"type": "input_audio", "input_audio": {"data": PIXELS}, "image": 1})},
    ],
)
def test_text_does_not_pass_for_an_image(request_: Any) -> None:
    """Only what stands where images stand is one; the rest counts by its bytes."""
    assert _tokens(**request_) > len(PIXELS) // 3


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["image_url", "image", "https://x.test", "data", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "content", "image_url", "source", "data", "url", "messages", "input"]),
            inner,
        )
    ),
)


@given(JSON)
def test_any_request_counts(request_: Any) -> None:
    """Whatever the shape, there is a count, which is at least that of no images and never negative."""
    assert prompt_tokens(b"image" + json.dumps(request_).encode()) > 0
    assert prompt_tokens(json.dumps(request_).encode()) >= 0
