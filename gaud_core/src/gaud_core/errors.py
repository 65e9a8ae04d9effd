"""Every error that Gaud raises on purpose, and OpenAI's envelope for those that a client sees.

GaudError
├── ConfigError              the configuration is wrong; carries every mistake at once
├── PluginError              a provider's distribution failed at a stage; only that provider suffers
├── LoginFailed              a login came to no good end, and nothing was changed
│   └── LoginCancelled       because the person at the screen did not want it any more
├── TokenFileError           a stored token cannot be read, written or locked; carries the file and the cure
└── ApiError                 becomes an HTTP answer
    ├── BadRequest           400  the body or a header cannot be used
    │   └── BodyTooLarge     413
    ├── InvalidKey           401
    ├── NotAllowed           403
    ├── NotFound             404  no such route, model or provider
    │   └── ModelNotFound    404
    ├── BooksClosed          503  the ledger cannot write, so nothing is called; carries retry_after
    ├── MethodNotAllowed     405
    ├── TooManyRequests      429  carries retry_after
    │   ├── LimitReached     429  a key's rpm, tpm or concurrency; carries limit
    │   └── BudgetSpent      429  a user's daily or monthly budget; carries limit
    └── ProviderError        the upstream or its provider failed; a plugin raises these
        ├── UpstreamRefused  400, 401, 403, 404 or 429: the upstream said no
        │   └── LoginNeeded  401  no token, or one that cannot be renewed: a person has to log in
        ├── UpstreamFailed   502  refused, reset, garbage
        ├── Unavailable      503  known to be down; carries retry_after
        └── UpstreamTimeout  504
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

if TYPE_CHECKING:
    from gaud_core.ledger.values import Remaining

__all__ = [
    "ApiError",
    "BadRequest",
    "BodyTooLarge",
    "BooksClosed",
    "BudgetSpent",
    "ConfigError",
    "GaudError",
    "InvalidKey",
    "LimitReached",
    "LoginCancelled",
    "LoginFailed",
    "LoginNeeded",
    "MethodNotAllowed",
    "ModelNotFound",
    "NotAllowed",
    "NotFound",
    "PluginError",
    "Problem",
    "ProviderError",
    "TokenFileError",
    "TooManyRequests",
    "Unavailable",
    "UpstreamFailed",
    "UpstreamRefused",
    "UpstreamTimeout",
    "brief",
    "model_not_allowed",
    "one_line",
    "with_hint",
]


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")


class GaudError(Exception):
    """The root of every error that Gaud raises on purpose."""


def one_line(text: str) -> str:
    """Put a space in the place of what neither a header, a log line nor UTF-8 can hold."""
    return _UNPRINTABLE.sub(" ", text)


def with_hint(message: str, hint: str | None) -> str:
    """Put the cure behind the message, which an upstream may have left without a full stop."""
    if not hint:
        return message
    return (
        f"{message} {hint}"
        if message.rstrip().endswith((".", "!", "?", ":"))
        else f"{message.rstrip()}. {hint}"
    )


def brief(error: BaseException) -> str:
    """Give an exception's kind and the first line of its text, also when it cannot say its text."""
    try:
        text = str(error).strip()
    except Exception:  # protects the report of an error from the error's own mistakes
        text = ""
    return f"{type(error).__name__}: {text}".splitlines()[0][:300] if text else type(error).__name__


@attrs.frozen
class Problem:
    """One mistake in the configuration: where it is, what is wrong, what would cure it.

    `path` is dotted (`providers.acme.url`), or empty for the file as a whole.
    """

    path: str
    message: str
    cure: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f" {self.cure}" if self.cure else "")


class ConfigError(GaudError):
    """The configuration cannot be used; `problems` holds every mistake, not just the first."""

    def __init__(self, problems: Iterable[Problem], source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.problems)
        where = f" in {self.source}" if self.source else ""
        head = f"{count} mistake{'s' if count != 1 else ''}{where}:"
        return "\n".join([head, *(f"  - {problem}" for problem in self.problems)])


class PluginError(GaudError):
    """A provider failed at `stage` (import, settings, start, health or serve), for `reason`."""

    def __init__(self, name: str, stage: str, reason: str) -> None:
        self.name, self.stage, self.reason = name, stage, reason
        super().__init__(f"provider `{name}` failed at {stage}: {reason}")


