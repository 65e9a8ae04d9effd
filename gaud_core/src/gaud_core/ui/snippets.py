"""Lines to paste: how a model is called from a shell, from Python and by common clients."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import attrs

__all__ = ["Snippet", "snippets"]


@attrs.frozen
class Snippet:
    """A piece of text for one client."""

    id: str
    title: str
    text: str
    note: str = ""


def snippets(url: str, model: str) -> Sequence[Snippet]:
    """Give the lines for a model; `url` ends in `/v1`. The key is never in them."""
    return (
        Snippet("curl", "curl", _curl(url, model), "Put your key into GAUD_KEY first: export GAUD_KEY=…"),
        Snippet("python", "Python", _python(url, model), "pip install openai"),
        Snippet("node", "Node.js", _node(url, model), "npm install openai"),
        Snippet("env", "Any OpenAI client", _env(url), f"Then choose the model {model}."),
        Snippet("llm", "llm", _llm(url, model), "Into extra-openai-models.yaml of Simon Willison's llm."),
        Snippet("continue", "Continue", _continue(url, model), "Into config.yaml of the editor's plugin."),
    )


def _curl(url: str, model: str) -> str:
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}, ensure_ascii=False
    )
    return "\n".join(
        [
            f"curl {shlex.quote(f'{url}/chat/completions')} \\",
            '  -H "Authorization: Bearer $GAUD_KEY" \\',
            '  -H "Content-Type: application/json" \\',
            f"  -d {shlex.quote(body)}",
        ]
    )


def _python(url: str, model: str) -> str:
    return f"""import os

from openai import OpenAI

client = OpenAI(base_url={json.dumps(url)}, api_key=os.environ["GAUD_KEY"])
answer = client.chat.completions.create(
    model={json.dumps(model)},
    messages=[{{"role": "user", "content": "Hello!"}}],
)
print(answer.choices[0].message.content)"""


def _node(url: str, model: str) -> str:
    return f"""import OpenAI from "openai";

const client = new OpenAI({{ baseURL: {json.dumps(url)}, apiKey: process.env.GAUD_KEY }});
const answer = await client.chat.completions.create({{
  model: {json.dumps(model)},
  messages: [{{ role: "user", content: "Hello!" }}],
}});
console.log(answer.choices[0].message.content);"""


def _env(url: str) -> str:
    return f"export OPENAI_BASE_URL={shlex.quote(url)}\nexport OPENAI_API_KEY=$GAUD_KEY"


def _llm(url: str, model: str) -> str:
    name = json.dumps(model)
    return f"- model_id: {name}\n  model_name: {name}\n  api_base: {json.dumps(url)}\n  api_key_name: gaud"


def _continue(url: str, model: str) -> str:
    name = json.dumps(model)
    return (
        f"models:\n  - name: {name}\n    provider: openai\n    model: {name}\n"
        f"    apiBase: {json.dumps(url)}\n    apiKey: ${{{{ secrets.GAUD_KEY }}}}"
    )
