"""What the gateway must know of each endpoint's dialect; the rest of a call is bytes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gaud_core.gateway.dialects.base import Dialect, Passthrough, Watch
from gaud_core.gateway.dialects.chat import ChatCompletions, Completions
from gaud_core.gateway.dialects.media import Images, Speech, Transcriptions
from gaud_core.gateway.dialects.messages import CountTokens, Messages
from gaud_core.gateway.dialects.objects import Files
from gaud_core.gateway.dialects.plain import Prompted, Rerank
from gaud_core.gateway.dialects.responses import Responses

__all__ = ["DIALECTS", "ENDPOINTS", "FORMS", "WITHOUT_MODEL", "Dialect", "Passthrough", "Watch"]

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "chat/completions": ChatCompletions(),
        "completions": Completions(),
        "embeddings": Prompted(),
        "responses": Responses(),
        "messages": Messages(),
        "messages/count_tokens": CountTokens(),
        "images/generations": Images(),
        "audio/speech": Speech(),
        "moderations": Prompted(),
        "rerank": Rerank(),
        "images/edits": Images(),
        "images/variations": Images(),
        "audio/transcriptions": Transcriptions(),
        "audio/translations": Transcriptions(),
        "files": Files(),
    }
)
"""By endpoint; an endpoint that is not listed is relayed by `Passthrough`."""

ENDPOINTS = (*DIALECTS, "batches")
"""What the gateway serves, as paths below `/v1/`; the busiest first, since routes are tried in order."""

FORMS = frozenset(
    {"images/edits", "images/variations", "audio/transcriptions", "audio/translations", "files"}
)
"""Endpoints that take a form."""

WITHOUT_MODEL = frozenset({"files", "batches"})
"""Endpoints whose calls name no model."""
