"""The scripted token server: it refuses what the standards refuse."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gaud_core.testing import ScriptedOAuth, ScriptedUpstream

pytestmark = pytest.mark.anyio

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
VERIFIER = "test-verifier-" + "v" * 40
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "http://127.0.0.1:4711/callback"


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
def time() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
async def oauth(upstream: ScriptedUpstream, time: Clock) -> ScriptedOAuth:
    """The server."""
    server = ScriptedOAuth(clock=time)
    server.install(upstream)
    return server


async def _post(client: httpx.AsyncClient, path: str, **fields: str) -> tuple[int, dict[str, Any]]:
    answer = await client.post(path, data={"client_id": "client-test", **fields})
    return answer.status_code, answer.json()


async def _poll(client: httpx.AsyncClient, code: str) -> str:
    _, answer = await _post(client, "/token", grant_type=DEVICE, device_code=code)
    return str(answer.get("error") or answer["access_token"])


async def _browser_code(client: httpx.AsyncClient, **changed: str) -> httpx.Response:
    asked = {
        "client_id": "client-test",
        "response_type": "code",
        "redirect_uri": BACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "s" * 22,
    }
    return await client.get("/authorize", params=asked | changed)


async def _code(client: httpx.AsyncClient) -> str:
    back = (await _browser_code(client)).headers["location"]
    return parse_qs(urlsplit(back).query)["code"][0]


async def _exchange(client: httpx.AsyncClient, known: str, **changed: str) -> tuple[int, dict[str, Any]]:
    fields = {"code": known, "redirect_uri": BACK, "code_verifier": VERIFIER} | changed
    return await _post(client, "/token", grant_type="authorization_code", **fields)


async def test_device_code(client: httpx.AsyncClient, oauth: ScriptedOAuth, time: Clock) -> None:
    """Pending until the person has agreed, then a token, once."""
    _, begun = await _post(client, "/device")
    assert (begun["interval"], begun["expires_in"]) == (5, 900)
    told = []
    for _ in range(3):
        time.now += 5
        told.append(await _poll(client, begun["device_code"]))
        oauth.approve() if len(told) == 1 else None
    assert told[0] == "authorization_pending"
    assert oauth.knows(told[1])
    assert told[2] == "invalid_grant"


async def test_asking_too_early(client: httpx.AsyncClient, oauth: ScriptedOAuth, time: Clock) -> None:
    """It says to slow down and means it: five seconds more from then on, also when the code is approved."""
    _, begun = await _post(client, "/device")
    oauth.approve()
    told = []
    for passed in (4.9, 5, 9.9, 14.9, 20):
        time.now += passed
        told.append(await _poll(client, begun["device_code"]))
    assert told == ["slow_down"] * 5
    assert oauth.slowed == 5
    time.now += 30
    assert oauth.knows(await _poll(client, begun["device_code"]))


async def test_denied_and_expired(client: httpx.AsyncClient, oauth: ScriptedOAuth, time: Clock) -> None:
    """Both are final."""
    codes = [(await _post(client, "/device"))[1]["device_code"] for _ in range(2)]
    oauth.deny()
    time.now += 5
    assert await _poll(client, codes[1]) == "access_denied"
    time.now += 900
    assert await _poll(client, codes[0]) == "expired_token"
    assert oauth.refusals == ["access_denied", "expired_token"]


@pytest.mark.parametrize("path", ["/device", "/token"])
async def test_unknown_client(client: httpx.AsyncClient, oauth: ScriptedOAuth, path: str) -> None:
    """Refused with 401, also when it is named twice or in a body of another kind."""
    assert (await _post(client, path, client_id="other"))[1]["error"] == "invalid_client"
    twice = b"client_id=client-test&client_id=client-test"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post(path, content=twice, headers=form)).status_code == 401
    assert (await client.post(path, content=b"client_id=client-test")).status_code == 401
    assert (await client.get(path, params={"client_id": "client-test"})).status_code == 401


async def test_wrong_scope(client: httpx.AsyncClient, oauth: ScriptedOAuth) -> None:
    """Where one is asked for."""
    oauth.scope = "read"
    assert (await _post(client, "/device"))[1]["error"] == "invalid_scope"
    assert (await _post(client, "/device", scope="read"))[0] == 200


async def test_unknown_grant(client: httpx.AsyncClient, oauth: ScriptedOAuth) -> None:
    """The kind of grant must be one of the three."""
    assert (await _post(client, "/token", grant_type="password"))[1]["error"] == "unsupported_grant_type"


async def test_browser(client: httpx.AsyncClient, oauth: ScriptedOAuth) -> None:
    """The code is good for a token, once."""
    code = await _code(client)
    status, answer = await _exchange(client, code)
    assert status == 200
    assert oauth.knows(answer["access_token"])
    assert (await _exchange(client, code))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "other"},
        {"response_type": "token"},
        {"redirect_uri": "https://evil.test/"},
        {"code_challenge_method": "plain"},
        {"code_challenge": VERIFIER},
        {"state": "short"},
    ],
)
async def test_bad_addresses(
    client: httpx.AsyncClient, oauth: ScriptedOAuth, changed: dict[str, str]
) -> None:
    """The browser is not sent back with a code."""
    assert (await _browser_code(client, **changed)).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": VERIFIER + "x"},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": BACK + "/"},
        {"code": "other"},
    ],
)
async def test_bad_exchanges(
    client: httpx.AsyncClient, oauth: ScriptedOAuth, changed: dict[str, str]
) -> None:
    """The verifier must hash to the challenge; a failure uses the code up."""
    code = await _code(client)
    assert (await _exchange(client, code, **changed))[1]["error"] == "invalid_grant"
    again = (await _exchange(client, code))[1]
    assert ("access_token" in again) == ("code" in changed)


async def test_renewal(client: httpx.AsyncClient, oauth: ScriptedOAuth) -> None:
    """A refresh token is good once when they rotate, and for ever when they do not."""
    first = oauth.issue()["refresh_token"]
    _, second = await _post(client, "/token", grant_type="refresh_token", refresh_token=first)
    assert oauth.knows(second["access_token"])
    assert (await _post(client, "/token", grant_type="refresh_token", refresh_token=first))[0] == 400
    oauth.rotates = False
    for _ in range(2):
        fields = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
        assert "refresh_token" not in (await _post(client, "/token", **fields))[1]
    assert oauth.renewals == 3
    oauth.revoke_logins()
    assert not oauth.knows(second["access_token"])
    assert (await _post(client, "/token", **fields))[1]["error"] == "invalid_grant"


async def test_camel_case(client: httpx.AsyncClient, oauth: ScriptedOAuth) -> None:
    """It takes JSON in that spelling only, and answers so."""
    oauth.camel_case = True
    assert (await client.post("/device", data={"client_id": "client-test"})).status_code == 401
    begun = (await client.post("/device", json={"clientId": "client-test"})).json()
    assert {"deviceCode", "userCode", "verificationUri", "expiresIn"} <= set(begun)
