"""Whole answers: checked before the client sees any of them, so that each failure keeps its status."""

from __future__ import annotations

import json
import zlib

from gaud_core.call import Reply, Usage, replace
from gaud_core.errors import ProviderError, UpstreamFailed
from gaud_core.gateway.delivery import Delivery
from gaud_core.gateway.dialects import Dialect
from gaud_core.gateway.headers import retry_after, upstream_headers
from gaud_core.gateway.outcome import Outcome

__all__ = ["WHOLE_BYTES", "send_checked", "too_long"]

WHOLE_BYTES = 1024 * 1024
"""A whole answer up to this size is held back and checked; a longer one is passed on as it comes."""

_EXCERPT = 300
_LONGEST_SECONDS = 9
_UNPACKED_BYTES = 8 * WHOLE_BYTES
_GZIP_OR_ZLIB = 47  # window bits that make zlib detect the header (zlib manual, inflateInit2)


async def send_checked(
    reply: Reply, answer: bytes, dialect: Dialect, delivery: Delivery, outcome: Outcome
) -> None:
    """Check an answer and send it; raise UpstreamFailed when it is none."""
    plain = _plain(reply, answer)
    if reply.status >= 400:
        error, is_fit = _refusal(reply, plain, dialect)
        outcome.fail(error)
        if not is_fit:
            answer, reply = _enveloped(reply, error, dialect)
    else:
        outcome.usage = _usage(reply, plain, dialect)
        for made in dialect.made(plain) if plain else ():
            outcome.has_made(made)
    headers = upstream_headers(reply.headers)
    headers.append(("content-length", str(len(answer))))
    if outcome.error is not None and outcome.hint:
        headers.append(("x-gaud-hint", outcome.hint))
    outcome.answered = True
    await delivery.whole(reply.status, headers, answer)


def too_long(reply: Reply) -> ProviderError:
    """Give the error for an answer that is none and longer than anybody needs."""
    if reply.status < 400:
        return _redirected(reply)
    seconds = retry_after(reply.headers) or ""
    return ProviderError(
        f"The upstream answered {reply.status} with more than {WHOLE_BYTES} bytes of {_kind(reply)}.",
        status=reply.status,
        retry_after=int(seconds)
        if seconds.isascii() and seconds.isdigit() and len(seconds) < _LONGEST_SECONDS
        else None,
    )


def _usage(reply: Reply, answer: bytes | None, dialect: Dialect) -> Usage | None:
    if reply.status >= 300:
        raise _redirected(reply)
    if reply.status == 204 or answer is None:
        return None
    try:
        return dialect.usage(answer)
    except UpstreamFailed:
        what = f"{len(answer)} bytes of {_kind(reply)}" if answer else "an empty body"
        raise UpstreamFailed(f"The upstream answered {reply.status} with {what} instead of JSON.") from None


def _redirected(reply: Reply) -> UpstreamFailed:
    return UpstreamFailed(
        f"The upstream answered with a redirect ({reply.status}), which Gaud does not follow."
    )


def _refusal(reply: Reply, answer: bytes | None, dialect: Dialect) -> tuple[ProviderError, bool]:
    """Read an upstream's error answer, whichever shape it has, and say whether it is fit for a client."""
    if answer is None:
        return ProviderError(f"The upstream answered {reply.status}.", status=reply.status), True
    try:
        body = json.loads(answer)
    except (ValueError, RecursionError):
        message = f"The upstream answered {reply.status} with {_kind(reply)} instead of JSON."
        return ProviderError(message, status=reply.status), False
    message, code = _message_and_code(body)
    told = ProviderError(message or f"The upstream answered {reply.status}.", status=reply.status, code=code)
    return told, dialect.is_envelope(body)


def _message_and_code(body: object) -> tuple[str, str | None]:
    error = body.get("error", body.get("detail", body)) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error)[:_EXCERPT], None
    code = error.get("code")
    if code is None or str(code).isdigit():  # some proxies repeat the status there
        code = error.get("type")
    return str(error.get("message", ""))[:_EXCERPT], None if code is None else str(code)[:_EXCERPT]


def _enveloped(reply: Reply, error: ProviderError, dialect: Dialect) -> tuple[bytes, Reply]:
    """Put an error answer that is no JSON, often a proxy's HTML page, into the dialect's envelope."""
    headers = [("content-type", "application/json")]
    if (seconds := retry_after(reply.headers)) is not None:
        headers.append(("retry-after", seconds))
    return dialect.envelope(error), replace(reply, headers=tuple(headers))


def _plain(reply: Reply, answer: bytes) -> bytes | None:
    """Undo `content-encoding` for reading; None if that would take too much memory or cannot be done."""
    encoding = reply.header("content-encoding", "identity").lower()
    if encoding == "identity":
        return answer
    if encoding not in {"gzip", "deflate"}:
        return None
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = unpacking.decompress(answer, _UNPACKED_BYTES)
    except zlib.error:
        return b""
    return None if unpacking.unconsumed_tail else plain


def _kind(reply: Reply) -> str:
    return reply.header("content-type", "something without a content type").partition(";")[0][:80]
