"""Login by device code against a server that holds the client to RFC 8628."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import httpx
import pytest

from gaud_core import DeviceFlow, LoginFailed, Token, UpstreamFailed, device_code
from gaud_core.testing import Answer, ScriptedOAuth, ScriptedUpstream

from .support import NOW, Noting, Time

pytestmark = pytest.mark.anyio


async def _login(http: httpx.AsyncClient, screen: Noting, flow: DeviceFlow, time: Time) -> Token:
    return await device_code(http, screen, flow, clock=time, sleep=time.sleep)


def _approving(oauth: ScriptedOAuth, at: int = 3) -> Noting:
    return Noting(on_wait=lambda number: oauth.approve() if number == at else None)


async def test_login(
    http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time, upstream: ScriptedUpstream
) -> None:
    """Code and address are shown, the server is asked in its own time, and the token comes."""
    screen = _approving(oauth)
    token = await _login(http, screen, device, time)
    assert screen.codes == [("TEST-0001", f"{upstream.url}/enter", 900.0)]
    assert screen.left == [900.0, 894.0, 888.0]
    assert oauth.knows(token.access_token.reveal())
    assert token.expires_at == time() + 3600
    assert token.extra == {"token_type": "bearer"}
    assert (oauth.slowed, oauth.refusals) == (0, [])
    assert token.access_token.reveal() not in screen.shown


@pytest.mark.parametrize("interval", [1.0, 5.0, 12.0])
async def test_interval_is_the_servers(
    http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time, interval: float
) -> None:
    """Each pause is that long and a second more, also the one before the first question."""
    oauth.interval = interval
    await _login(http, _approving(oauth), device, time)
    assert time.slept == [interval + 1] * 3
    assert oauth.slowed == 0


@pytest.mark.parametrize("interval", [None, 0, -5, "soon", True, float("inf")])
async def test_interval_that_is_none(
    http: httpx.AsyncClient,
    device: DeviceFlow,
    oauth: ScriptedOAuth,
    time: Time,
    upstream: ScriptedUpstream,
    interval: Any,
) -> None:
    """It never becomes a storm of questions: 5 s is the standard's, one second the shortest."""
    _begun(upstream, interval=interval if interval != float("inf") else "Infinity")
    with pytest.raises(LoginFailed):
        await _login(http, Noting(), device, time)
    assert min(time.slept) >= 2.0


