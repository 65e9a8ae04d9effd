"""Coding agents on the command line."""

from __future__ import annotations

from gaud_core.cli.clients.values import Client, ClientFile

__all__ = ["AGENTS"]

_CLAUDE = {
    "ANTHROPIC_BASE_URL": "$root",
    "ANTHROPIC_MODEL": "$model",
    # Claude Code calls smaller models for small work; whoever has one sets its name here instead.
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "$model",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "$model",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "$model",
}
_CODEX = {"name": "Gaud", "base_url": "$base", "env_key": "GAUD_KEY", "wire_api": "responses"}
_OPENCODE = {
    "npm": "@ai-sdk/openai-compatible",
    "name": "Gaud",
    "options": {"baseURL": "$base", "apiKey": "{env:GAUD_KEY}"},
    "models": {"$model": {"name": "$model"}},
}

AGENTS = (
    Client(
        name="claude-code",
        label="Claude Code",
        kind="agent",
        endpoint="messages",
        sources=("Claude Code: Connect to an LLM gateway", "Claude Code: Environment variables"),
        tried="2.1.332",
        program="claude",
        install="npm install -g @anthropic-ai/claude-code",
        variables={**_CLAUDE, "ANTHROPIC_AUTH_TOKEN": "$key"},
        removed=("ANTHROPIC_API_KEY",),
        files=(
            ClientFile(
                path=".claude/settings.json",
                folders=(("CLAUDE_CONFIG_DIR", "settings.json"),),
                format="json",
                content={"env": _CLAUDE, "apiKeyHelper": "printenv GAUD_KEY"},
                keyed={"env": {**_CLAUDE, "ANTHROPIC_AUTH_TOKEN": "$key"}},
            ),
        ),
        notes=(
            "`apiKeyHelper` is a command that Claude Code asks for the key, so the file need not hold it.",
            "ANTHROPIC_API_KEY wins over the helper: take it out of the environment.",
            "Its small calls go to the same model; set ANTHROPIC_DEFAULT_HAIKU_MODEL to a cheaper one.",
            "It assumes a context window of its own for a model's name that it does not know, and says so.",
            "`/status` in Claude Code shows the address that it uses.",
        ),
    ),
    Client(
        name="codex",
        label="Codex CLI",
        kind="agent",
        endpoint="responses",
        sources=("Codex: Configuration reference, model_providers",),
        tried="0.171.0",
        program="codex",
        install="npm install -g @openai/codex",
        variables={"GAUD_KEY": "$key"},
        arguments=(
            *("-c", 'model="$model"', "-c", 'model_provider="gaud"'),
            *(
                word
                for key, value in _CODEX.items()
                for word in ("-c", f'model_providers.gaud.{key}="{value}"')
            ),
        ),
        files=(
            ClientFile(
                path=".codex/config.toml",
                folders=(("CODEX_HOME", "config.toml"),),
                format="toml",
                content={
                    "model": "$model",
                    "model_provider": "gaud",
                    "model_providers": {"gaud": _CODEX},
                },
            ),
        ),
        notes=(
            "Codex calls /v1/responses only; Gaud bridges it to models that only chat.",
            "Codex warns that it does not know the model's context window, and goes on.",
        ),
    ),
    Client(
        name="opencode",
        label="OpenCode",
        kind="agent",
        endpoint="chat/completions",
        sources=("OpenCode: Providers, custom provider", "OpenCode: Config", "OpenCode: Migrate from V1"),
        tried="1.18.33",
        program="opencode",
        install="npm install -g opencode-ai",
        variables={
            "GAUD_KEY": "$key",
            "OPENCODE_CONFIG_CONTENT": (
                '{"model": "gaud/$model", "provider": {"gaud": {"npm": "@ai-sdk/openai-compatible", '
                '"name": "Gaud", "options": {"baseURL": "$base", "apiKey": "$key"}, '
                '"models": {"$model": {"name": "$model"}}}}}'
            ),
        },
        files=(
            ClientFile(
                path=".config/opencode/opencode.json",
                folders=(("XDG_CONFIG_HOME", "opencode/opencode.json"),),
                instead=("opencode.jsonc",),
                format="json",
                content={"model": "gaud/$model", "provider": {"gaud": _OPENCODE}},
            ),
        ),
        notes=("Run it once for each model that its list should have; the last one is the default.",),
    ),
    Client(
        name="aider",
        label="aider",
        kind="agent",
        endpoint="chat/completions",
        sources=("aider: OpenAI compatible APIs", "aider: YAML config file", "aider: Options reference"),
        tried="0.86.2",
        program="aider",
        install="python -m pip install aider-install && aider-install",
        variables={
            "OPENAI_API_BASE": "$base",
            "OPENAI_API_KEY": "$key",
            "AIDER_MODEL": "openai/$model",
        },
        files=(
            ClientFile(
                path=".aider.conf.yml",
                format="yaml",
                content={"openai-api-base": "$base", "model": "openai/$model"},
                keyed={"openai-api-base": "$base", "openai-api-key": "$key", "model": "openai/$model"},
            ),
        ),
        notes=(
            'Without the key in its file, aider needs `export AIDER_OPENAI_API_KEY="$$GAUD_KEY"`.',
            "`openai/` before the model tells aider how to call it; Gaud does not see it.",
        ),
    ),
    Client(
        name="qwen-code",
        label="Qwen Code",
        kind="agent",
        endpoint="chat/completions",
        sources=("Qwen Code: Authentication", "Qwen Code: Model providers"),
        tried="0.24.4",
        program="qwen",
        install="npm install -g @qwen-code/qwen-code",
        variables={"OPENAI_BASE_URL": "$base", "OPENAI_API_KEY": "$key", "OPENAI_MODEL": "$model"},
        notes=(
            "Its file of settings has changed its form more than once, so Gaud leaves it alone.",
            "Gemini CLI, which it comes from, speaks only Google's own dialect and cannot call Gaud.",
        ),
    ),
)
