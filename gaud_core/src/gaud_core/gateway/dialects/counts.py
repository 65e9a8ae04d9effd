"""`usage` as OpenAI's endpoints and those made like them spell it."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from gaud_core.call import Usage
from gaud_core.gateway.dialects.base import require_json

__all__ = ["count", "member", "read_usage", "thousandths", "usage_of_answer"]

_MOST_SECONDS = 10**9
_MOST_UNITS = 10**6


class _Answer(msgspec.Struct):
    usage: Any = None


_answer = msgspec.json.Decoder(_Answer)


def usage_of_answer(answer: bytes) -> Usage | None:
    """Read `usage` of a whole answer; raise UpstreamFailed when it is no JSON."""
    try:
        return read_usage(_answer.decode(answer).usage)
    except (msgspec.DecodeError, RecursionError):
        require_json(answer)
        return None


def read_usage(usage: Any) -> Usage | None:
    """Read a `usage` object, of the older endpoints or of the newer ones; None when it is none."""
    if not isinstance(usage, dict):
        return None
    inputs = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    outputs = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    cost, units = usage.get("cost"), usage.get("units")
    seconds = _seconds(usage["seconds"]) if "seconds" in usage else 0
    return Usage(
        count(usage, "prompt_tokens") or count(usage, "input_tokens"),
        count(usage, "completion_tokens") or count(usage, "output_tokens"),
        count(inputs, "cached_tokens") if inputs else 0,
        count(outputs, "reasoning_tokens") if outputs else 0,
        None if cost is None else str(cost),
        (count(inputs, "cache_write_tokens") or count(inputs, "cache_creation_tokens")) if inputs else 0,
        seconds,
        "seconds" if seconds else "",
        usage.get("estimated") is True,
        None if units is None else thousandths(units),
    )


def count(counts: Any, name: str) -> int:
    """Give a positive whole number of an object, else 0."""
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def member(value: Any, name: str) -> Any:
    """Give a member of an object, or nothing."""
    return value.get(name) if isinstance(value, dict) else None


def thousandths(value: Any) -> int | None:
    """Read an amount of the account's allowance; what is none is not told."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST_UNITS
    return round(value * 1000) if is_number else None


def _seconds(seconds: Any) -> int:
    """Give the seconds of sound that some transcriptions are counted in, begun ones as whole."""
    if not isinstance(seconds, int | float) or not 0 < seconds < _MOST_SECONDS:
        return 0
    return math.ceil(seconds)
