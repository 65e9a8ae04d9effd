"""LiteLLM passes the kit that every provider passes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gaud_core.testing import Answer, HTTPProviderTests, LiveProviderTests
from gaud_provider_litellm import LiteLLM

ANSWERS = Path(__file__).parent / "answers"


class TestLiteLLM(HTTPProviderTests):
    """A LiteLLM proxy speaks OpenAI's dialect; what it lists was recorded from the real one."""

    provider = LiteLLM
    model = "gpt-4o"

    def upstream_pages(self) -> Mapping[str, Answer]:
        """What LiteLLM answers when it is asked for its models, its health and its version."""
        return {
            "/v1/models": Answer.json((ANSWERS / "v1_models.json").read_bytes()),
            "/model/info": Answer.json((ANSWERS / "model_info.json").read_bytes()),
            "/health/liveliness": Answer.json("I'm alive!"),
            "/health/readiness/details": Answer.json({"status": "healthy", "litellm_version": "1.102.4"}),
            "/health/readiness": Answer.json({"status": "healthy"}),
        }


class TestLiteLLMLive(LiveProviderTests):
    """The LiteLLM of `make demo`, or another one: GAUD_LITELLM_URL and GAUD_LITELLM_API_KEY say where."""

    provider = LiteLLM
    model = "parrot"
