"""Anthropic's SDK for Python."""

from anthropic import Anthropic
from common import CITY, HELLO, MODEL, PARAMETERS, WEATHER, told, weather

TOOLS = [{"name": "weather", "input_schema": PARAMETERS}]
client = Anthropic(max_retries=0)  # the address and the key are those of the environment


def ask(text, stream):
    asked = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    if not stream:
        return client.messages.create(**asked).content[0].text
    with client.messages.stream(**asked) as events:
        return "".join(events.text_stream)


def work(stream):
    asked = {"model": MODEL, "max_tokens": 100, "tools": TOOLS}
    messages = [{"role": "user", "content": WEATHER}]
    if stream:
        with client.messages.stream(messages=messages, **asked) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(messages=messages, **asked)
    assert answer.stop_reason == "tool_use", answer
    call = next(block for block in answer.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": weather(call.input[CITY])}
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    return client.messages.create(messages=messages, **asked).content[0].text


told(whole=ask(HELLO, False), streamed=ask(HELLO, True), tools=work(False), streamed_tools=work(True))
