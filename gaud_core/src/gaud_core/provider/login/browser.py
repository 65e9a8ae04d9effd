"""Login in the browser: RFC 7636 (PKCE, S256) with a redirect to this machine after RFC 8252."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

from gaud_core.errors import LoginFailed, ProviderError, one_line
from gaud_core.provider.login.answers import token_request
from gaud_core.provider.login.loopback import Verdict, redirect_listener
from gaud_core.provider.login.screen import Screen
from gaud_core.provider.login.token import Token

if TYPE_CHECKING:
    import httpx

__all__ = ["PKCEFlow", "pkce"]

_PATIENCE_SECS = 600.0
_PASTE = "If the browser is on another machine, paste the address that it ends at:"
_NOT_THAT = "That is not the address of this login. Paste all of it, from http:// to its end."


@attrs.frozen(kw_only=True)
class PKCEFlow:
    """What a login in the browser needs to know of its server.

    `extra` goes into the address that is opened, `token_extra` along with the question for the token. The
    redirect goes to `http://{redirect_host}:{port}{redirect_path}`; port 0 is any free one, and a server
    that knows one address only gets the one it knows.
    """

    authorize_url: str
    token_url: str
    client_id: str
    scope: str = ""
    extra: Mapping[str, str] = attrs.field(factory=dict)
    token_extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    as_json: bool = False
    redirect_host: str = "127.0.0.1"
    redirect_path: str = "/callback"
    port: int = 0


def _random() -> str:
    return secrets.token_urlsafe(48)


@attrs.frozen
class _Attempt:
    """The secrets of one login: made anew each time, sent nowhere but to this server."""

    redirect_uri: str
    verifier: str = attrs.field(factory=_random, repr=False)
    state: str = attrs.field(factory=_random, repr=False)

    def address(self, flow: PKCEFlow) -> str:
        """The address to open."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": flow.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": flow.scope,
            "state": self.state,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        query = urlencode({**{name: value for name, value in asked.items() if value}, **flow.extra})
        return f"{flow.authorize_url}{'&' if '?' in flow.authorize_url else '?'}{query}"

    def read(self, query: str) -> Verdict:
        """Judge a redirect's query; one without this login's state is not looked at any further."""
        given = {name: values[0] for name, values in parse_qs(query, max_num_fields=50).items()}
        state = given.get("state", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(state, self.state.encode()):
            return Verdict.STRANGE
        if error := given.get("error"):
            words = one_line(given.get("error_description") or error)[:300]
            return Verdict(problem=f"The login was refused in the browser: {words}")
        return Verdict(code=given["code"]) if given.get("code") else Verdict.STRANGE


async def pkce(
    http: httpx.AsyncClient,
    screen: Screen,
    flow: PKCEFlow,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Token:
    """Send the person to his browser and wait 10 minutes for the redirect, or for its address.

    LoginFailed says why it came to nothing. `clock` gives seconds since 1970.
    """
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[Verdict] = loop.create_future()
    async with redirect_listener(flow.port, flow.redirect_path, seen) as (port, judge):
        attempt = _Attempt(f"http://{flow.redirect_host}:{port}{flow.redirect_path}")
        judge.append(attempt.read)
        screen.open_url(attempt.address(flow))
        verdict = await _first(seen, _pasted(screen, attempt), sleep(_PATIENCE_SECS))
    if verdict.problem:
        raise LoginFailed(verdict.problem)
    return await _exchange(http, flow, attempt, verdict.code, clock)


async def _exchange(
    http: httpx.AsyncClient, flow: PKCEFlow, attempt: _Attempt, code: str, clock: Callable[[], float]
) -> Token:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "client_id": flow.client_id,
        "code_verifier": attempt.verifier,
        **flow.token_extra,
    }
    try:
        return await token_request(
            http, flow.token_url, fields, headers=flow.headers, as_json=flow.as_json, clock=clock
        )
    except ProviderError as error:
        raise LoginFailed(f"The browser's code gave no token: {error}") from None


async def _pasted(screen: Screen, attempt: _Attempt) -> Verdict:
    """Ask for the address until it is the right one; `code#state`, as some pages show it, will do."""
    question = _PASTE
    while True:
        text = (await screen.ask(question)).strip()
        query = urlsplit(text).query if "?" in text else _as_query(text)
        try:
            verdict = attempt.read(query)
        except ValueError:
            verdict = Verdict.STRANGE
        if verdict is not Verdict.STRANGE:
            return verdict
        question = _NOT_THAT


def _as_query(text: str) -> str:
    code, mark, state = text.partition("#")
    return urlencode({"code": code, "state": state}) if mark else text


async def _first(
    seen: asyncio.Future[Verdict], pasted: Awaitable[Verdict], patience: Awaitable[Any]
) -> Verdict:
    """Give what comes first, and leave nothing behind."""
    other, end = asyncio.ensure_future(pasted), asyncio.ensure_future(patience)
    try:
        done, _ = await asyncio.wait([seen, other, end], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (other, end):
            task.cancel()
        await asyncio.gather(other, end, return_exceptions=True)
    for each in (seen, other):
        if each in done:
            return each.result()
    raise LoginFailed(f"Nobody logged in within {_PATIENCE_SECS / 60:g} minutes. Begin again.")
