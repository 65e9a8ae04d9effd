"""What the programs share: the words, the tool, and the line that says how it went."""

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
    """Say what came of it, as one line of JSON."""
    sys.stdout.write(json.dumps({name: text.strip() for name, text in results.items()}) + "\n")
