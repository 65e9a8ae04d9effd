"""OpenAI's SDK for Python, over responses."""

import json

from common import CITY, HELLO, MODEL, PARAMETERS, WEATHER, told, weather
from openai import OpenAI

TOOLS = [{"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}]
client = OpenAI(max_retries=0)


def ask(text, stream):
    if not stream:
        return client.responses.create(model=MODEL, input=text).output_text
    events = client.responses.create(model=MODEL, input=text, stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def work(stream):
    said = [{"role": "user", "content": WEATHER}]
    if stream:
        with client.responses.stream(model=MODEL, input=said, tools=TOOLS) as events:
            answer = events.get_final_response()
    else:
        answer = client.responses.create(model=MODEL, input=said, tools=TOOLS)
    call = next(item for item in answer.output if item.type == "function_call")
    city = json.loads(call.arguments)[CITY]
    said += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": weather(city)},
    ]
    return client.responses.create(model=MODEL, input=said, tools=TOOLS).output_text


told(whole=ask(HELLO, False), streamed=ask(HELLO, True), tools=work(False), streamed_tools=work(True))
