"""OpenAI's SDK for Python, over chat/completions."""

import json

from common import CITY, HELLO, MODEL, PARAMETERS, WEATHER, told, weather
from openai import OpenAI

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
client = OpenAI(max_retries=0)  # the address and the key are those of the environment
create = client.chat.completions.create


def ask(text, stream):
    messages = [{"role": "user", "content": text}]
    if not stream:
        return create(model=MODEL, messages=messages).choices[0].message.content
    chunks = create(model=MODEL, messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def work(stream):
    messages = [{"role": "user", "content": WEATHER}]
    if stream:
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as events:
            message = events.get_final_completion().choices[0].message
    else:
        message = create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message
    call = message.tool_calls[0]
    city = json.loads(call.function.arguments)[CITY]
    spoken = {"id": call.id, "type": "function"}
    spoken["function"] = {"name": call.function.name, "arguments": call.function.arguments}
    messages += [
        {"role": "assistant", "tool_calls": [spoken]},
        {"role": "tool", "tool_call_id": call.id, "content": weather(city)},
    ]
    return create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message.content


told(whole=ask(HELLO, False), streamed=ask(HELLO, True), tools=work(False), streamed_tools=work(True))
