"""The clients as data: complete, consistent, and without a key in what is shown."""

from __future__ import annotations

import json
import re
import string
import tomllib
from typing import Any

import pytest
import yaml

from gaud_core.cli.clients import CLIENTS, Client, ClientFile, Facts, client_named
from gaud_core.cli.clients.formats import changed
from gaud_core.cli.clients.showing import exports, fresh, hidden, paste
from gaud_core.cli.run import environment_of
from gaud_core.errors import GaudError
from gaud_core.settings import Secret

KEY = "sk-prx-test-key"
FACTS = Facts(root="https://gaud.example/llm", model="litellm:vendor/gpt-4o")
EACH = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
FILES = [pytest.param(file, id=f"{client.name}-{file.format}") for client in CLIENTS for file in client.files]


def read(text: str, form: str) -> Any:
    """The value of a text, as an independent library reads it."""
    if form == "env":
        return dict(line.split("=", 1) for line in text.splitlines())
    if form == "yaml":
        return yaml.safe_load(text)
    return json.loads(text) if form == "json" else tomllib.loads(text)


def texts(value: Any) -> list[str]:
    """Every text in a value, keys too."""
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@EACH
def test_each_is_complete(client: Client) -> None:
    """It says what it calls, where that was read, and gives something to write, set or paste."""
    assert re.fullmatch(r"[a-z][a-z-]*", client.name)
    assert client.endpoint in {"messages", "responses", "chat/completions"}
    assert client.sources
    assert client.files or client.variables or client.snippets
    assert bool(client.program) == bool(client.install)
    assert client.kind in {"agent", "editor", "tool", "library"}
    assert client_named(client.name) is client


@EACH
def test_each_gets_the_address_that_it_wants(client: Client) -> None:
    """OpenAI's dialect is below /v1; Anthropic's SDK and Claude Code add it themselves."""
    told = paste(client, FACTS, dict.fromkeys(client.files, "a file"))
    addresses = set(re.findall(r"https://gaud\.example[^\s\"',]*", told))
    alone = client.name in {"claude-code", "anthropic"}
    assert addresses == {"https://gaud.example/llm" if alone else "https://gaud.example/llm/v1"}


@EACH
def test_what_is_shown_holds_no_key(client: Client) -> None:
    """It names the variable GAUD_KEY, or says in words that a key belongs there."""
    told = paste(client, FACTS, dict.fromkeys(client.files, "a file"))
    assert "GAUD_KEY" in told or "your Gaud key" in told or "llm keys set gaud" in told
    assert "${" not in told.replace("${{ secrets", "")
    assert all(len(line) <= 160 for line in told.splitlines())


@EACH
def test_a_process_gets_the_key_in_its_environment(client: Client) -> None:
    """Rivals are taken away, and the arguments hold no key."""
    given = {"PATH": "/bin", "ANTHROPIC_API_KEY": "sk-test-other", "ANTHROPIC_AUTH_TOKEN": "sk-test-other"}
    environ = environment_of(client, FACTS, Secret(KEY), given)
    arguments = " ".join(FACTS.fill(argument) for argument in client.arguments)
    if client.runs:
        assert any(KEY in value for value in environ.values())
        assert not set(client.removed) & environ.keys()
    assert environ["PATH"] == "/bin"
    assert KEY not in arguments
    assert "$" not in arguments


@pytest.mark.parametrize("file", FILES)
def test_each_file_is_read_by_its_own_format(file: ClientFile) -> None:
    """What a new file holds is what the client is to find, and all of its facts are in it."""
    for content in filter(None, (file.content, file.keyed)):
        wanted = FACTS.filled(content)
        found = read(changed(file.fresh, wanted, file.format, file.under), file.format)
        assert set(texts(wanted)) <= set(texts(found))
        assert not any(
            string.Template(text).get_identifiers() for text in texts(found) if "$GAUD" not in text
        )
    assert fresh(file, FACTS).endswith("\n")


@pytest.mark.parametrize("file", FILES)
def test_the_key_is_only_where_it_was_asked_for(file: ClientFile) -> None:
    """`content` never holds it; `keyed` always does."""
    assert "$key" not in str(file.content)
    assert file.keyed is None or "$key" in str(file.keyed)


def test_settings_that_a_shell_reads_are_quoted() -> None:
    """The key stays a variable, and nothing else is expanded."""
    client = client_named("open-webui")
    assert list(exports(client, FACTS)) == [
        "export OPENAI_API_BASE_URL=https://gaud.example/llm/v1",
        'export OPENAI_API_KEY="$GAUD_KEY"',
    ]


def test_opencode_gets_json_in_a_variable() -> None:
    """The provider, the model and the address are in it."""
    environ = environment_of(client_named("opencode"), FACTS, Secret(KEY), {})
    config = json.loads(environ["OPENCODE_CONFIG_CONTENT"])
    options = config["provider"]["gaud"]["options"]
    assert options == {"baseURL": "https://gaud.example/llm/v1", "apiKey": KEY}
    assert config["model"] == "gaud/litellm:vendor/gpt-4o"


def test_codex_gets_toml_in_its_arguments() -> None:
    """Each `-c` is one line of its file."""
    words = [FACTS.fill(word) for word in client_named("codex").arguments]
    given = tomllib.loads("\n".join(words[1::2]))
    assert set(words[::2]) == {"-c"}
    file = client_named("codex").files[0]
    assert given == read(fresh(file, FACTS), "toml")


def test_an_unknown_client_is_told_apart() -> None:
    """A near name is offered, else all of them."""
    with pytest.raises(GaudError, match="Did you mean `claude-code`"):
        client_named("claude")
    with pytest.raises(GaudError, match=r"There is `claude-code`, .* and `ai-sdk`"):
        client_named("\x1b[1m")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f'"X": "{KEY}"', '"X": "********"'),
        ('+  "ANTHROPIC_AUTH_TOKEN": "abcdefgh",', '+  "ANTHROPIC_AUTH_TOKEN": "********",'),
        ("openai-api-key: abcdefgh", "openai-api-key: ********"),
        ("OTHER_PASSWORD=abcdefgh", "OTHER_PASSWORD=********"),
        ('see "sk-test-0123456789"', 'see "********"'),
        ('env_key = "GAUD_KEY"', 'env_key = "GAUD_KEY"'),
        ('"apiKey": "{env:GAUD_KEY}"', '"apiKey": "{env:GAUD_KEY}"'),
        ('"apiKeyHelper": "printenv GAUD_KEY"', '"apiKeyHelper": "printenv GAUD_KEY"'),
        ('api_key_name: "gaud"', 'api_key_name: "gaud"'),
        ('"max_tokens": 128000', '"max_tokens": 128000'),
    ],
)
def test_secrets_of_others_are_masked_too(line: str, shown: str) -> None:
    """A diff also shows lines around the change, and those belong to somebody."""
    assert hidden(line, Secret(KEY)) == shown
