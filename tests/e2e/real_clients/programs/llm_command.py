"""The `llm` command, on the file that `gaud connect llm` writes."""

import contextlib
import io
import os

from common import HELLO, MODEL, WEATHER, told
from llm.cli import cli

TOOL = 'def weather(city: str) -> str:\n    "Tell the weather."\n    return f"sunny in {city}"\n'


def llm(*words):
    """Run the command in this process, for it takes a second to start."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli(["prompt", "-m", os.environ.get("LLM_MODEL", MODEL), *words], standalone_mode=False)
    return out.getvalue()


told(
    whole=llm("--no-stream", HELLO),
    streamed=llm(HELLO),
    tools=llm("--no-stream", "--functions", TOOL, WEATHER),
    streamed_tools=llm("--functions", TOOL, WEATHER),
)