class LoginFailed(GaudError):
    """A login came to no good end, said in a sentence; nothing was changed."""


class LoginCancelled(LoginFailed):
    """The person at the screen did not want to log in any more."""


class TokenFileError(GaudError):
    """The file of a token cannot be used: `path` names it, `cure` says what to do."""

    def __init__(self, path: object, reason: str, cure: str) -> None:
        self.path, self.reason, self.cure = path, reason, cure
        super().__init__(f"{path}: {reason} {cure}")


class ApiError(GaudError):
    """An error with an HTTP status; `retry_after` is in seconds, `hint` names the cure."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = status or self.status
        self.error_code = code or self.code
        self.param = param
        self.retry_after = retry_after
        self.hint = hint

    def payload(self) -> dict[str, Any]:
        """OpenAI's error object, without the envelope."""
        message = one_line(with_hint(str(self.message), self.hint))
        param, code = (text and one_line(str(text)) for text in (self.param, self.error_code))
        return {"message": message, "type": self.type, "param": param, "code": code}

    def body(self) -> bytes:
        """OpenAI's error envelope, ready to send."""
        return json.dumps({"error": self.payload()}, ensure_ascii=False).encode()


class BadRequest(ApiError):
    """The request cannot be used as it is."""

    status = 400
    type = "invalid_request_error"


class BodyTooLarge(BadRequest):
    """The body is longer than `server.max_body_bytes`."""

    status = 413
    code = "body_too_large"


class InvalidKey(ApiError):
    """No key, or one that Gaud does not know."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class NotAllowed(ApiError):
    """The key is good, but not for this."""

    status = 403
    type = "permission_error"


def model_not_allowed(model: str) -> NotAllowed:
    """Give the refusal of a model that the key's list does not hold."""
    shown = model[:200]
    return NotAllowed(f"This key may not use the model `{shown}`.", code="model_not_allowed", param="model")


class NotFound(ApiError):
    """There is no such route."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFound(NotFound):
    """No provider serves a model of this name."""

    code = "model_not_found"


class BooksClosed(ApiError):
    """The ledger cannot write at the moment, so no call is let through unbooked."""

    status = 503
    code = "books_unavailable"


class MethodNotAllowed(ApiError):
    """The route exists, but not for this method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class TooManyRequests(ApiError):
    """A limit is reached; `retry_after` says for how long."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class LimitReached(TooManyRequests):
    """A key's limit is reached: `limit` is rpm, tpm or concurrency, `remaining` what is left of each."""

    def __init__(self, limit: str, message: str, *, remaining: Remaining, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.limit, self.remaining = limit, remaining


class BudgetSpent(TooManyRequests):
    """A user's budget is used up: `limit` is daily or monthly, `remaining` what is left of each."""

    type = "insufficient_quota"
    code = "insufficient_quota"

    def __init__(self, limit: str, message: str, *, remaining: Remaining, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.limit, self.remaining = limit, remaining


class ProviderError(ApiError):
    """The upstream, or the provider that speaks to it, failed."""

    status = 502
    type = "upstream_error"
    unsent: bool = False
    """Whether the upstream never got the call, so that it can have cost nothing."""
    blameless: bool = False
    """Whether the upstream has nothing to do with it: the plugin itself has crashed."""
    last_words: bytes | None = None
    """The events that end a stream which it broke, where only that stream knows how to tell it."""


class UpstreamRefused(ProviderError):
    """The upstream said no; `status` is its own 400, 401, 403, 404 or 429."""

    status = 400


class LoginNeeded(UpstreamRefused):
    """There is no token, or the upstream does not renew it any more; the hint says how to log in."""

    status = 401
    code = "login_required"
    unsent = True


class UpstreamFailed(ProviderError):
    """The upstream refused the connection, broke it, or answered something that is no answer."""

    code = "upstream_failed"


class Unavailable(ProviderError):
    """The upstream is known to be down, so it was not asked."""

    status = 503
    code = "upstream_unavailable"
    unsent = True


class UpstreamTimeout(ProviderError):
    """The upstream did not answer in time."""

    status = 504
    code = "upstream_timeout"
