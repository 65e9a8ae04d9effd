"""The tables of what crosses each bridge, made by sending one of everything across.

`python -m tests.docs.bridge_tables` writes them into the docs again after a bridge has changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gaud_core.bridge import REACHED, bridge_to
from gaud_core.errors import BadRequest

from .bridge_chats import FINISHES
from .bridge_sample import Sample
from .bridge_samples import SAMPLES
from .pages import ROOT

__all__ = ["PAGE", "fate", "with_bridge_tables"]

PAGE = ROOT / "docs" / "bridges.md"
_BLOCK = re.compile(r"(<!-- bridge:([\w/]+):(\w+):begin -->\n).*?(<!-- bridge:end -->)", re.DOTALL)
_BASES: dict[str, dict[str, Any]] = {
    "messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"model": "m", "input": "Hi"},
    "chat/completions": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
}
_FIRST = {source: targets[0] for source, targets in REACHED.items()}
_SIDES = {"chat/completions": "In a chat", "responses": "In a response's request"}


def with_bridge_tables(text: str) -> str:
    """The document with the tables filled in."""
    return _BLOCK.sub(lambda found: f"{found[1]}{_table(found[2], found[3])}{found[4]}", text)


def fate(endpoint: str, sample: Sample) -> str:
    """What becomes of a sample: `crosses`, `dropped`, or `refused`."""
    bridge = bridge_to(endpoint, _FIRST[endpoint])
    base = {name: value for name, value in _BASES[endpoint].items() if name not in sample.without}
    try:
        crossing = bridge.cross({**base, **sample.asked}, "req_1")
    except BadRequest:
        return "refused"
    if crossing.dropped:
        return "dropped"
    chat = json.loads(crossing.body)
    for word in sample.arrives:
        assert word in json.dumps(chat, ensure_ascii=False), (sample.name, word)
    return "crosses"


def _table(endpoint: str, about: str) -> str:
    if about == "finishes":
        return "".join(_finishes())
    rows = [
        f"| {sample.shown} | {fate(endpoint, sample)} | {sample.how} |\n"
        for sample in SAMPLES[endpoint, about]
    ]
    head = f"| {about.capitalize()} | {_SIDES[_FIRST[endpoint]]} | How |\n|---|---|---|\n"
    return "".join([head, *rows])


def _finishes() -> Iterator[str]:
    yield "| `finish_reason` | `messages`: `stop_reason` | `responses`: `status` |\n|---|---|---|\n"
    for shown, choice in FINISHES.items():
        told = {"choices": [{"index": 0, **choice}]}
        message, response = (json.loads(_answered(endpoint, told)) for endpoint in ("messages", "responses"))
        details = response["incomplete_details"]
        status = f"`{response['status']}`" + (f", `{details['reason']}`" if details else "")
        yield f"| {shown} | `{message['stop_reason']}` | {status} |\n"


def _answered(endpoint: str, told: dict[str, Any]) -> bytes:
    bridge = bridge_to(endpoint, _FIRST[endpoint])
    stops = {"stop_sequences": ["END"]} if endpoint == "messages" else {}
    return bridge.cross({**_BASES[endpoint], **stops}, "req_1").answer(told)


def main() -> None:
    """Write the tables."""
    PAGE.write_text(with_bridge_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
