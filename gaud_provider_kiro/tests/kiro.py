"""Kiro and its sign-ins as far as a client sees them: strict, and with every kind of event.

It refuses what the real ones refuse, and notes why in `refusals` and `broken`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from gaud_core.testing import Answer, ScriptedOAuth, ScriptedUpstream, Seen

from .eventstream import event, exception
from .rules import broken_rules

__all__ = ["LIMITS", "MODELS", "PROFILE", "TAIL", "ScriptedKiro", "answer", "calls", "refusal", "says"]

PROFILE = "arn:aws:codewhisperer:us-east-1:123456789012:profile/TESTPROFILE"
TAIL = (
    event("meteringEvent", {"usage": 0.25, "unit": "credit", "unitPlural": "credits"}),
    event("contextUsageEvent", {"contextUsagePercentage": 4.0}),
)
"""What comes near the end of every whole answer."""

_AGENT = re.compile(r"aws-sdk-js/.* KiroIDE-[0-9.]+-[0-9a-f]{64}")
_TARGET = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse"
_SCOPES = ["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"]
START_URL = "https://view.awsapps.com/start"


def model(name: str, rate: float, window: int, **more: Any) -> dict[str, Any]:
    """One entry of the list of models."""
    limits = {"maxInputTokens": window, "maxOutputTokens": 64000}
    return {
        "modelId": name,
        "modelName": name.title(),
        "description": f"The model {name}.",
        "rateMultiplier": rate,
        "rateUnit": "Credit",
        "tokenLimits": limits,
        "supportedInputTypes": ["TEXT", "IMAGE"],
        "supportsPromptCache": True,
        **more,
    }


MODELS: list[Any] = [
    model("auto", 1.0, 200000),
    model("claude-sonnet-4.5", 1.3, 200000),
    model("claude-haiku-4.5", 0.4, 100000, tokenLimits={"maxInputTokens": 100000, "maxOutputTokens": None}),
    {"modelId": "bare"},
    {"modelName": "without an id"},
    "rubbish",
]
LIMITS: dict[str, Any] = {
    "nextDateReset": 4_000_000_000.0,
    "daysUntilReset": 2,
    "usageBreakdownList": [
        {
            "resourceType": "CREDIT",
            "displayName": "Credit",
            "displayNamePlural": "Credits",
            "currentUsage": 10,
            "currentUsageWithPrecision": 10.5,
            "usageLimit": 50,
            "usageLimitWithPrecision": 50.0,
            "freeTrialInfo": {
                "freeTrialStatus": "ACTIVE",
                "freeTrialExpiry": 3_900_000_000.0,
                "currentUsage": 1,
                "usageLimit": 500,
            },
        },
        {"resourceType": "SPEC"},
        "rubbish",
    ],
    "subscriptionInfo": {"type": "Q_DEVELOPER_STANDALONE_FREE", "subscriptionTitle": "KIRO FREE"},
    "userInfo": {"userId": "u-test", "email": "test@example.com"},
}


def answer(*frames: bytes, tail: Iterable[bytes] = TAIL) -> Answer:
    """An answer of these frames, each in a piece of its own, and the usual end."""
    return Answer.stream([*frames, *tail], content_type="application/vnd.amazon.eventstream")


def says(pieces: Sequence[str], tail: Iterable[bytes] = TAIL) -> Answer:
    """An answer that is text."""
    texts = [event("assistantResponseEvent", {"content": piece, "modelId": "auto"}) for piece in pieces]
    return answer(*texts, tail=tail)


def calls(name: str, arguments: Sequence[str], id: str = "tooluse_test1") -> list[bytes]:
    """The frames of a tool call: its name, its arguments in pieces, its end."""
    head = {"toolUseId": id, "name": name}
    pieces = [event("toolUseEvent", {**head, "input": piece}) for piece in arguments]
    return [event("toolUseEvent", head), *pieces, event("toolUseEvent", {**head, "stop": True})]


def refusal(status: int, message: str, reason: str | None = None, retry_after: int | None = None) -> Answer:
    """A refusal as Kiro gives it."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Answer.json({"message": message, "reason": reason}, status, headers)


