"""What the documents say that Gaud says, it has said."""

from __future__ import annotations

import json

import pytest

from .pages import CLIENTS, GUIDES, Block, blocks, params
from .running import Told
from .shell import outputs

OURS = [page for page in GUIDES if page not in CLIENTS]
TEXTS = blocks("text", pages=OURS)
CONSOLES = [block for block in blocks("console", pages=GUIDES) if "provider" not in block.page.name]
ANSWERS = blocks("json", pages=OURS)


@pytest.mark.parametrize("block", params(TEXTS))
def test_messages_are_those_of_a_running_gaud(block: Block, told: Told) -> None:
    """If this fails, a message has changed: show the new one, or correct the message."""
    for line in block.text.splitlines():
        assert told.said(line), f"{block.where}: nobody said {line!r}"


@pytest.mark.parametrize("block", params(CONSOLES))
def test_outputs_are_those_of_the_commands(block: Block, told: Told) -> None:
    """What stands below a command is what such a command prints."""
    for line in outputs(block):
        assert told.said(line), f"{block.where}: no command printed {line!r}"


@pytest.mark.parametrize("block", params(ANSWERS))
def test_json_is_what_a_running_gaud_answers(block: Block, told: Told) -> None:
    """Member by member; times, ids and addresses may differ."""
    told_here = json.loads(block.text)
    assert told.answered(told_here), f"{block.where}: nobody answered this, but: {told.nearest(told_here)}"


def test_unheard_words_are_found_out(told: Told) -> None:
    """The tests above can fail."""
    assert told.said("…listens on…")
    assert not told.said("Gaud sings.")
    assert not told.answered({"status": "ok"})
