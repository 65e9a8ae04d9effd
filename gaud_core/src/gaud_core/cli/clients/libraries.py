"""Libraries for programs of one's own; `gaud run NAME -- COMMAND` starts such a program."""

from __future__ import annotations

from gaud_core.cli.clients.values import Client, Snippet

__all__ = ["LIBRARIES"]

_OPENAI = {"OPENAI_BASE_URL": "$base", "OPENAI_API_KEY": "$key"}

_OPENAI_PYTHON = """\
import os

from openai import OpenAI

client = OpenAI(base_url="$base", api_key=os.environ["GAUD_KEY"])
messages = [{"role": "user", "content": "Hello!"}]

answer = client.chat.completions.create(model="$model", messages=messages)
print(answer.choices[0].message.content)
"""
_OPENAI_NODE = """\
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "$base", apiKey: process.env.GAUD_KEY });
const messages = [{ role: "user", content: "Hello!" }];

const answer = await client.chat.completions.create({ model: "$model", messages });
console.log(answer.choices[0].message.content);
"""
_ANTHROPIC_PYTHON = """\
import os

from anthropic import Anthropic

client = Anthropic(base_url="$root", api_key=os.environ["GAUD_KEY"])
messages = [{"role": "user", "content": "Hello!"}]

answer = client.messages.create(model="$model", max_tokens=1000, messages=messages)
print(answer.content[0].text)
"""
_LANGCHAIN = """\
import os

from langchain_openai import ChatOpenAI

key = os.environ["GAUD_KEY"]
model = ChatOpenAI(model="$model", base_url="$base", api_key=key)
print(model.invoke("Hello!").text)
"""
_AI_SDK = """\
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const gaud = createOpenAICompatible({ name: "gaud", baseURL: "$base", apiKey: process.env.GAUD_KEY });

const { text } = await generateText({ model: gaud("$model"), prompt: "Hello!" });
console.log(text);
"""
_AI_SDK_ANTHROPIC = """\
import { createAnthropic } from "@ai-sdk/anthropic";
import { generateText } from "ai";

const gaud = createAnthropic({ baseURL: "$base", authToken: process.env.GAUD_KEY });

const { text } = await generateText({ model: gaud("$model"), prompt: "Hello!" });
console.log(text);
"""

LIBRARIES = (
    Client(
        name="openai",
        label="OpenAI's SDKs",
        kind="library",
        endpoint="chat/completions",
        sources=("OpenAI Python library: README", "OpenAI TypeScript library: README"),
        tried="tests",
        variables=_OPENAI,
        snippets=(
            Snippet("python", "Python (`pip install openai`)", _OPENAI_PYTHON),
            Snippet("js", "Node (`npm install openai`)", _OPENAI_NODE),
        ),
        notes=("With both variables set, `OpenAI()` needs no arguments.",),
    ),
    Client(
        name="anthropic",
        label="Anthropic's SDK",
        kind="library",
        endpoint="messages",
        sources=("Anthropic Python SDK: README",),
        tried="tests",
        variables={"ANTHROPIC_BASE_URL": "$root", "ANTHROPIC_API_KEY": "$key"},
        removed=("ANTHROPIC_AUTH_TOKEN",),
        snippets=(Snippet("python", "Python (`pip install anthropic`)", _ANTHROPIC_PYTHON),),
        notes=("The address is without `/v1`: the SDK adds it.",),
    ),
    Client(
        name="langchain",
        label="LangChain",
        kind="library",
        endpoint="chat/completions",
        sources=("LangChain: ChatOpenAI",),
        tried="tests",
        variables={**_OPENAI, "OPENAI_API_BASE": "$base"},
        snippets=(Snippet("python", "Python (`pip install langchain-openai`)", _LANGCHAIN),),
    ),
    Client(
        name="ai-sdk",
        label="Vercel's AI SDK",
        kind="library",
        endpoint="chat/completions",
        sources=("AI SDK: OpenAI Compatible Providers", "AI SDK: Anthropic"),
        tried="tests",
        variables={"GAUD_KEY": "$key"},
        snippets=(
            Snippet("js", "`npm install ai @ai-sdk/openai-compatible`", _AI_SDK),
            Snippet("js", "Anthropic's dialect: `npm install ai @ai-sdk/anthropic`", _AI_SDK_ANTHROPIC),
        ),
        notes=(
            "`@ai-sdk/openai` calls /v1/responses; its `.chat(…)` calls /v1/chat/completions.",
            "`@ai-sdk/anthropic` wants the address with `/v1`, unlike Anthropic's own SDK.",
            "It reads ANTHROPIC_BASE_URL as well: give `baseURL` where that is set without `/v1`.",
        ),
    ),
)
