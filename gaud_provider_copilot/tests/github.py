"""GitHub and Copilot as far as a client sees them: strict, and with every quirk that is known.

It refuses what the real ones refuse, and notes why in `refusals`.
"""

from __future__ import annotations

import copy
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from gaud_core.testing import Answer, ScriptedUpstream, Seen

from .answering import MODELS, answer_to

__all__ = ["CLIENT_ID", "PREMIUM", "ScriptedGitHub"]

CLIENT_ID = "Iv1.b507a08c87ecfe98"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PREMIUM = "x-quota-snapshot-premium_interactions"

_IMAGES = ("image_url", "input_image", "image")
_BETAS = {"interleaved-thinking-2025-05-14"}
_EXHAUSTED = {"code": "quota_exceeded", "message": "You have exceeded your premium request allowance."}


@attrs.define
class _Device:
    until: float
    interval: float
    asked_at: float
    decision: str = "authorization_pending"


@attrs.define(eq=False)
class ScriptedGitHub:
    """Answers for both; `install` puts it on a ScriptedUpstream, which stands for every host."""

    clock: Callable[[], float] = time.time
    upstream: ScriptedUpstream | None = None
    interval: float = 5.0
    expires_in: float = 900.0
    lifetime: float = 1800.0
    refresh_in: float = 1500.0
    pace: float | None = None
    """The interval that it holds people to, if that is not the one that it tells."""
    decision: str = "authorization_pending"
    """What the person has decided before the code is there: `approved` or `access_denied`."""
    models: list[Any] = attrs.field(factory=lambda: copy.deepcopy(MODELS))
    no_access: Mapping[str, Any] | None = None
    """What the exchange answers with 403 instead of a token."""
    more: Mapping[str, Any] = attrs.field(factory=dict)
    """Further members of the exchange's answer, in the place of the usual ones."""
    entitlement: float = 300.0
    used: float = 0.0
    """How many premium requests were taken."""
    api: str | None = None
    """The address of the API that the exchange names, if it is not this server."""
    answer: Callable[[Seen], Answer] | None = None
    """Answers a good call; without it a plain completion."""
    refusals: list[str] = attrs.field(factory=list)
    polls: list[float] = attrs.field(factory=list)
    slowed: int = 0
    exchanges: int = 0
    renewals: int = 0
    """Exchanges of a login that was exchanged before."""
    initiators: list[str] = attrs.field(factory=list)
    given: list[str] = attrs.field(factory=list)
    down: int = 0
    """How many more exchanges fail with a page of HTML."""
    exchangeable: bool = True
    """Whether logins are by an app that may exchange them."""
    _made: int = 0
    _devices: dict[str, _Device] = attrs.field(factory=dict)
    _logins: dict[str, bool] = attrs.field(factory=dict)
    _tokens: dict[str, float] = attrs.field(factory=dict)

    def install(self, upstream: ScriptedUpstream) -> None:
        """Answer at all paths of both."""
        self.upstream = upstream
        upstream.on("/login/device/code", self._device_code)
        upstream.on("/login/oauth/access_token", self._access_token)
        upstream.on("/copilot_internal/v2/token", self._exchange)
        upstream.on("/copilot_internal/user", self._user)
        upstream.on("/user", self._account)
        upstream.on("/models", lambda seen: self._refusal(seen) or self._list())
        upstream.default = self.call

    def approve(self) -> None:
        """Let the person type the newest code in, and agree."""
        list(self._devices.values())[-1].decision = "approved"

    def deny(self) -> None:
        """Let the person refuse the newest code."""
        list(self._devices.values())[-1].decision = "access_denied"

    def knows(self, token: str) -> bool:
        """Whether a token of Copilot is good now."""
        return self.clock() < self._tokens.get(token, 0.0)

    def revoke(self) -> None:
        """Let every token of Copilot end now."""
        self._tokens.clear()

    def revoke_logins(self) -> None:
        """Let every login end too, as when the user revokes the app."""
        self._tokens.clear()
        self._logins.clear()

    def new_login(self) -> str:
        """Give a token of GitHub as after a login."""
        login = f"ghu-test-{self._next()}"
        self._logins[login] = False
        self.given.append(login)
        return login

    def new_token(self) -> str:
        """Give a token of Copilot as after an exchange."""
        token = f"tid=test{self._next()};exp={int(self.clock() + self.lifetime)};sku=test;chat=1:mac"
        self._tokens[token] = self.clock() + self.lifetime
        self.given.append(token)
        return token

    def call(self, seen: Seen) -> Answer:
        """Answer a call, or refuse it as Copilot would."""
        if refusal := self._refusal(seen) or self._wrong_call(seen):
            return refusal
        if (premium := self._bill(seen)) is None:
            body = json.dumps(_EXHAUSTED).encode()
            return Answer.whole(body, 402, {"retry-after": "3600"}, "text/plain; charset=utf-8")
        answer = self.answer(seen) if self.answer else answer_to(seen)
        told = [(PREMIUM, premium), ("x-request-id", seen.header("x-request-id") or "")]
        return attrs.evolve(answer, headers=[*answer.headers, *told])

    # GitHub

    def _device_code(self, seen: Seen) -> Answer:
        fields = json.loads(seen.body)
        if seen.header("accept") != "application/json":
            return self._github(400, "form answers are not scripted: ask for JSON")
        if fields.get("client_id") != CLIENT_ID or not fields.get("scope"):
            return self._github(404, "Not Found")
        code, number = f"device-test-{self._next()}", self._made
        now, pace = self.clock(), self.pace or self.interval
        self._devices[code] = _Device(now + self.expires_in, pace, now, self.decision)
        return Answer.json(
            {
                "device_code": code,
                "user_code": f"TEST-{number:04d}",
                "verification_uri": "https://github.com/login/device",
                "expires_in": self.expires_in,
                "interval": self.interval,
            }
        )

    def _access_token(self, seen: Seen) -> Answer:
        """Answer 200 whatever comes of it, as GitHub does."""
        fields, now = json.loads(seen.body), self.clock()
        self.polls.append(now)
        device = self._devices.get(fields.get("device_code", ""))
        if fields.get("client_id") != CLIENT_ID or fields.get("grant_type") != GRANT or device is None:
            return self._login_error("incorrect_device_code")
        early, device.asked_at = now - device.asked_at < device.interval, now
        if now >= device.until:
            return self._login_error("expired_token")
        if early:
            self.slowed += 1
            device.interval += 5
            return Answer.json({"error": "slow_down", "interval": device.interval})
        if device.decision == "authorization_pending":
            return Answer.json({"error": device.decision, "error_description": "Not yet."})
        del self._devices[fields["device_code"]]
        if device.decision != "approved":
            return self._login_error(device.decision)
        return Answer.json(
            {"access_token": self.new_login(), "token_type": "bearer", "scope": fields.get("scope", "")}
        )

    def _login(self, seen: Seen) -> str:
        """Give the login that a question comes with, empty if it is none."""
        scheme, _, login = (seen.header("authorization") or "").partition(" ")
        return login if scheme == "token" and login in self._logins else ""

    def _exchange(self, seen: Seen) -> Answer:
        if self.down:
            self.down -= 1
            return Answer.html("<html>Unicorn!</html>", 503)
        login = self._login(seen)
        if not login:
            return self._github(401, "Bad credentials")
        if not self.exchangeable:
            return self._github(404, "Not Found")
        if self.no_access is not None:
            return Answer.json(dict(self.no_access), 403)
        self.exchanges += 1
        self.renewals += self._logins[login]
        self._logins[login] = True
        assert self.upstream is not None
        return Answer.json(
            {
                "token": self.new_token(),
                "expires_at": int(self.clock() + self.lifetime),
                "refresh_in": self.refresh_in,
                "endpoints": {"api": self.api or self.upstream.url, "telemetry": "https://telemetry.test"},
                "sku": "monthly_subscriber",
                "limited_user_quotas": None,
                **self.more,
            }
        )

    def _account(self, seen: Seen) -> Answer:
        return (
            Answer.json({"login": "octo-test"}) if self._login(seen) else self._github(401, "Bad credentials")
        )

    def _user(self, seen: Seen) -> Answer:
        if not self._login(seen):
            return self._github(401, "Bad credentials")
        left = self.entitlement - self.used
        endless = {"entitlement": 0, "remaining": 0, "unlimited": True}
        premium = {"entitlement": self.entitlement, "remaining": int(left), "quota_remaining": left}
        premium |= {"unlimited": False, "overage_count": 0, "overage_permitted": False}
        return Answer.json(
            {
                "copilot_plan": "individual",
                "quota_reset_date": "2026-12-01",
                "quota_reset_date_utc": "2026-12-01T00:00:00.000Z",
                "quota_snapshots": {"chat": endless, "premium_interactions": premium},
            }
        )

    # Copilot

    def _list(self) -> Answer:
        return Answer.json({"object": "list", "data": self.models})

    def _refusal(self, seen: Seen) -> Answer | None:
        """Refuse a request without what every request needs."""
        scheme, _, token = (seen.header("authorization") or "").partition(" ")
        if scheme != "Bearer" or not self.knows(token):
            return self._text(401, "unauthorized: token expired")
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", seen.header("editor-version") or ""):
            return self._text(400, "bad request: missing Editor-Version header for IDE auth")
        if seen.header("copilot-integration-id") != "vscode-chat":
            return self._text(403, "forbidden: unknown integration")
        try:
            uuid.UUID(seen.header("x-request-id") or "")
        except ValueError:
            return self._text(400, "bad request: X-Request-Id")
        return None

    def _wrong_call(self, seen: Seen) -> Answer | None:
        told = json.loads(seen.body)
        entry = self._entry(told.get("model"))
        policy = (entry or {}).get("policy") or {"state": "enabled"}
        if entry is None or policy["state"] != "enabled":
            return self._error("The requested model is not supported.", "model_not_supported", "model")
        is_embedding = entry.get("capabilities", {}).get("type") == "embeddings"
        served = ["/embeddings"] if is_embedding else entry.get("supported_endpoints", ["/chat/completions"])
        if seen.path not in served:
            return self._error(f"model is not accessible via the {seen.path} endpoint", "unsupported_api")
        if _has_image(told) != (seen.header("copilot-vision-request") == "true"):
            return self._text(400, "missing required Copilot-Vision-Request header for vision requests")
        if not is_embedding and seen.header("x-initiator") not in {"user", "agent"}:
            return self._text(400, "bad request: X-Initiator")
        return self._wrong_member(seen, told)

    def _wrong_member(self, seen: Seen, told: dict[str, Any]) -> Answer | None:
        unsupported = "unsupported_parameter"
        is_new = str(told["model"]).startswith(("gpt-5", "o1", "o3"))
        match seen.path:
            case "/chat/completions" if "max_tokens" in told and is_new:
                return self._error("Unsupported parameter: 'max_tokens'.", unsupported, "max_tokens")
            case "/embeddings" if not isinstance(told.get("input"), list):
                return self._error("input must be a list", "invalid_request_body", "input")
            case "/responses" if told.get("service_tier") is not None:
                return self._error("Unsupported parameter: service_tier", unsupported, "service_tier")
            case "/v1/messages" if not seen.header("anthropic-version"):
                return self._text(400, "anthropic-version: header is required")
            case "/v1/messages" if (
                set(filter(None, (seen.header("anthropic-beta") or "").split(","))) - _BETAS
            ):
                return self._text(400, "unsupported beta header(s)")
        return None

    def _entry(self, name: Any) -> dict[str, Any] | None:
        return next((m for m in self.models if isinstance(m, dict) and m.get("id") == name), None)

    def _bill(self, seen: Seen) -> str | None:
        """Take a premium request times the multiplier for a user's turn; give the quota header.

        Nothing if there is not as much left.
        """
        entry = self._entry(json.loads(seen.body)["model"]) or {}
        initiator = seen.header("x-initiator")
        if initiator:
            self.initiators.append(initiator)
        price = entry.get("billing", {}).get("multiplier", 0) if initiator == "user" else 0
        if self.used + price > self.entitlement:
            return None
        self.used += price
        percent = 100 * (self.entitlement - self.used) / self.entitlement
        reset = "2026-12-01T00%3A00%3A00Z"
        return f"ent={self.entitlement:g}&ov=0.0&ovPerm=false&rem={percent:.1f}&rst={reset}"

    def _login_error(self, code: str) -> Answer:
        self.refusals.append(code)
        return Answer.json({"error": code, "error_description": f"Refused: {code}.", "error_uri": ""})

    def _github(self, status: int, message: str) -> Answer:
        self.refusals.append(message)
        told = {
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(status),
        }
        return Answer.json(told, status)

    def _text(self, status: int, message: str) -> Answer:
        self.refusals.append(message)
        return Answer.whole(f"{message}\n".encode(), status, content_type="text/plain; charset=utf-8")

    def _error(self, message: str, code: str, param: str | None = None) -> Answer:
        """Give an error as Copilot does: JSON that is called plain text."""
        self.refusals.append(message)
        error = {"message": message, "code": code, "param": param, "type": "invalid_request_error"}
        body = json.dumps({"error": error}, separators=(",", ":")) + "\n"
        return Answer.whole(body.encode(), 400, content_type="text/plain; charset=utf-8")

    def _next(self) -> int:
        self._made += 1
        return self._made


def _has_image(value: Any) -> bool:
    """Whether an image is anywhere in a request."""
    if isinstance(value, dict):
        return value.get("type") in _IMAGES or any(map(_has_image, value.values()))
    return isinstance(value, list) and any(map(_has_image, value))
