"""`LiteLLM`: sends calls on to a LiteLLM proxy, and asks it for its models and its health."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gaud_core import Call, Context, Health, HTTPProvider, Model, ProviderError, Timeouts
from gaud_provider_litellm.asking import get, get_json
from gaud_provider_litellm.cures import cure
from gaud_provider_litellm.discovery import models_from
from gaud_provider_litellm.settings import LiteLLMSettings
from gaud_provider_litellm.versions import version_in, warning_about

__all__ = ["LiteLLM"]

_OPENAI_LIMITS = ("x-ratelimit-limit-", "x-ratelimit-remaining-", "x-ratelimit-reset-")
_HEALTH_SECS = 5.0


class LiteLLM(HTTPProvider[LiteLLMSettings]):
    """Every model of a LiteLLM proxy, whatever provider is behind it.

    LiteLLM speaks OpenAI's dialect, so calls travel as they are. A name that was never listed travels too:
    LiteLLM has wildcards.
    """

    name = "litellm"
    label = "LiteLLM"
    endpoints = frozenset(
        {"chat/completions", "completions", "embeddings", "messages", "messages/count_tokens", "moderations"}
        | {"rerank", "responses", "images/generations", "images/edits", "audio/speech"}
        | {"audio/transcriptions", "files", "batches"}
    )
    cost_header = "x-litellm-response-cost"  # of whole answers; absent for a model without a price
    # x-ratelimit-*: there LiteLLM also counts its own keys, users and teams.
    inside: ClassVar[tuple[str, ...]] = ("x-litellm-", "llm_provider-", "x-ratelimit-")

    def __init__(self, settings: LiteLLMSettings, ctx: Context) -> None:
        super().__init__(settings, ctx)
        key = settings.api_key
        self._key_header = {"authorization": f"Bearer {key.reveal()}"} if key else {}
        self._timeouts = Timeouts(
            connect=settings.connect_timeout_secs,
            first_byte=settings.first_byte_timeout_secs or settings.timeout_secs,
            idle=settings.timeout_secs,
            total=settings.timeout_secs,
        )
        globs = [fnmatch.translate(glob.lower()) for glob in settings.expose_headers]
        self._exposed = re.compile("|".join(globs)).match if globs else None
        self._warned: set[str] = set()

    def headers(self, call: Call) -> Mapping[str, str]:
        """The key, and who calls: LiteLLM logs and books the call under Gaud's id and Gaud's user."""
        headers = {**self._key_header, "x-litellm-call-id": call.id}
        if call.user:
            headers["x-litellm-end-user-id"] = call.user
        return headers

    def timeouts(self) -> Timeouts:
        """The limits on a call, from the settings."""
        return self._timeouts

    def hidden(self, header: str) -> bool:
        """Whether an answer header is LiteLLM's own business; asked for every header of every answer."""
        if not header.startswith(self.inside) or header.startswith(_OPENAI_LIMITS):
            return False
        return not (self._exposed and self._exposed(header))

    def known_models(self) -> Sequence[Model]:
        """The list by hand."""
        names = (self._without_prefix(name) for name in self.settings.models)
        return [Model(name, owned_by=self.name) for name in dict.fromkeys(names) if name]

    async def models(self) -> Sequence[Model]:
        """Names from `/v1/models`, prices and limits from `/model/info`; either alone will do."""
        if not self.settings.discover_models:
            return ()
        listed, details, version = await asyncio.gather(
            self._try("/v1/models"), self._try("/model/info"), self._version()
        )
        if isinstance(listed, ProviderError) and isinstance(details, ProviderError):
            raise listed
        found = models_from(listed, details)
        self._warn(warning_about(version))
        if isinstance(details, ProviderError):
            self._warn(f"{details.message} The prices and limits of its models stay unknown.")
        if not found:
            self._warn(_NO_MODELS)
        return found

    def models_interval(self) -> float:
        """Seconds between two questions, from the settings."""
        return self.settings.discover_interval_secs

    async def health(self) -> Health:
        """Ask `/health/liveliness`, which needs no key; `/health` would call every model, for money."""
        url = f"{self.settings.url}/health/liveliness"
        try:
            answer = await get(self.ctx.http(), url, {}, seconds=_HEALTH_SECS)
        except ProviderError as failure:
            return Health(healthy=False, detail=failure.message)
        if answer.status == 503 and answer.json() == {"status": "shutting_down"}:
            return Health(healthy=False, detail="LiteLLM is shutting down.")
        if answer.status == 200 and isinstance(answer.json(), str):
            return Health(healthy=True)
        return Health(
            healthy=False, detail=f"{url} answers {answer.status}, but not as LiteLLM does: is the URL right?"
        )

    def explain(self, failure: ProviderError) -> str | None:
        """Name the cure, in the words of the guide's troubleshooting."""
        return cure(failure, self.settings, f"providers.{self.ctx.name}") or super().explain(failure)

    async def _version(self) -> str:
        """LiteLLM's version: `details` since it became one of the things that only a key may see."""
        for path in ("/health/readiness/details", "/health/readiness"):
            if version := version_in(await self._try(path)):
                return version
        return ""

    async def _try(self, path: str) -> Any | ProviderError:
        try:
            return await get_json(self.ctx.http(), f"{self.settings.url}{path}", self._key_header)
        except ProviderError as failure:
            return failure

    def _warn(self, text: str) -> None:
        """Say a thing once, though it is found anew every few minutes."""
        if text and text not in self._warned:
            self._warned.add(text)
            self.ctx.log.warning("%s", text)

    def _without_prefix(self, model: str) -> str:
        for prefix in (f"{self.ctx.name}:", f"{self.name}:"):
            if model.startswith(prefix):
                return model.removeprefix(prefix)
        return model


_NO_MODELS = (
    "LiteLLM lists no models. Check its model_list; with store_model_in_db, add models in its UI or API. "
    "Check also that the key in api_key may see them: curl <url>/v1/models -H 'Authorization: Bearer <key>'."
)