@attrs.define(eq=False)
class ScriptedKiro(ScriptedOAuth):
    """Answers for all three; `install` puts it on a ScriptedUpstream, which stands for every host.

    Its OAuth is AWS's; Kiro's own sign-in renews the tokens that `social` makes.
    """

    camel_case: bool = True
    answers: Callable[[Seen], Answer] | None = None
    """Answers a good call; without it a short text."""
    models: list[Any] = attrs.field(factory=lambda: list(MODELS))
    limits: Any = attrs.field(factory=lambda: dict(LIMITS))
    keys: set[str] = attrs.field(factory=set)
    """API keys that are good."""
    broken: list[str] = attrs.field(factory=list)
    """The rules that requests broke."""
    taken: list[Any] = attrs.field(factory=list)
    """The requests that were good."""
    social_renewals: int = 0
    _of_social: set[str] = attrs.field(factory=set)

    def install(self, upstream: ScriptedUpstream, prefix: str = "") -> None:
        """Answer at all paths."""
        upstream.on("/client/register", self._register)
        upstream.on("/device_authorization", lambda seen: self._authorize_device(seen, upstream.url))
        upstream.on("/token", self._sso_token)
        upstream.on("/refreshToken", self._social_token)
        upstream.on("/ListAvailableModels", self._list_models)
        upstream.on("/getUsageLimits", self._list_limits)
        upstream.default = self.call

    def social(self) -> str:
        """A refresh token as a login with Google gives it: long."""
        token = self._new_refresh() + "-" + "s" * 100
        self._refresh.add(token)
        self.given.append(token)
        return token

    def call(self, seen: Seen) -> Answer:
        """Check a call, and answer it."""
        if (problem := self._bad_call(seen)) is not None:
            return problem
        request = json.loads(seen.body)
        if found := broken_rules(request, len(seen.body)):
            self.broken += found
            return refusal(400, "Improperly formed request.")
        self.taken.append(request)
        return self.answers(seen) if self.answers else says(["Hello", " there"])

    def _bad_call(self, seen: Seen) -> Answer | None:
        as_json = seen.header("x-amz-target") == _TARGET
        kind, path, origin = (
            ("application/x-amz-json-1.0", "/", "CLI")
            if as_json
            else (
                "application/json",
                "/generateAssistantResponse",
                "AI_EDITOR",
            )
        )
        if (seen.method, seen.path, seen.header("content-type")) != ("POST", path, kind):
            return self._no(404, f"no such operation: {seen.method} {seen.path}")
        if f'"origin":"{origin}"'.encode() not in seen.body:
            return self._no(403, "the origin does not fit the target")
        return self._bad_token(seen) or self._bad_profile(seen)

    def _bad_token(self, seen: Seen) -> Answer | None:
        if not _AGENT.match(seen.header("user-agent") or ""):
            return self._no(403, "who is this?")
        token = (seen.header("authorization") or "").removeprefix("Bearer ")
        if seen.header("tokentype") == "API_KEY":
            return None if token in self.keys else self._no(401, "no such key")
        if self.knows(token):
            return None
        self.refusals.append("stale token")
        return refusal(403, "The bearer token included in the request is invalid.")

    def _bad_profile(self, seen: Seen) -> Answer | None:
        """A login with Google or GitHub must name its profile, and no other may name one."""
        token = (seen.header("authorization") or "").removeprefix("Bearer ")
        if json.loads(seen.body).get("profileArn") == (PROFILE if token in self._of_social else None):
            return None
        return self._no(403, "The profile of this request is not the account's.")

    def _no(self, status: int, why: str) -> Answer:
        self.refusals.append(why)
        return refusal(status, why)

    def _register(self, seen: Seen) -> Answer:
        asked = json.loads(seen.body)
        if (
            asked.get("clientType") != "public"
            or asked.get("scopes") != _SCOPES
            or not asked.get("clientName")
        ):
            return self._refuse("invalid_request")
        return Answer.json(
            {
                "clientId": self.client_id,
                "clientSecret": "client-secret-test",
                "clientIdIssuedAt": 1,
                "clientSecretExpiresAt": 4_000_000_000,
            }
        )

    def _authorize_device(self, seen: Seen, url: str) -> Answer:
        asked = json.loads(seen.body)
        if asked.get("startUrl") != START_URL or asked.get("clientSecret") != "client-secret-test":
            return self._refuse("invalid_client")
        return self._device(seen, url)

    def _sso_token(self, seen: Seen) -> Answer:
        if seen.header("content-type") != "application/json":
            return self._refuse("invalid_request")
        if json.loads(seen.body).get("clientSecret") != "client-secret-test":
            return self._refuse("invalid_client")
        return self._token(seen)

    def _social_token(self, seen: Seen) -> Answer:
        asked = json.loads(seen.body)
        refresh = asked.get("refreshToken", "")
        if seen.header("content-type") != "application/json" or refresh not in self._refresh:
            self.refusals.append("invalid_grant")
            words = {"error": "invalid_grant", "error_description": "Invalid refresh token provided"}
            return Answer.json(words, 400)
        self.social_renewals += 1
        access = self._tokens("")["access_token"]
        self._of_social.add(access)
        told: dict[str, Any] = {"accessToken": access, "expiresIn": int(self.lifetime), "profileArn": PROFILE}
        if self.rotates:
            self._refresh.discard(refresh)
            told["refreshToken"] = self.social()
        return Answer.json(told)

    def _list_models(self, seen: Seen) -> Answer:
        """In two pages."""
        if (problem := self._bad_token(seen)) is not None:
            return problem
        half = len(self.models) // 2
        if "nextToken=more" in seen.target:
            return Answer.json({"models": self.models[half:], "nextToken": None})
        return Answer.json(
            {"models": self.models[:half], "defaultModel": self.models[0], "nextToken": "more"}
        )

    def _list_limits(self, seen: Seen) -> Answer:
        return self._bad_token(seen) or Answer.json(self.limits)


def cut(frames: Sequence[bytes]) -> Answer:
    """An answer that ends without its tail."""
    return answer(*frames, tail=())


def fails_within(text: str, kind: str, message: str = "", reason: str | None = None) -> Answer:
    """A text, and then an exception."""
    first = event("assistantResponseEvent", {"content": text})
    return answer(first, exception(kind, message, reason), tail=())
