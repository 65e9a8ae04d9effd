"""Editors and their extensions, tools, and pages to chat on."""

from __future__ import annotations

from gaud_core.cli.clients.values import Client, ClientFile, Snippet

__all__ = ["EDITORS", "TOOLS"]

EDITORS = (
    Client(
        name="continue",
        label="Continue",
        kind="editor",
        endpoint="chat/completions",
        sources=("Continue: OpenAI, API compatible providers", "Continue: FAQs, local secrets"),
        files=(
            ClientFile(
                path=".continue/config.yaml",
                format="yaml",
                fresh="name: Mine\nversion: 0.0.1\nschema: v1\n",
                under="models",
                content={
                    "name": "Gaud: $model",
                    "provider": "openai",
                    "model": "$model",
                    "apiBase": "$base",
                    "apiKey": "$${{ secrets.GAUD_KEY }}",
                },
            ),
            ClientFile(path=".continue/.env", format="env", content={}, keyed={"GAUD_KEY": "$key"}),
        ),
        notes=("It reads no variables: the key stands in ~/.continue/.env; `--write-key` puts it there.",),
    ),
    Client(
        name="zed",
        label="Zed",
        kind="editor",
        endpoint="chat/completions",
        sources=("Zed: Use API access, OpenAI-compatible endpoints",),
        program="zed",
        install="the download on Zed's page",
        wants_files=True,
        variables={"GAUD_API_KEY": "$key"},
        files=(
            ClientFile(
                path=".config/zed/settings.json",
                folders=(("XDG_CONFIG_HOME", "zed/settings.json"),),
                format="json",
                content={
                    "language_models": {
                        "openai_compatible": {
                            "Gaud": {
                                "api_url": "$base",
                                "available_models": [
                                    {"name": "$model", "display_name": "$model", "max_tokens": "$context"}
                                ],
                            }
                        }
                    }
                },
            ),
        ),
        notes=(
            'Zed takes the key from GAUD_API_KEY (`export GAUD_API_KEY="$$GAUD_KEY"`) or its settings page.',
            "max_tokens is the model's context window; 128000 is assumed where Gaud does not know it.",
        ),
    ),
    Client(
        name="cline",
        label="Cline and Roo Code",
        kind="editor",
        endpoint="chat/completions",
        sources=("Cline: OpenAI Compatible",),
        snippets=(
            Snippet(
                "text",
                "In the extension's settings",
                "API Provider   OpenAI Compatible\n"
                "Base URL       $base\n"
                "API Key        your Gaud key\n"
                "Model ID       $model\n",
            ),
        ),
        notes=(
            "Both keep the key in the editor's store of secrets, so there is no file that Gaud could write.",
            "Roo Code began as Cline and names the fields alike; its own pages were not read.",
        ),
    ),
)

TOOLS = (
    Client(
        name="llm",
        label="llm",
        kind="tool",
        endpoint="chat/completions",
        sources=("LLM: Other models, OpenAI-compatible models",),
        tried="tests",
        program="llm",
        install="pipx install llm",
        wants_files=True,
        variables={"OPENAI_API_KEY": "$key", "LLM_MODEL": "$model"},
        files=(
            ClientFile(
                path=".config/io.datasette.llm/extra-openai-models.yaml",
                mac_path="Library/Application Support/io.datasette.llm/extra-openai-models.yaml",
                folders=(
                    ("LLM_USER_PATH", "extra-openai-models.yaml"),
                    ("XDG_CONFIG_HOME", "io.datasette.llm/extra-openai-models.yaml"),
                ),
                format="yaml",
                under="-",
                content={
                    "model_id": "$model",
                    "model_name": "$model",
                    "api_base": "$base",
                    "api_key_name": "gaud",
                    "supports_tools": True,
                    "supports_schema": True,
                },
            ),
        ),
        notes=("`llm keys set gaud` asks for the key and keeps it; `gaud run llm` does without.",),
    ),
    Client(
        name="open-webui",
        label="Open WebUI",
        kind="tool",
        endpoint="chat/completions",
        sources=("Open WebUI: Starting with OpenAI-compatible servers", "Open WebUI: Environment variables"),
        variables={"OPENAI_API_BASE_URL": "$base", "OPENAI_API_KEY": "$key"},
        notes=(
            "It reads these at its first start; later it is Admin Settings, Connections that counts.",
            "In a container, localhost is the container: say `host.docker.internal`, or Gaud's service.",
        ),
    ),
)
