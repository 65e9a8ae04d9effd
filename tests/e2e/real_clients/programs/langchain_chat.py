"""LangChain: `ChatOpenAI`, over chat/completions or, when it is told so, over responses."""

import os

from common import HELLO, MODEL, WEATHER, told
from common import weather as look
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

responses = os.environ.get("TEST_ENDPOINT") == "responses"
model = ChatOpenAI(model=MODEL, max_retries=0, use_responses_api=responses)


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return look(city)


def work(stream):
    able, messages = model.bind_tools([weather]), [HumanMessage(WEATHER)]
    if stream:
        answer = None
        for chunk in able.stream(messages):
            answer = chunk if answer is None else answer + chunk
    else:
        answer = able.invoke(messages)
    messages += [answer, *(weather.invoke(call) for call in answer.tool_calls)]
    return able.invoke(messages).text


told(
    whole=model.invoke(HELLO).text,
    streamed="".join(chunk.text for chunk in model.stream(HELLO)),
    tools=work(False),
    streamed_tools=work(True),
)
