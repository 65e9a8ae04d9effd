"""Kiro's refusals as what they mean: by their reason first, because their status varies.

The same monthly limit has been seen as 402 and as 429. `reason` and the words decide, then the status.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gaud_core import ProviderError, Reply, Unavailable, UpstreamFailed, UpstreamRefused
from gaud_provider_kiro.words import sentence

__all__ = [
    "FEATURE",
    "IMPROPER",
    "OVERLOADED",
    "QUOTA",
    "SUSPENDED",
    "TOO_LARGE",
    "TOO_LONG",
    "WRONG_PROFILE",
    "Refusal",
    "error_for",
    "read_refusal",
    "refusal_within",
]

FEATURE = "feature_not_supported"
IMPROPER = "improperly_formed_request"
OVERLOADED = "model_overloaded"
QUOTA = "insufficient_quota"
SUSPENDED = "account_suspended"
TOO_LARGE = "the request is larger than"
"""How an objection to a request's size begins."""
TOO_LONG = "context_length_exceeded"
WRONG_PROFILE = "wrong_profile"

_LONGEST = 64 * 1024
_LONGEST_WAIT_SECS = 40 * 86400
_MOST_OBJECTIONS = 5
_QUOTAS = frozenset(
    {"DAILY_REQUEST_COUNT", "MONTHLY_REQUEST_COUNT", "OVERAGE_REQUEST_LIMIT_EXCEEDED"}
    | {"CONVERSATION_LIMIT_EXCEEDED"}
)
_MONTHLY = frozenset({"", "MONTHLY_REQUEST_COUNT", "OVERAGE_REQUEST_LIMIT_EXCEEDED"})
_OVERLOADS = frozenset({"INSUFFICIENT_MODEL_CAPACITY", "MODEL_TEMPORARILY_UNAVAILABLE"})
_IN_STREAM: Mapping[str, int] = {
    "AccessDenied": 403,
    "Conflict": 409,
    "InternalServer": 500,
    "ResourceNotFound": 404,
    "ServiceQuotaExceeded": 402,
    "ServiceUnavailable": 503,
    "Throttling": 429,
    "Validation": 400,
}
"""Statuses of the types that come within a stream, without `Error` or `Exception` at their end."""


@attrs.frozen
class Refusal:
    """What a refusal says; `type` has no namespace and no `Exception` at its end."""

    status: int
    message: str = ""
    reason: str = ""
    type: str = ""
    retry_after: int | None = None

    def says(self, *words: str) -> bool:
        """Whether one of these, in lower case, is among its words."""
        message = self.message.lower()
        return any(word in message for word in words)

    @property
    def is_about_the_token(self) -> bool:
        """Whether another token may help."""
        if self.status == 401:
            return True
        expired = self.says("bearer token", "security token", "access token") and self.says(
            "invalid", "expired"
        )
        return self.status == 403 and (expired or self.type.startswith("ExpiredToken"))


async def read_refusal(reply: Reply) -> Refusal:
    """Read an answer that is none."""
    body = await _beginning(reply)
    members = _members(body)
    message = sentence(members.get("message") or members.get("Message")) or sentence(_text(body, members))
    kind = reply.header("x-amzn-errortype").partition(":")[0] or members.get("__type")
    after = reply.header("retry-after")
    seconds = min(int(after), _LONGEST_WAIT_SECS) if after.isascii() and after.isdigit() else None
    reason = members.get("reason")
    return Refusal(reply.status, message, reason if isinstance(reason, str) else "", _kind(kind), seconds)


def refusal_within(type: str, message: str, reason: str) -> Refusal:
    """Read an exception in the middle of an answer as if it had come at its beginning."""
    kind = _kind(type)
    return Refusal(_IN_STREAM.get(kind, 502), sentence(message), reason[:80], kind)


