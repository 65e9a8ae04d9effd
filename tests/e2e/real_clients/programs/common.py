"""What the programs share: the words, the tool, and the line that says how it went."""

import contextlib
import io
import json
import os
import sys

MODEL = os.environ["TEST_MODEL"]
HELLO = "Hello from a real client: grüße 😀"
WEATHER = "How is the weather in Köln?"
CITY = "city"
PARAMETERS = {"type": "object", "properties": {CITY: {"type": "string"}}, "required": [CITY]}


def weather(city):
    """The tool."""
    return f"sunny in {city}"


def told(**results):
    """Say what came of it, as one line of JSON, and with it what the lines to paste have printed."""
    if snippet := os.environ.get("TEST_SNIPPET"):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(snippet, "the lines to paste", "exec"), {})  # noqa: S102  they are our own
        results["pasted"] = printed.getvalue()
    sys.stdout.write(json.dumps({name: text.strip() for name, text in results.items()}) + "\n")
