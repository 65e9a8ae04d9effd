"""A token server that holds a client to RFC 6749, 7636 and 8628, for the tests of logins."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

from .answers import Answer
from .upstream import ScriptedUpstream, Seen

__all__ = ["ScriptedOAuth"]

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):\d+/.*")
_SLOWER_SECS = 5.0


@attrs.define(eq=False)
class _Device:
    """A device code that was given out."""

    user_code: str
    until: float
    interval: float
    asked_at: float
    decision: str = "authorization_pending"


@attrs.frozen
class _Grant:
    """A code that a browser was sent back with."""

    redirect_uri: str
    challenge: str


@attrs.define(eq=False)
class ScriptedOAuth:
    """Answers at `/device`, `/authorize` and `/token` of a ScriptedUpstream; `install` puts it there.

    It refuses what the standards refuse, and notes each refusal in `refusals`. `approve` and `deny` are the
    person in front of the browser. With `camel_case` it speaks the other spelling, as JSON only.
    """

    client_id: str = "client-test"
    scope: str | None = None
    clock: Callable[[], float] = time.time
    interval: float = 5.0
    expires_in: float = 900.0
    lifetime: float = 3600.0
    rotates: bool = True
    """Whether each renewal gives another refresh token, and the old one ends."""
    camel_case: bool = False
    complete_uri: bool = False
    at_once: bool = False
    """Whether the person agrees as soon as a code is given out."""
    refusals: list[str] = attrs.field(factory=list)
    """The error codes that were answered, the two that only mean `not yet` apart."""
    polls: list[float] = attrs.field(factory=list)
    """When each question about a device code came."""
    renewals: int = 0
    """How many refresh tokens were taken."""
    slowed: int = 0
    """How many questions came too early."""
    given: list[str] = attrs.field(factory=list)
    """Every token that was given out, of both kinds."""
    _made: int = 0
    _devices: dict[str, _Device] = attrs.field(factory=dict)
    _grants: dict[str, _Grant] = attrs.field(factory=dict)
    _access: set[str] = attrs.field(factory=set)
    _refresh: set[str] = attrs.field(factory=set)

    def install(self, upstream: ScriptedUpstream, prefix: str = "") -> None:
        """Answer at the three paths below `prefix`."""
        upstream.on(f"{prefix}/device", lambda seen: self._device(seen, upstream.url))
        upstream.on(f"{prefix}/authorize", self._authorize)
        upstream.on(f"{prefix}/token", self._token)

    def approve(self) -> None:
        """Let the person type the newest code in, and agree."""
        self._newest().decision = "approved"

    def deny(self) -> None:
        """Let the person refuse the newest code."""
        self._newest().decision = "access_denied"

    def knows(self, access_token: str) -> bool:
        """Whether a token is one of those that are good."""
        return access_token in self._access

    def revoke(self) -> None:
        """Let every access token end now, as when an upstream answers 401."""
        self._access.clear()

    def revoke_logins(self) -> None:
        """Let every refresh token end too."""
        self._access.clear()
        self._refresh.clear()

    def issue(self) -> dict[str, Any]:
        """Give a token as after a login."""
        return self._tokens(self._new_refresh())

    def _newest(self) -> _Device:
        return list(self._devices.values())[-1]

    def _device(self, seen: Seen, url: str) -> Answer:
        fields = self._fields(seen)
        if problem := self._client_problem(fields):
            return problem
        if self.scope is not None and fields.get("scope", "") != self.scope:
            return self._refuse("invalid_scope")
        number, now = self._next(), self.clock()
        code, shown = f"device-code-test-{number}", f"TEST-{number:04d}"
        decision = "approved" if self.at_once else "authorization_pending"
        self._devices[code] = _Device(shown, now + self.expires_in, self.interval, now, decision)
        answer = {
            "device_code": code,
            "user_code": shown,
            "verification_uri": f"{url}/enter",
            "expires_in": self.expires_in,
            "interval": self.interval,
        }
        if self.complete_uri:
            answer["verification_uri_complete"] = f"{url}/enter?code={shown}"
        return self._answer(answer)

    def _authorize(self, seen: Seen) -> Answer:
        """Send the browser of a person who agrees back with a code, or say what the address lacks."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(seen.target).query).items()}
        redirect, challenge = asked.get("redirect_uri", ""), asked.get("code_challenge", "")
        wrong = [
            asked.get("client_id") != self.client_id,
            asked.get("response_type") != "code",
            not _LOOPBACK.fullmatch(redirect),
            asked.get("code_challenge_method") != "S256",
            not _CHALLENGE.fullmatch(challenge),
            len(asked.get("state", "")) < 22,  # 128 bits
            self.scope is not None and asked.get("scope", "") != self.scope,
        ]
        if any(wrong):
            return self._refuse("invalid_request")
        code = f"browser-code-test-{self._next()}"
        self._grants[code] = _Grant(redirect, challenge)
        query = urlencode({"code": code, "state": asked["state"]})
        return Answer.whole(b"", 302, {"location": f"{redirect}?{query}"})

    def _token(self, seen: Seen) -> Answer:
        fields = self._fields(seen)
        grant = fields.get("grant_type")
        if problem := self._client_problem(fields):
            return problem
        if grant == _DEVICE_GRANT:
            return self._for_device(fields)
        if grant == "authorization_code":
            return self._for_browser(fields)
        if grant == "refresh_token":
            return self._renewed(fields)
        return self._refuse("unsupported_grant_type")

    def _for_device(self, fields: Mapping[str, str]) -> Answer:
        now = self.clock()
        self.polls.append(now)
        device = self._devices.get(fields.get("device_code", ""))
        if device is None:
            return self._refuse("invalid_grant")
        if now >= device.until:
            return self._refuse("expired_token")
        early = now - device.asked_at < device.interval
        device.asked_at = now
        if early:
            self.slowed += 1
            device.interval += _SLOWER_SECS
            return self._answer({"error": "slow_down", "interval": device.interval}, 400)
        if device.decision == "authorization_pending":
            return self._answer({"error": "authorization_pending"}, 400)
        del self._devices[fields["device_code"]]
        if device.decision != "approved":
            return self._refuse(device.decision)
        return self._answer(self._tokens(self._new_refresh()))

    def _for_browser(self, fields: Mapping[str, str]) -> Answer:
        grant = self._grants.pop(fields.get("code", ""), None)  # good once, whatever comes of it
        verifier = fields.get("code_verifier", "")
        if grant is None or fields.get("redirect_uri") != grant.redirect_uri:
            return self._refuse("invalid_grant")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if not _VERIFIER.fullmatch(verifier) or digest != grant.challenge:
            return self._refuse("invalid_grant")
        return self._answer(self._tokens(self._new_refresh()))

    def _renewed(self, fields: Mapping[str, str]) -> Answer:
        refresh = fields.get("refresh_token", "")
        if refresh not in self._refresh:
            return self._refuse("invalid_grant")
        self.renewals += 1
        if not self.rotates:
            return self._answer(self._tokens(""))
        self._refresh.discard(refresh)
        return self._answer(self._tokens(self._new_refresh()))

    def _tokens(self, refresh: str) -> dict[str, Any]:
        access = f"access-token-test-{self._next()}"
        self._access.add(access)
        self.given.append(access)
        answer = {"access_token": access, "token_type": "bearer", "expires_in": self.lifetime}
        return {**answer, "refresh_token": refresh} if refresh else answer

    def _new_refresh(self) -> str:
        refresh = f"refresh-token-test-{self._next()}"
        self._refresh.add(refresh)
        self.given.append(refresh)
        return refresh

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _client_problem(self, fields: Mapping[str, str]) -> Answer | None:
        return None if fields.get("client_id") == self.client_id else self._refuse("invalid_client", 401)

    def _fields(self, seen: Seen) -> dict[str, str]:
        """Read a form or a JSON object; anything else has no members, and is refused for that."""
        kind = (seen.header("content-type") or "").partition(";")[0]
        if seen.method != "POST":
            return {}
        if kind == "application/json":
            told = json.loads(seen.body)
            return {_snake(name): value for name, value in told.items()} if self.camel_case else told
        if kind != "application/x-www-form-urlencoded" or self.camel_case:
            return {}
        form = parse_qs(seen.body.decode())
        return {name: values[0] for name, values in form.items() if len(values) == 1}  # RFC 6749, 3.2

    def _refuse(self, error: str, status: int = 400) -> Answer:
        self.refusals.append(error)
        return self._answer({"error": error, "error_description": f"Refused: {error}."}, status)

    def _answer(self, members: Mapping[str, Any], status: int = 200) -> Answer:
        spelt = {_camel(name): value for name, value in members.items()} if self.camel_case else members
        return Answer.json(spelt, status, {"cache-control": "no-store"})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return name if first == "error" else first + "".join(word.capitalize() for word in rest)


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)
