"""Login in the browser against a server that holds the client to RFC 7636."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import httpx
import pytest

from gaud_core import LoginFailed, PKCEFlow, Token, pkce
from gaud_core.testing import ScriptedOAuth, ScriptedUpstream

from .support import Browser, Noting, Time, never

pytestmark = pytest.mark.anyio


async def _login(http: httpx.AsyncClient, screen: Noting, flow: PKCEFlow, time: Time) -> Token:
    async with asyncio.timeout(10):
        return await pkce(http, screen, flow, clock=time, sleep=never)


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def test_login(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """The browser comes back with a code, sees a page, and the token is there."""
    browser = Browser()
    token = await _login(http, Noting(on_open=browser), browser_flow, time)
    await asyncio.gather(*browser.tasks)
    assert oauth.knows(token.access_token.reveal())
    assert token.expires_at == time() + 3600
    assert oauth.refusals == []
    assert browser.answer is not None
    assert browser.answer.status_code == 200
    assert "You can close this page" in browser.answer.text


async def test_page_gives_nothing_away(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """It is not kept, names no code, loads nothing and sends no referrer."""
    browser = Browser()
    await _login(http, Noting(on_open=browser), browser_flow, time)
    await asyncio.gather(*browser.tasks)
    assert browser.answer is not None
    headers = browser.answer.headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert headers["content-security-policy"] == "default-src 'none'"
    assert "code-test" not in browser.answer.text


async def test_address(
    http: httpx.AsyncClient,
    browser_flow: PKCEFlow,
    oauth: ScriptedOAuth,
    time: Time,
    upstream: ScriptedUpstream,
) -> None:
    """All that the standard asks for, with what the provider adds; the verifier stays here till the end."""
    flow = attrs.evolve(browser_flow, scope="read write", extra={"prompt": "select_account"})
    screens = [Noting(on_open=Browser()) for _ in range(2)]
    for screen in screens:
        await _login(http, screen, flow, time)
    first, second = (_query(screen.opened[0]) for screen in screens)
    assert first["response_type"] == "code"
    assert (first["client_id"], first["scope"], first["prompt"]) == (
        "client-test",
        "read write",
        "select_account",
    )
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", first["redirect_uri"])
    assert first["code_challenge_method"] == "S256"
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]
    verifier = parse_qs(upstream.seen[1].body.decode())["code_verifier"][0]
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    assert verifier not in screens[0].shown


async def test_listener_ends_with_the_login(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """The port is free afterwards, and no task is left."""
    screen = Noting(on_open=(browser := Browser()))
    await _login(http, screen, browser_flow, time)
    await asyncio.gather(*browser.tasks)
    port = urlsplit(_query(screen.opened[0])["redirect_uri"]).port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    "edit",
    [
        lambda url: re.sub(r"state=[^&]*", "state=guessed", url),
        lambda url: re.sub(r"&state=[^&]*", "", url),
        lambda url: re.sub(r"state=[^&]*", "state=%ff%fe", url),
        lambda url: url.replace("/callback", "/other"),
        lambda url: url.partition("?")[0],
        lambda url: f"{url.partition('?')[0]}?error=access_denied",
        lambda url: f"{url.partition('?')[0]}?{'a=1&' * 60}",
    ],
)
async def test_strange_redirects(
    http: httpx.AsyncClient,
    browser_flow: PKCEFlow,
    oauth: ScriptedOAuth,
    time: Time,
    edit: Callable[[str], str],
) -> None:
    """Whoever does not know the state neither ends the login nor gets a code of his into it."""
    stranger, browser = Browser(edit=edit), Browser()

    async def both(url: str) -> None:
        stranger(url)
        await asyncio.gather(*stranger.tasks, return_exceptions=True)
        browser(url)
        await asyncio.gather(*browser.tasks)

    tasks: list[asyncio.Task[Any]] = []
    screen = Noting(on_open=lambda url: tasks.append(asyncio.create_task(both(url))))
    token = await _login(http, screen, browser_flow, time)
    await asyncio.gather(*tasks)
    assert oauth.knows(token.access_token.reveal())
    assert stranger.answer is None or stranger.answer.status_code in {400, 404}


async def test_refused_in_the_browser(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """The server's words are told to the person, without what could command a terminal."""
    refusal = r"error=access_denied&error_description=No%1b[2Jway"
    browser = Browser(edit=lambda url: re.sub(r"code=[^&]*", refusal, url))
    with pytest.raises(LoginFailed, match=r"refused in the browser: No \[2Jway"):
        await _login(http, Noting(on_open=browser), browser_flow, time)
    await asyncio.gather(*browser.tasks)
    assert browser.answer is not None
    assert "Not logged in" in browser.answer.text