async def test_slow_down(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """Five seconds more from then on, or what the server wants."""
    _begun(upstream)
    script = [_error("slow_down"), _error("authorization_pending"), _error("slow_down", interval=30)]
    _answers(upstream, *script, Answer.json({"access_token": "access-test"}))
    await _login(http, Noting(), device, time)
    assert time.slept == [6, 11, 11, 31]


async def test_slow_down_with_an_interval_that_is_too_small(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """The pause does not shrink."""
    _begun(upstream)
    _answers(upstream, _error("slow_down", interval=1), Answer.json({"access_token": "access-test"}))
    await _login(http, Noting(), device, time)
    assert time.slept == [6, 11]


async def test_github_answers_pending_with_200(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """The body counts, not the status; a 429 without a body of the standard is a wish to slow down."""
    _begun(upstream)
    later = Answer.json({"message": "slow"}, 429, {"retry-after": "20"})
    done = Answer.json({"access_token": "access-test", "scope": "", "token_type": "bearer"})
    _answers(upstream, _error("authorization_pending", status=200), later, done)
    token = await _login(http, Noting(), device, time)
    assert (token.access_token.reveal(), token.refresh_token, token.expires_at) == ("access-test", None, None)
    assert time.slept == [6, 6, 21]


async def test_form_encoded_answers(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """What GitHub sends to those whose `accept` it does not like."""
    form = "application/x-www-form-urlencoded; charset=utf-8"
    begun = b"device_code=d-test&user_code=ABCD-1234&verification_uri=https%3A%2F%2Facme.test%2F&interval=7"
    upstream.on("/device", Answer.whole(begun, content_type=form))
    _answers(upstream, Answer.whole(b"error=authorization_pending", content_type=form))
    upstream.default = Answer.whole(b"access_token=access-test&scope=&expires_in=60", content_type=form)
    token = await _login(http, Noting(), device, time)
    assert token.expires_at == time() + 60
    assert time.slept == [8, 8]


async def test_denied(http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time) -> None:
    """The person has refused: it ends at once."""
    screen = Noting(on_wait=lambda number: oauth.deny() if number == 2 else None)
    with pytest.raises(LoginFailed, match="refused in the browser"):
        await _login(http, screen, device, time)
    assert len(oauth.polls) == 2


async def test_expired(http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time) -> None:
    """Nobody came: it ends when the code does, and not later."""
    oauth.expires_in = 60
    with pytest.raises(LoginFailed, match=r"The code has expired before it was typed in\. Begin again\."):
        await _login(http, Noting(), device, time)
    assert time() == NOW + 60


async def test_server_says_that_it_expired(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """The same, where the clocks differ."""
    _begun(upstream)
    _answers(upstream, _error("expired_token"))
    with pytest.raises(LoginFailed, match="The code has expired"):
        await _login(http, Noting(), device, time)


async def test_unknown_client(
    http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """The server's words are told, and no code is shown."""
    screen = Noting()
    with pytest.raises(LoginFailed, match=r"The login was refused: Refused: invalid_client\."):
        await _login(http, screen, attrs.evolve(device, client_id="other"), time)
    assert screen.codes == []


@pytest.mark.parametrize(
    "trouble", [Answer.reset(), Answer.closed(), Answer.html(), Answer.error(503), Answer.json(b"[]")]
)
async def test_network_fails_meanwhile(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream, trouble: Answer
) -> None:
    """The pauses double until there is an answer again; the person notices nothing."""
    _begun(upstream)
    done = Answer.json({"access_token": "access-test"})
    _answers(upstream, trouble, trouble, _error("authorization_pending"), done)
    await _login(http, Noting(), device, time)
    assert time.slept == [6, 11, 21, 6]


async def test_network_fails_for_ever(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """It ends with the code."""
    _begun(upstream)
    upstream.default = Answer.reset()
    with pytest.raises(LoginFailed, match="expired"):
        await _login(http, Noting(), device, time)
    assert time() == NOW + 900
    assert len(time.slept) < 12


async def test_network_fails_at_the_beginning(http: httpx.AsyncClient, time: Time) -> None:
    """It is told at once; the address is not."""
    flow = DeviceFlow(device_url="http://127.0.0.1:9/device?key=test", token_url="x", client_id="c")
    with pytest.raises(UpstreamFailed, match=r"^127\.0\.0\.1:9 cannot be asked \(ConnectError\)\.$"):
        await _login(http, Noting(), flow, time)


@pytest.mark.parametrize(
    "begun",
    [
        {"device_code": None},
        {"user_code": ""},
        {"user_code": "AB\x1b[2J"},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri": "https://acme.test/\x1b]8;;"},
    ],
)
async def test_beginnings_that_cannot_be_used(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream, begun: dict[str, Any]
) -> None:
    """Nothing that could command a terminal or a browser is shown."""
    _begun(upstream, **begun)
    screen = Noting()
    with pytest.raises(LoginFailed):
        await _login(http, screen, device, time)
    assert (screen.codes, screen.opened) == ([], [])


async def test_answer_without_a_token(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """A 200 alone is no success."""
    _begun(upstream)
    _answers(upstream, Answer.json({"token_type": "bearer"}))
    with pytest.raises(LoginFailed, match="`access_token` is missing"):
        await _login(http, Noting(), device, time)


async def test_answer_without_end(
    http: httpx.AsyncClient, device: DeviceFlow, time: Time, upstream: ScriptedUpstream
) -> None:
    """It is not read to its end, which never comes."""
    upstream.on("/device", Answer.endless())
    with pytest.raises(UpstreamFailed, match="no JSON object"):
        await _login(http, Noting(), device, time)


async def test_complete_address(
    http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time
) -> None:
    """It is opened, and the code is shown all the same, so that the person can compare."""
    oauth.complete_uri = True
    screen = _approving(oauth)
    await _login(http, screen, device, time)
    assert screen.opened == [f"{screen.codes[0][1]}?code=TEST-0001"]


async def test_more_members_and_headers(
    http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time, upstream: ScriptedUpstream
) -> None:
    """A provider's own go along, as JSON where it wants that."""
    flow = attrs.evolve(
        device, as_json=True, scope="read", extra={"audience": "a"}, token_extra={"secret": "s-test"},
        headers={"user-agent": "acme/1"},
    )  # fmt: skip
    await _login(http, _approving(oauth, at=1), flow, time)
    first, second = upstream.seen
    assert first.json == {"client_id": "client-test", "scope": "read", "audience": "a"}
    assert second.json["secret"] == "s-test"
    assert {seen.header("user-agent") for seen in upstream.seen} == {"acme/1"}
    assert {seen.header("accept") for seen in upstream.seen} == {"application/json"}
    assert "s-test" not in repr(flow)


async def test_camel_case(
    http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth, time: Time, upstream: ScriptedUpstream
) -> None:
    """A server that spells the standard its own way, in questions and in answers."""
    oauth.camel_case = True
    flow = attrs.evolve(device, as_json=True, camel_case=True, extra={"startUrl": "https://acme.test"})
    token = await _login(http, _approving(oauth), flow, time)
    assert upstream.seen[0].json == {"clientId": "client-test", "startUrl": "https://acme.test"}
    assert oauth.knows(token.access_token.reveal())
    assert token.refresh_token is not None
    assert token.expires_at == time() + 3600


async def test_cancelled(http: httpx.AsyncClient, device: DeviceFlow, oauth: ScriptedOAuth) -> None:
    """It ends in the middle of a pause, and asks nothing more."""
    waits = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    login = asyncio.create_task(device_code(http, Noting(), device, sleep=sleep))
    await waits.wait()
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    assert oauth.polls == []


def _begun(upstream: ScriptedUpstream, **changed: Any) -> None:
    """Let the server begin, with some members changed or left out; what follows is for a script to say."""
    begun = {
        "device_code": "device-test",
        "user_code": "ABCD-1234",
        "verification_uri": "https://acme.test/device",
        "expires_in": 900,
        "interval": 5,
    } | changed
    upstream.on("/device", Answer.json({name: value for name, value in begun.items() if value is not None}))
    upstream._routes.pop("/token", None)
    upstream.default = _error("authorization_pending")


def _answers(upstream: ScriptedUpstream, *answers: Answer) -> None:
    upstream._routes.pop("/token", None)
    upstream.add(*answers)


def _error(code: str, status: int = 400, **more: Any) -> Answer:
    return Answer.json({"error": code, **more}, status)