def error_for(
    refusal: Refusal, objections: Sequence[str] = (), wait_secs: int | None = None
) -> ProviderError:
    """Give the error that says what a refusal means.

    `objections` are our own to the request, for the one refusal that says nothing; `wait_secs` is the time
    until a quota is whole again.
    """
    reason, told = refusal.reason, _told(refusal)
    if refusal.says("input is too long") or reason == "CONTENT_LENGTH_EXCEEDS_THRESHOLD":
        return _refused(f"The conversation is too long for this model{told}", 400, TOO_LONG)
    if reason in _OVERLOADS or refusal.says("unexpectedly high load"):
        return _overloaded(refusal, told)
    if reason in _QUOTAS or refusal.status == 402:
        after = wait_secs if reason in _MONTHLY and wait_secs is not None else refusal.retry_after
        return _refused(f"The Kiro account's quota is used up{told}", 429, QUOTA, after)
    if reason == "TEMPORARILY_SUSPENDED" or refusal.says("suspended"):
        return _refused(f"Kiro has suspended this account{told}", 403, SUSPENDED)
    if refusal.is_about_the_token:
        return _refused(f"Kiro does not take the token{told}", 401, "invalid_token")
    return _by_words(refusal, told, objections) or _by_status(refusal, told)


def _by_words(refusal: Refusal, told: str, objections: Sequence[str]) -> ProviderError | None:
    reason = refusal.reason
    if reason == "INVALID_MODEL_ID":
        return _refused(f"Kiro has no such model{told}", 404, "model_not_found")
    if reason == "FEATURE_NOT_SUPPORTED" or reason.startswith("UNAUTHORIZED_"):
        return _refused(f"The Kiro account may not do this{told}", 403, FEATURE)
    if reason.startswith("CUSTOMER_KMS_KEY_") or reason == "INVALID_KMS_GRANT":
        return _refused(
            f"The key that encrypts the Kiro account's data cannot be used{told}", 403, reason.lower()
        )
    if refusal.status == 400 and (refusal.says("improperly formed") or refusal.type == "Serialization"):
        return _improper(told, objections)
    if refusal.status in {400, 403} and refusal.says("profile", "region"):
        return _refused(f"Kiro does not take this profile or region{told}", refusal.status, WRONG_PROFILE)
    return None


def _by_status(refusal: Refusal, told: str) -> ProviderError:
    status, after = refusal.status, refusal.retry_after
    if status == 429:
        return _refused(f"Kiro limits this account{told}", 429, "rate_limit_exceeded", after)
    if status == 503:
        return Unavailable(f"Kiro answers 503{told}", retry_after=after)
    if status == 504:
        return UpstreamFailed(f"Kiro answers 504{told}", status=504, retry_after=after)
    if 400 <= status < 500:
        return UpstreamRefused(f"Kiro answers {status}{told}", status=status, retry_after=after)
    return UpstreamFailed(f"Kiro answers {status}{told}", retry_after=after)


def _improper(told: str, objections: Sequence[str]) -> ProviderError:
    if not objections:
        return _refused(
            f"Kiro refuses the request{told} Gaud's own check of it finds no mistake.", 400, IMPROPER
        )
    found = "; ".join(objections[:_MOST_OBJECTIONS])
    code = TOO_LONG if objections[0].startswith(TOO_LARGE) else IMPROPER
    return _refused(f"Kiro refuses the request{told} Gaud's own check of it finds: {found}.", 400, code)


def _overloaded(refusal: Refusal, told: str) -> ProviderError:
    message = f"Kiro has no room for this model at the moment{told}"
    if refusal.status == 429:
        return _refused(message, 429, OVERLOADED, refusal.retry_after)
    return Unavailable(message, code=OVERLOADED, retry_after=refusal.retry_after)


def _refused(message: str, status: int, code: str, after: int | None = None) -> UpstreamRefused:
    return UpstreamRefused(message, status=status, code=code, retry_after=after)


def _told(refusal: Refusal) -> str:
    words = refusal.message or refusal.reason
    if not words:
        return "."
    return f": {words}" if words.endswith((".", "!", "?")) else f": {words}."


def _kind(told: Any) -> str:
    kind = told.rpartition("#")[2] if isinstance(told, str) else ""
    return kind[:80].removesuffix("Exception").removesuffix("Error")


async def _beginning(reply: Reply) -> bytes:
    if isinstance(reply.content, bytes):
        return reply.content[:_LONGEST]
    begun = bytearray()
    async for piece in reply.content:
        begun += piece
        if len(begun) > _LONGEST:
            break
    return bytes(begun[:_LONGEST])


def _members(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    inner = told.get("error")
    return inner if isinstance(inner, dict) else told


def _text(body: bytes, members: Mapping[str, Any]) -> str:
    return "" if members else body.decode("utf-8", "replace")
