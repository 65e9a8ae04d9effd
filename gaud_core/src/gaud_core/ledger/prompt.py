"""How many tokens a request's prompt can have, without asking a tokeniser: rather too many than too few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["IMAGE_TOKENS", "prompt_tokens"]

IMAGE_TOKENS = 4096
"""What an image counts as, whatever its size in bytes; most models take less."""

_BYTES_PER_TOKEN = 3  # English has about four and dense code about three
_CONVERSATIONS = ("messages", "input")
_CONTENTS = ("content", "output")
_IMAGE_PARTS = ("image_url", "input_image", "image")


def prompt_tokens(raw: bytes) -> int:
    """Give the request's bytes as tokens, and each image as what models make of one.

    An image of a megabyte is a thousand tokens, not the 350,000 that its bytes would be as text. Only what
    stands where the upstreams look for images counts as one, so that text cannot pass for it.
    """
    counted = len(raw)
    images = 0
    if b"image" in raw:
        for inline in _images(_decoded(raw)):
            counted -= inline
            images += 1
    return -(-counted // _BYTES_PER_TOKEN) + images * IMAGE_TOKENS


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):  # half a character: then its bytes count
        return None


def _images(request: Any) -> Iterator[int]:
    """Walk the messages and their parts, and give of each image how many bytes of the body are its own."""
    waiting = [request.get(name) for name in _CONVERSATIONS] if isinstance(request, dict) else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict) and value.get("type") in _IMAGE_PARTS:
            yield _inline_bytes(value)
        elif isinstance(value, dict):
            waiting += [value.get(name) for name in _CONTENTS]


def _inline_bytes(part: dict[str, Any]) -> int:
    """Give the length of the data that an image part holds; 0 for one that names a place to fetch it from."""
    source = part.get("image_url", part.get("source"))
    if isinstance(source, dict):
        source = source.get("data") or source.get("url")
    if not isinstance(source, str):
        return 0
    is_place = source[:8].lower().startswith(("http://", "https://"))
    return 0 if is_place else len(source)
