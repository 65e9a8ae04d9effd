"""A real LiteLLM proxy without keys, database or network: mock models, and models of a scripted upstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .processes import Server, clean_environment, free_port

MASTER_KEY = "sk-test-master"
MOCK_TEXT = "Hello from a mocked model: grüße, 你好 😀."
LONG_TEXT = " ".join(f"word-{number}" for number in range(20_000))
_PRICES = {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}


def start_litellm(executable: str, upstream_url: str, folder: Path, port: int | None = None) -> Server:
    """Start a proxy and wait until it lives: 7 to 10 s on an idle machine."""
    port = port or free_port()
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(configuration(upstream_url), indent=1, ensure_ascii=False))  # JSON is YAML
    command = [executable, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    server = Server.start(
        "LiteLLM", command, port, folder / "litellm.log", _environment(folder, upstream_url)
    )
    try:
        server.wait_ready("/health/liveliness", 90)
    except BaseException:
        server.stop()
        raise
    return server


def configuration(upstream_url: str) -> dict[str, Any]:
    """Return the proxy's configuration: retries off, so that each call is one call."""
    return {
        "model_list": [
            *_mock_models(),
            *_scripted_models(f"{upstream_url}/v1"),
            *_other_models(upstream_url),
        ],
        "files_settings": [
            {"custom_llm_provider": "openai", "api_base": f"{upstream_url}/v1", "api_key": "sk-test-upstream"}
        ],
        "router_settings": {"num_retries": 0},
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "general_settings": {"master_key": MASTER_KEY},
    }


def _mock_models() -> list[dict[str, Any]]:
    return [
        _model("mock", "openai/mock", mock_response=MOCK_TEXT),
        _model("mock-priced", "openai/mock-priced", None, mock_response=MOCK_TEXT, **_PRICES),
        _model("mock-long", "openai/mock-long", mock_response=LONG_TEXT),
        _model("vendor/eu.mock-v2:0", "openai/mock-colon", mock_response=MOCK_TEXT),
        _model("anthropic/*", "anthropic/*", mock_response=MOCK_TEXT),
    ]


def _scripted_models(api_base: str) -> list[dict[str, Any]]:
    """Return models behind the upstream; only `scripted-limited` is put in cooldown by a 429 of its own."""
    hasty = {"timeout": 1, "stream_timeout": 1}
    tireless = {"allowed_fails": 1_000_000}
    return [
        _model("scripted", "openai/scripted", tireless, api_base=api_base),
        _model("scripted-priced", "openai/scripted-priced", tireless, api_base=api_base, **_PRICES),
        _model("scripted-hasty", "openai/scripted-hasty", tireless, api_base=api_base, **hasty),
        *[_model("scripted-limited", f"openai/{name}", api_base=api_base, cooldown_time=7) for name in "ab"],
    ]


def _other_models(url: str) -> list[dict[str, Any]]:
    """Return models of other endpoints than chat."""
    tireless = {"allowed_fails": 1_000_000}
    openai_like = {name: f"openai/scripted-{name}" for name in ("image", "tts", "stt", "moderation")}
    return [
        _model("mock-embedding", "openai/mock-embedding", mock_response=[0.5, -1.5]),
        _model("scripted-text", "text-completion-openai/scripted-text", tireless, api_base=f"{url}/v1"),
        _model("claude-scripted", "anthropic/claude-scripted", tireless, api_base=url),
        _model("scripted-rerank", "cohere/scripted-rerank", tireless, api_base=url),
        *[
            _model(f"scripted-{name}", model, tireless, api_base=f"{url}/v1")
            for name, model in openai_like.items()
        ],
    ]


def _model(name: str, model: str, info: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    fixed = {"model": model, "api_key": "sk-test-upstream", "max_retries": 0}
    return {"model_name": name, "litellm_params": fixed | params, "model_info": info or {}}


def _environment(folder: Path, upstream_url: str) -> dict[str, str]:
    """Return an environment that keeps the proxy off the network and out of the user's home.

    Where OpenAI is, LiteLLM takes from there for files and batches that are asked for by their ids.
    """
    return clean_environment(
        HOME=str(folder),
        OPENAI_BASE_URL=f"{upstream_url}/v1",
        OPENAI_API_KEY="sk-test-upstream",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_TELEMETRY="False",
        LITELLM_MODE="PRODUCTION",
        HF_HUB_OFFLINE="1",
    )
