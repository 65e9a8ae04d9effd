"""The kit's classes for the good providers; the planted bugs are tested with the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from good import GoodChat, GoodHTTP

from gaud_core.testing import Answer, ChatProviderTests, HTTPProviderTests


def line(**told: Any) -> bytes:
    """One line of the protocol that the good chat provider translates."""
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


class HTTPKit(HTTPProviderTests):
    """For the provider whose upstream speaks OpenAI's dialect."""

    provider = GoodHTTP
    installed = False


class ChatKit(ChatProviderTests):
    """For the provider that translates."""

    provider = GoodChat
    installed = False

    def upstream_answer(self, pieces: Sequence[str], *, stream: bool) -> Answer:
        """One line for each piece, and one at the end."""
        return Answer.stream([*(line(text=piece) for piece in pieces), line(end=[5, 7])])

    def upstream_tool_answer(self, name: str, arguments: Sequence[str], *, stream: bool) -> Answer:
        """The first line has the name, each further one a piece of the arguments."""
        more = [line(tool=["", "", piece]) for piece in arguments]
        return Answer.stream([line(tool=["call_1", name, ""]), *more, line(end=[5, 7])])
