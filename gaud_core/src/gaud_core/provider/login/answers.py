"""One question to a token endpoint, and its answer as what it is worth (RFC 6749 section 5)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs

from gaud_core.errors import UpstreamFailed, UpstreamRefused, UpstreamTimeout, one_line
from gaud_core.provider.login.token import Token
from gaud_core.settings import Mistake

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "ask", "refusal", "token_from", "token_request"]

_LONGEST = 1 << 18
_SHOWN = 300


@attrs.frozen
class Answer:
    """A status and a JSON object; its texts may be secrets, so it shows none."""

    status: int
    members: Mapping[str, Any] = attrs.field(repr=False)
    retry_after: str = ""

    def get(self, name: str) -> Any:
        """Give a member by its name in snake_case, also where the answer spells it in camelCase."""
        return self.members.get(name, self.members.get(camel(name)))

    @property
    def error(self) -> str:
        """The error's code, empty if this is no error."""
        error = self.members.get("error")
        return error if isinstance(error, str) else ""


async def token_request(
    http: httpx.AsyncClient,
    url: str,
    fields: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    as_json: bool = False,
    clock: Callable[[], float] = time.time,
) -> Token:
    """Ask a token endpoint, to renew a token for example; `fields` go as a form or as JSON.

    UpstreamRefused has the endpoint's words, and its error's code in `error_code`; UpstreamFailed and
    UpstreamTimeout say that there was no answer.
    """
    return token_from(await ask(http, url, fields, headers or {}, as_json=as_json), clock())


async def ask(
    http: httpx.AsyncClient, url: str, fields: Mapping[str, Any], headers: Mapping[str, str], *, as_json: bool
) -> Answer:
    """Send a POST and read the answer; ProviderError if there is none."""
    import httpx  # here, because importing gaud_core loads no HTTP client

    sent = {"accept": "application/json", **headers}
    body: dict[str, Any] = {"json": dict(fields)} if as_json else {"data": dict(fields)}
    try:
        async with http.stream("POST", url, headers=sent, **body) as response:
            content = await _content(response)
    except httpx.TimeoutException:
        raise UpstreamTimeout(f"{_host(url)} did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UpstreamFailed(f"{_host(url)} cannot be asked ({type(error).__name__}).") from None
    members = _members(content, response.headers.get("content-type", ""))
    if members is None:
        raise UpstreamFailed(
            f"{_host(url)} answered {response.status_code} with something that is no JSON object."
        )
    return Answer(response.status_code, members, response.headers.get("retry-after", ""))


def token_from(answer: Answer, now: float) -> Token:
    """Read the token in an answer, or raise what is there instead."""
    if answer.error or answer.status >= 400:
        raise refusal(answer)
    try:
        return Token.from_answer(answer.members, now)
    except Mistake as wrong:
        raise UpstreamFailed(f"The answer with the token cannot be used: {wrong}.") from None


def refusal(answer: Answer) -> UpstreamRefused | UpstreamFailed:
    """Turn an error into words: what the endpoint says of it, and its code."""
    described = answer.get("error_description") or answer.members.get("message") or answer.error
    words = one_line(str(described))[:_SHOWN].strip() or f"status {answer.status}"
    code = one_line(answer.error)[:64] or None
    told = words if words.endswith((".", "!", "?")) else f"{words}."
    if answer.status >= 500:
        return UpstreamFailed(told, code=code)
    return UpstreamRefused(told, status=max(answer.status, 400), code=code)


def camel(name: str) -> str:
    """Spell `device_code` as `deviceCode`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


async def _content(response: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > _LONGEST:
            return b""
    return bytes(content)


def _members(content: bytes, content_type: str) -> Mapping[str, Any] | None:
    try:
        if content_type.startswith("application/x-www-form-urlencoded"):  # who overlooks `accept`
            return dict(parse_qsl(content.decode()))
        members = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return members if isinstance(members, dict) else None


def _host(url: str) -> str:
    """Name the server without the address, which may hold what is nobody's business."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or "The server"
