"""The scripted GitHub refuses what the real one refuses: else the other tests would show nothing."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator
from typing import Any

import attrs
import httpx
import pytest

from gaud_core.testing import ScriptedUpstream

from .answering import MODELS, model
from .github import CLIENT_ID, GRANT, PREMIUM, ScriptedGitHub

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To load the certificates of the world for each client takes longer than a test."""
USERS = [{"role": "user", "content": "Hi"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@attrs.define
class Editor:
    """A client that does everything right, unless a test says otherwise."""

    http: httpx.Client
    github: ScriptedGitHub
    now: float = 1_800_000_000.0

    def device(self, **more: Any) -> httpx.Response:
        """Ask for a code."""
        fields = {"client_id": CLIENT_ID, "scope": "read:user", **more}
        return self.http.post("/login/device/code", json=fields, headers={"accept": "application/json"})

    def poll(self, code: str, **more: Any) -> Any:
        """Ask for the token of a code."""
        fields = {"client_id": CLIENT_ID, "device_code": code, "grant_type": GRANT, **more}
        answer = self.http.post("/login/oauth/access_token", json=fields)
        assert answer.status_code == 200  # whatever comes of it
        return answer.json()

    def exchange(self, authorization: str) -> httpx.Response:
        """Ask for a token of Copilot."""
        return self.http.get("/copilot_internal/v2/token", headers={"authorization": authorization})

    def headers(self, **changes: str | None) -> dict[str, str]:
        """Give the headers of a call, some of them changed or, with None, left out."""
        headers: dict[str, str | None] = {
            "authorization": f"Bearer {self.github.new_token()}",
            "editor-version": "vscode/1.104.3",
            "copilot-integration-id": "vscode-chat",
            "x-request-id": str(uuid.uuid4()),
            "x-initiator": "user",
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in headers.items() if value is not None}

    def call(self, path: str = "/chat/completions", **fields: Any) -> httpx.Response:
        """Make a call; `headers` in `fields` are changes of the usual ones."""
        changes = fields.pop("headers", {})
        told = {"model": "gpt-4o", "messages": USERS, **fields}
        return self.http.post(path, json=told, headers=self.headers(**changes))


@pytest.fixture
def editor() -> Iterator[Editor]:
    """The client, and a GitHub whose clock is the client's."""
    with ScriptedUpstream.in_thread() as upstream:
        github = ScriptedGitHub()
        github.install(upstream)
        with httpx.Client(base_url=upstream.url, trust_env=False, timeout=5, verify=_NO_TLS) as http:
            client = Editor(http, github)
            github.clock = lambda: client.now
            yield client


def test_device_flow(editor: Editor) -> None:
    """Pending, too early, and then the token, once."""
    begun = editor.device().json()
    assert begun.keys() == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}
    code = begun["device_code"]
    editor.now += 5
    assert editor.poll(code)["error"] == "authorization_pending"
    editor.now += 4
    early = editor.poll(code)
    assert (early["error"], early["interval"]) == ("slow_down", 10)
    editor.github.approve()
    editor.now += 10
    assert editor.poll(code)["token_type"] == "bearer"
    assert editor.poll(code)["error"] == "incorrect_device_code"


def test_device_flow_that_comes_to_nothing(editor: Editor) -> None:
    """Denied, expired, made up, by another app, or without JSON wanted."""
    code = editor.device().json()["device_code"]
    editor.github.deny()
    editor.now += 5
    assert editor.poll(code)["error"] == "access_denied"
    code = editor.device().json()["device_code"]
    editor.now += 900
    assert editor.poll(code)["error"] == "expired_token"
    assert editor.poll("made-up")["error"] == "incorrect_device_code"
    assert editor.poll(code, grant_type="password")["error"] == "incorrect_device_code"
    assert editor.device(client_id="Iv1.other").status_code == 404
    assert editor.http.post("/login/device/code", json={"client_id": CLIENT_ID}).status_code == 400


def test_exchange(editor: Editor) -> None:
    """Only a login with the scheme `token` is exchanged; a 404 is for another app's, a 403 says why."""
    login = editor.github.new_login()
    good = editor.exchange(f"token {login}").json()
    assert {"token", "expires_at", "refresh_in", "endpoints"} <= good.keys()
    assert good["endpoints"]["api"] == str(editor.http.base_url).rstrip("/")
    for wrong in (f"Bearer {login}", "token made-up", ""):
        answer = editor.exchange(wrong)
        assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    editor.github.exchangeable = False
    assert editor.exchange(f"token {login}").status_code == 404
    editor.github.exchangeable, editor.github.no_access = True, {"message": "No."}
    assert editor.exchange(f"token {login}").status_code == 403


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"authorization": None}, 401, "unauthorized: token expired"),
        ({"authorization": "Bearer made-up"}, 401, "unauthorized: token expired"),
        ({"authorization": "token made-up"}, 401, "unauthorized: token expired"),
        ({"editor_version": None}, 400, "Editor-Version"),
        ({"editor_version": "vscode"}, 400, "Editor-Version"),
        ({"copilot_integration_id": None}, 403, "integration"),
        ({"copilot_integration_id": "gaud"}, 403, "integration"),
        ({"x_request_id": "1"}, 400, "X-Request-Id"),
        ({"x_initiator": "somebody"}, 400, "X-Initiator"),
        ({"copilot_vision_request": "true"}, 400, "Copilot-Vision-Request"),
    ],
)
def test_headers(editor: Editor, headers: dict[str, str | None], status: int, words: str) -> None:
    """What is missing or wrong is refused, as plain text."""
    answer = editor.call(headers=headers)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert answer.headers["content-type"].startswith("text/plain")


