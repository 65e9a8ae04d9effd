"""Login by device code, RFC 8628: a code on the screen, typed in on any device with a browser."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core.errors import LoginFailed, ProviderError, UpstreamFailed, UpstreamTimeout
from gaud_core.provider.login.answers import Answer, ask, camel, refusal, token_from
from gaud_core.provider.login.screen import Screen
from gaud_core.provider.login.token import Token

if TYPE_CHECKING:
    import httpx

__all__ = ["DeviceFlow", "device_code", "is_web_address"]

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_USUAL_SECS, _LONGEST_SECS = 900.0, 3600.0
_USUAL_INTERVAL, _SHORTEST_INTERVAL = 5.0, 1.0
_SLOWER_SECS = 5.0
_SAFETY_SECS = 1.0
"""Added to each pause: a server that measures from arrival to arrival must not find us too early."""


@attrs.frozen(kw_only=True)
class DeviceFlow:
    """What a device login needs to know of its server.

    `extra` goes along with the first question, `token_extra` with each question for the token: a client's
    secret for example, which no repr shows. With `camel_case` the standard's own members are spelt like
    `deviceCode`; answers are understood in both spellings.
    """

    device_url: str
    token_url: str
    client_id: str
    scope: str = ""
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    token_extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    as_json: bool = False
    camel_case: bool = False

    def fields(self, own: Mapping[str, str], extra: Mapping[str, Any]) -> dict[str, Any]:
        """Give the members of a question."""
        spelt = {camel(name) if self.camel_case else name: value for name, value in own.items() if value}
        return {**spelt, **extra}


@attrs.define
class _Poll:
    """The pauses between two questions, which only grow, and the end of all asking."""

    until: float
    interval: float
    trouble: float = 0.0

    def pause(self, now: float) -> float:
        return max(0.0, min(max(self.interval, self.trouble) + _SAFETY_SECS, self.until - now))

    def slow_down(self, wanted: Any) -> None:
        """Grow by 5 s, or to what the server wants."""
        self.interval = max(self.interval + _SLOWER_SECS, _seconds(wanted, 0.0))

    def back_off(self) -> None:
        """Wait twice as long after each question that got no answer."""
        self.trouble = max(self.interval, self.trouble) * 2


async def device_code(
    http: httpx.AsyncClient,
    screen: Screen,
    flow: DeviceFlow,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Token:
    """Show a code and wait until the person has typed it in; LoginFailed says why it came to nothing.

    A network that fails meanwhile is waited for until the code expires. `clock` gives seconds since 1970.
    """
    own = {"client_id": flow.client_id, "scope": flow.scope}
    begun = await _begin(http, flow, flow.fields(own, flow.extra))
    lasts = min(_seconds(begun.get("expires_in"), _USUAL_SECS), _LONGEST_SECS)
    interval = max(_seconds(begun.get("interval"), _USUAL_INTERVAL), _SHORTEST_INTERVAL)
    poll = _Poll(clock() + lasts, interval)
    code = _text(begun, "device_code")
    _show(screen, begun, lasts)
    own = {"client_id": flow.client_id, "device_code": code, "grant_type": _GRANT}
    fields = flow.fields(own, flow.token_extra)
    while (now := clock()) < poll.until:
        screen.waiting(poll.until - now)
        await sleep(poll.pause(now))
        if (token := await _ask_once(http, flow, fields, poll, clock)) is not None:
            return token
    raise LoginFailed("The code has expired before it was typed in. Begin again.")


async def _begin(http: httpx.AsyncClient, flow: DeviceFlow, fields: Mapping[str, Any]) -> Answer:
    answer = await ask(http, flow.device_url, fields, flow.headers, as_json=flow.as_json)
    if answer.error or answer.status >= 400:
        raise LoginFailed(f"The login was refused: {refusal(answer)}")
    return answer


async def _ask_once(
    http: httpx.AsyncClient,
    flow: DeviceFlow,
    fields: Mapping[str, Any],
    poll: _Poll,
    clock: Callable[[], float],
) -> Token | None:
    """Ask whether the person is done; None if it is worth to ask again."""
    try:
        answer = await ask(http, flow.token_url, fields, flow.headers, as_json=flow.as_json)
    except (UpstreamFailed, UpstreamTimeout):
        poll.back_off()
        return None
    if answer.status >= 500 and not answer.error:
        poll.back_off()
        return None
    poll.trouble = 0.0
    match answer.error or answer.status:
        case "authorization_pending":
            return None
        case "slow_down" | 429:
            poll.slow_down(answer.get("interval") or answer.retry_after)
            return None
        case "expired_token":
            raise LoginFailed("The code has expired before it was typed in. Begin again.")
        case "access_denied":
            raise LoginFailed("The login was refused in the browser.")
    try:
        return token_from(answer, clock())
    except ProviderError as error:
        raise LoginFailed(f"The login was refused: {error}") from None


def _show(screen: Screen, begun: Answer, lasts: float) -> None:
    name = "verification_uri" if begun.get("verification_uri") else "verification_url"  # before the standard
    url, complete = _text(begun, name), begun.get("verification_uri_complete")
    if not is_web_address(url):
        raise LoginFailed("The address that the server gave for the login is none of the web.")
    screen.show_code(_text(begun, "user_code"), url, lasts)
    if isinstance(complete, str) and is_web_address(complete):
        screen.open_url(complete)


def is_web_address(url: str) -> bool:
    """Whether something can be shown to a person, and opened by his browser, as an address."""
    return (
        url.startswith(("https://", "http://")) and url.isprintable() and " " not in url and len(url) < 4096
    )


def _text(answer: Answer, name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise LoginFailed(f"The server's answer has no `{name}`, so the login cannot begin.")
    return value


def _seconds(value: Any, usual: float) -> float:
    """Read a number of seconds; what is none counts as the usual."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return usual
    return min(seconds, _LONGEST_SECS) if math.isfinite(seconds) and seconds > 0 else usual
