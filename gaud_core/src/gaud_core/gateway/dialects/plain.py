"""Endpoints whose only answer is a short JSON object: embeddings, moderations, rerank."""

from __future__ import annotations

from typing import Any

import msgspec

from gaud_core.call import Body, Usage
from gaud_core.gateway.dialects.base import Passthrough, require_json
from gaud_core.gateway.dialects.counts import count, member, read_usage, usage_of_answer
from gaud_core.ledger import Worst, prompt_tokens, worst_of
from gaud_core.provider import Model

__all__ = ["Prompted", "Rerank"]


class _Answer(msgspec.Struct):
    usage: Any = None
    meta: Any = None


_answer = msgspec.json.Decoder(_Answer)


class Prompted(Passthrough):
    """Embeddings and moderations: a prompt, and an answer without tokens."""

    def worst(self, body: Body, model: Model | None) -> Worst:
        """Give the prompt alone."""
        # an input may be a list of tokens, each with its comma
        prompt = max(prompt_tokens(body.raw), body.raw.count(b",") + 1)
        return worst_of(prompt, {}, model.price if model else None, default_output_tokens=0)

    def usage(self, answer: bytes) -> Usage | None:
        """Read `usage`, where there is one."""
        return usage_of_answer(answer)


class Rerank(Prompted):
    """Cohere's rerank, and Jina's: the one counts in `meta`, the other in `usage`."""

    def usage(self, answer: bytes) -> Usage | None:
        """Read the tokens and the searches."""
        try:
            found = _answer.decode(answer)
        except (msgspec.DecodeError, RecursionError):
            require_json(answer)
            return None
        if isinstance(found.usage, dict):
            return read_usage({"prompt_tokens": found.usage.get("total_tokens"), **found.usage})
        tokens, billed = member(found.meta, "tokens"), member(found.meta, "billed_units")
        searches = count(billed, "search_units")
        if not isinstance(tokens, dict) and not searches:
            return None
        return Usage(
            count(tokens, "input_tokens"),
            count(tokens, "output_tokens"),
            quantity=searches,
            unit="searches" if searches else "",
        )