def test_tokens_end(editor: Editor) -> None:
    """After half an hour, or when they are revoked."""
    headers = editor.headers()
    assert editor.http.get("/models", headers=headers).status_code == 200
    editor.now += 1800
    assert editor.http.get("/models", headers=headers).status_code == 401
    headers = editor.headers()
    editor.github.revoke()
    assert editor.http.get("/models", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        ("/chat/completions", {"model": "made-up"}, "model_not_supported"),
        ("/chat/completions", {"model": "gemini-2.5-pro"}, "model_not_supported"),
        ("/chat/completions", {"model": "gpt-5-codex"}, "unsupported_api"),
        ("/v1/chat/completions", {}, "unsupported_api"),
        ("/responses", {}, "unsupported_api"),
        ("/chat/completions", {"model": "gpt-5", "max_tokens": 9}, "unsupported_parameter"),
        ("/responses", {"model": "gpt-5", "service_tier": "auto"}, "unsupported_parameter"),
        ("/embeddings", {"model": "text-embedding-3-small", "input": "Hi"}, "invalid_request_body"),
    ],
)
def test_bodies(editor: Editor, path: str, fields: dict[str, Any], code: str) -> None:
    """Refused as JSON that is called plain text."""
    answer = editor.call(path, **fields)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert json.loads(answer.text)["error"]["code"] == code


def test_the_refusal_of_a_model_has_the_length_that_was_seen(editor: Editor) -> None:
    """138 bytes with the line's end: that is how the text is known."""
    assert len(editor.call(model="made-up").content) == 138


def test_an_image_without_its_header(editor: Editor) -> None:
    """It is refused, in each dialect."""
    content = [{"role": "user", "content": [IMAGE]}]
    assert editor.call(messages=content).status_code == 400
    assert editor.call(messages=content, headers={"copilot_vision_request": "true"}).status_code == 200
    picture = [{"role": "user", "content": [{"type": "input_image"}]}]
    assert editor.call("/responses", model="gpt-5", input=picture).status_code == 400


def test_anthropics_version(editor: Editor) -> None:
    """It must be there, and betas must be known."""
    claude = {"path": "/v1/messages", "model": "claude-sonnet-4.5"}
    assert editor.call(**claude).status_code == 400
    version = {"anthropic_version": "2023-06-01"}
    assert editor.call(**claude, headers=version).status_code == 200
    assert editor.call(**claude, headers={**version, "anthropic_beta": "made-up"}).status_code == 400


def test_billing(editor: Editor) -> None:
    """A user's turn takes the multiplier, an agent's nothing; header and page agree; then it is 402."""
    editor.github.models = [model("dear", billing={"multiplier": 150}), *MODELS]
    for initiator in ("user", "agent"):
        answer = editor.call(model="dear", headers={"x_initiator": initiator})
        assert "rem=50.0" in answer.headers[PREMIUM]
    login = {"authorization": f"token {editor.github.new_login()}"}
    page = editor.http.get("/copilot_internal/user", headers=login).json()
    assert page["quota_snapshots"]["premium_interactions"]["quota_remaining"] == 150
    assert [editor.call(model="dear").status_code for _ in range(2)] == [200, 402]
    assert editor.call().status_code == 200  # its multiplier is 0


def test_claudes_answers_are_split(editor: Editor) -> None:
    """Text and each tool call in a choice of its own, without an index; other models give one."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    choices = editor.call(model="claude-sonnet-4.5", tools=tools).json()["choices"]
    assert [choice["message"].keys() for choice in choices] == [
        {"role", "content"},
        {"role", "tool_calls"},
        {"role", "tool_calls"},
    ]
    assert not any("index" in choice for choice in choices)
    assert len(editor.call(tools=tools).json()["choices"]) == 1


def test_streams(editor: Editor) -> None:
    """A chunk without choices first, usage beside the last choice, and `[DONE]`."""
    events = editor.call(stream=True).text.strip().split("\n\n")
    first, *_, last, done = (event.removeprefix("data: ") for event in events)
    assert json.loads(first)["choices"] == []
    assert (json.loads(last)["choices"][0]["finish_reason"], "usage" in json.loads(last)) == ("stop", True)
    assert done == "[DONE]"


def test_the_list_has_entries_that_nobody_can_use(editor: Editor) -> None:
    """As the real one has."""
    data = editor.http.get("/models", headers=editor.headers()).json()["data"]
    assert any(not isinstance(entry, dict) or "id" not in entry for entry in data)