async def test_wrong_code(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """The server knows no such code, and says so."""
    browser = Browser(edit=lambda url: re.sub(r"code=[^&]*", "code=other-test", url))
    with pytest.raises(LoginFailed, match=r"gave no token: Refused: invalid_grant\."):
        await _login(http, Noting(on_open=browser), browser_flow, time)


async def test_pasted_address(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """Where the browser is on another machine; what is wrong is asked for again."""
    screen = Pasting(http)
    token = await _login(http, screen, browser_flow, time)
    assert oauth.knows(token.access_token.reveal())
    assert len(screen.asked) == 4
    assert "paste" in screen.asked[0].lower()
    assert screen.asked[1].startswith("That is not the address of this login.")


async def test_pasted_code_and_state(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """Some pages show `code#state` instead of sending the browser back."""
    token = await _login(http, Pasting(http, short=True), browser_flow, time)
    assert oauth.knows(token.access_token.reveal())


async def test_nobody_comes(http: httpx.AsyncClient, browser_flow: PKCEFlow, time: Time) -> None:
    """After ten minutes it ends, and says how to go on."""
    with pytest.raises(LoginFailed, match=r"Nobody logged in within 10 minutes\. Begin again\."):
        await pkce(http, Noting(), browser_flow, clock=time, sleep=time.sleep)
    assert time.slept == [600]


async def test_cancelled(http: httpx.AsyncClient, browser_flow: PKCEFlow, time: Time) -> None:
    """Neither port nor task is left."""
    before, opened = asyncio.all_tasks(), asyncio.Event()
    screen = Noting(on_open=lambda url: opened.set())
    login = asyncio.create_task(_login(http, screen, browser_flow, time))
    await opened.wait()
    port = urlsplit(_query(screen.opened[0])["redirect_uri"]).port
    _, idle = await asyncio.open_connection("127.0.0.1", port)
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert asyncio.all_tasks() - before == set()


async def test_fixed_port_and_host(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """For servers that know one address only; it says so when the port is taken."""
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    flow = attrs.evolve(browser_flow, port=port, redirect_host="localhost", redirect_path="/oauth/back")
    with pytest.raises(LoginFailed, match=f"cannot listen on 127.0.0.1:{port}"):
        await _login(http, Noting(), flow, time)
    taken.close()
    await taken.wait_closed()
    screen = Noting(on_open=Browser(edit=lambda url: url.replace("localhost", "127.0.0.1")))
    await _login(http, screen, flow, time)
    assert _query(screen.opened[0])["redirect_uri"] == f"http://localhost:{port}/oauth/back"


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"GET " + b"a" * 40_000, b"\r\n\r\n"]
)
async def test_listener_survives_garbage(
    http: httpx.AsyncClient, browser_flow: PKCEFlow, oauth: ScriptedOAuth, time: Time, sent: bytes
) -> None:
    """What is no redirect does not end the login, however long it is."""
    browser = Browser()

    async def disturb(url: str) -> None:
        port = urlsplit(_query(url)["redirect_uri"]).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        await asyncio.gather(reader.read(), return_exceptions=True)
        writer.close()
        browser(url)

    tasks: list[asyncio.Task[None]] = []
    screen = Noting(on_open=lambda url: tasks.append(asyncio.create_task(disturb(url))))
    token = await _login(http, screen, browser_flow, time)
    await asyncio.gather(*tasks)
    assert oauth.knows(token.access_token.reveal())


class Pasting(Noting):
    """A person whose browser cannot reach this machine: three mistakes, then the right thing."""

    def __init__(self, http: httpx.AsyncClient, *, short: bool = False) -> None:
        super().__init__(answers=[] if short else ["", "hello#", "https://acme.test/?code=a&state=b"])
        self.http, self.short = http, short

    async def ask(self, question: str) -> str:
        """Paste."""
        if self.answers:
            return await super().ask(question)
        self.asked.append(question)
        sent_back = (await self.http.get(self.opened[0])).headers["location"]
        told = _query(sent_back)
        return f" {told['code']}#{told['state']}\n" if self.short else f"{sent_back}\n"
