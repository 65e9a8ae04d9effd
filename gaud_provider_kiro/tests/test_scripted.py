"""The scripted Kiro itself: it refuses what the real one refuses, and writes frames as AWS does."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import httpx
import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]

from gaud_core.testing import ScriptedUpstream

from .kiro import MODELS, PROFILE, ScriptedKiro

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To load the certificates of the world for each client takes longer than a test."""
REQUEST: Mapping[str, Any] = {
    "conversationState": {
        "conversationId": "c",
        "chatTriggerType": "MANUAL",
        "currentMessage": {"userInputMessage": {"content": "Hi", "modelId": "auto", "origin": "AI_EDITOR"}},
    }
}
CLI: Mapping[str, str] = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "AmazonCodeWhispererStreamingService.GenerateAssistantResponse",
}


@attrs.frozen
class Client:
    """Speaks to it as Kiro's programs do, but for what a test changes."""

    http: httpx.Client
    kiro: ScriptedKiro
    token: str
    now: list[float]

    def call(
        self, body: Any = REQUEST, path: str = "/generateAssistantResponse", **headers: str
    ) -> httpx.Response:
        """Make a call."""
        usual = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "user-agent": f"aws-sdk-js/1.0.34 m/E KiroIDE-0.8.0-{'0' * 64}",
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = json.dumps(body, separators=(",", ":"))
        return self.http.post(path, content=content, headers={**usual, **given})

    def ask(self, path: str, **fields: Any) -> httpx.Response:
        """Ask a sign-in."""
        return self.http.post(path, json=fields)


@pytest.fixture
def client() -> Iterator[Client]:
    """One with a good token."""
    now = [1_800_000_000.0]
    kiro = ScriptedKiro(clock=lambda: now[0])
    with ScriptedUpstream.in_thread() as upstream:
        kiro.install(upstream)
        with httpx.Client(base_url=upstream.url, trust_env=False, verify=_NO_TLS) as http:
            yield Client(http, kiro, kiro.issue()["access_token"], now)


def test_a_good_call(client: Client) -> None:
    """It is answered with frames that Amazon's own reader takes."""
    answer = client.call()
    buffer = EventStreamBuffer()
    buffer.add_data(answer.content)
    kinds = [message.headers[":event-type"] for message in buffer]
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert kinds == ["assistantResponseEvent"] * 2 + ["meteringEvent", "contextUsageEvent"]


def test_a_good_call_of_the_other_program(client: Client) -> None:
    """With its own path, target and origin."""
    body = json.loads(json.dumps(REQUEST).replace("AI_EDITOR", "CLI"))
    headers = {name.replace("-", "_"): value for name, value in CLI.items()}
    assert client.call(body, "/", **headers).status_code == 200


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"path": "/other"}, 404),
        ({"content_type": "text/plain"}, 404),
        ({"x_amz_target": CLI["x-amz-target"]}, 404),
        ({"user_agent": "curl/8"}, 403),
        ({"authorization": "Bearer stale"}, 403),
        ({"authorization": "Bearer ksk_test", "tokentype": "API_KEY"}, 401),
        ({"body": {**REQUEST, "profileArn": PROFILE}}, 403),
        ({"body": json.loads(json.dumps(REQUEST).replace("AI_EDITOR", "CLI"))}, 403),
        ({"body": json.loads(json.dumps(REQUEST).replace('"Hi"', '""'))}, 400),
    ],
)
def test_calls_that_are_refused(client: Client, changed: dict[str, Any], status: int) -> None:
    """Each for one thing, and it is noted."""
    answer = client.call(**changed)
    assert answer.status_code == status
    assert client.kiro.refusals or client.kiro.broken
    assert client.kiro.taken == []


def test_a_login_with_google_must_name_its_profile(client: Client) -> None:
    """And gets it with its token; a refresh token is good once."""
    refresh = client.kiro.social()
    told = client.ask("/refreshToken", refreshToken=refresh).json()
    bearer = f"Bearer {told['accessToken']}"
    assert told["profileArn"] == PROFILE
    assert client.call(authorization=bearer).status_code == 403
    assert client.call({**REQUEST, "profileArn": PROFILE}, authorization=bearer).status_code == 200
    assert client.ask("/refreshToken", refreshToken=refresh).json()["error"] == "invalid_grant"
    assert client.ask("/refreshToken", refreshToken=told["refreshToken"]).status_code == 200


def test_the_device_login(client: Client) -> None:
    """Registered, begun, too early, approved, and renewed; each with the client's secret, and as JSON."""
    scopes = ["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"]
    who = client.ask("/client/register", clientName="x", clientType="public", scopes=scopes).json()
    known = {"clientId": who["clientId"], "clientSecret": who["clientSecret"]}
    assert client.ask("/client/register", clientType="public", scopes=[]).status_code == 400
    assert client.ask("/device_authorization", startUrl="https://x.example", **known).status_code == 400
    begun = client.ask("/device_authorization", startUrl="https://view.awsapps.com/start", **known).json()
    polled = {"grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": begun["deviceCode"]}
    assert client.ask("/token", **known, **polled).json()["error"] == "slow_down"
    client.now[0] += 60
    assert client.ask("/token", **known, **polled).json()["error"] == "authorization_pending"
    client.kiro.approve()
    client.now[0] += 60
    token = client.ask("/token", **known, **polled).json()
    assert client.call(authorization=f"Bearer {token['accessToken']}").status_code == 200
    renewal = {"grantType": "refresh_token", "refreshToken": token["refreshToken"]}
    assert client.http.post("/token", data={**known, **renewal}).status_code == 400
    assert client.ask("/token", clientId="client-test", **renewal).json()["error"] == "invalid_client"
    assert client.ask("/token", **known, **renewal).status_code == 200
    assert client.ask("/token", **known, **renewal).json()["error"] == "invalid_grant"


def test_the_lists(client: Client) -> None:
    """Two pages of models, and the limits; for those who have a token."""
    headers = {"authorization": f"Bearer {client.token}", "user-agent": f"aws-sdk-js/1 KiroIDE-1-{'0' * 64}"}
    first = client.http.get("/ListAvailableModels?origin=AI_EDITOR", headers=headers).json()
    second = client.http.get(f"/ListAvailableModels?nextToken={first['nextToken']}", headers=headers).json()
    assert [*first["models"], *second["models"]] == MODELS
    assert client.http.get("/getUsageLimits", headers=headers).json()["usageBreakdownList"]
    assert client.http.get("/getUsageLimits").status_code == 403
