"""OpenAI's and Anthropic's SDKs, set up as a user would, but without proxies and unasked retries."""

from __future__ import annotations

from collections.abc import Iterable

import anthropic
import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from .gaud_server import KEY

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]


def sdk(url: str, key: str = KEY, retries: int = 0) -> openai.OpenAI:
    """Make a client; close it after use."""
    http = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=retries, http_client=http)


def async_sdk(url: str) -> openai.AsyncOpenAI:
    """Make an asynchronous client; close it after use."""
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, http_client=http)


def claude_sdk(url: str, key: str = KEY) -> anthropic.Anthropic:
    """Make a client of Anthropic's; close it after use."""
    http = anthropic.DefaultHttpxClient(trust_env=False)
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, http_client=http)


def text_of(chunks: Iterable[ChatCompletionChunk]) -> str:
    """Join a stream's text."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
