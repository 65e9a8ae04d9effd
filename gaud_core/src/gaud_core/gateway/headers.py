"""Which headers cross the gateway, and which never do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

__all__ = [
    "CREDENTIALS",
    "STRICT_HEADER",
    "RawHeaders",
    "client_headers",
    "encode",
    "query_of",
    "retry_after",
    "upstream_headers",
]

RawHeaders = list[tuple[bytes, bytes]]

# RFC 9110 §7.6.1; `content-length` and `host` are written anew by whoever sends.
_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "expect"}
)
CREDENTIALS = frozenset(
    {"authorization", "proxy-authorization", "proxy-authenticate", "cookie", "api-key"}
    | {"x-api-key", "x-goog-api-key"}
)
_OURS = frozenset(
    {"set-cookie", "server", "date", "alt-svc", "strict-transport-security", "x-request-id", "x-gaud-hint"}
    | {"x-budget-warning", "x-gaud-bridge", "x-gaud-dropped"}
    | {"www-authenticate", "proxy-authenticate", "clear-site-data", "content-security-policy"}
    | {"x-frame-options", "x-content-type-options", "referrer-policy", "permissions-policy"}
)
STRICT_HEADER = "x-gaud-strict"
"""By it a client asks that none of his fields be dropped; it is meant for Gaud."""
_STAYS = frozenset({name.encode() for name in (*_HOP_BY_HOP, *CREDENTIALS, STRICT_HEADER)})
_DROPPED = _HOP_BY_HOP | _OURS
_PLAIN_CONNECTION = frozenset({"keep-alive", "close"})
_DECODABLE = ("gzip", "deflate", "identity")


def client_headers(raw: Sequence[tuple[bytes, bytes]], *, stream: bool) -> dict[str, str]:
    """Give the client's headers that may travel, names in lower case.

    Values are read so that their bytes come out again; most clients write UTF-8.

    Streams ask for no compression, because their events are read on the way; whole answers offer only
    what Gaud can read as well.
    """
    headers: dict[str, str] = {}
    connection: list[str] = []
    for key, text in raw:
        if key not in _STAYS:
            name, value = key.decode("latin-1"), text.decode("utf-8", "surrogateescape")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value  # RFC 9110 §5.3
        elif key == b"connection":  # which makes others hop-by-hop as well (RFC 9110 §7.6.1)
            connection += text.decode("latin-1").lower().split(",")
    for name in connection:
        headers.pop(name.strip(), None)
    headers["accept-encoding"] = "identity" if stream else _encodings(headers.get("accept-encoding", ""))
    return headers


def upstream_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the upstream's headers that the client may see."""
    dropped = _DROPPED
    for name, value in headers:
        if name == "connection" and value.lower() not in _PLAIN_CONNECTION:
            dropped = dropped | {word.strip() for word in value.lower().split(",")}
    return [
        (name, value)
        for name, value in headers
        if name not in dropped and not name.startswith("access-control-")
    ]


def encode(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Give headers as ASGI sends them, with the bytes that they were read from."""
    return [
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in headers
    ]


def query_of(raw: bytes) -> str:
    """Give a query as it was sent; what no URL may hold, but a socket does, becomes `%` and its code."""
    text = raw.decode("latin-1")
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join([c if "!" <= c <= "~" else f"%{ord(c):02X}" for c in text])


def retry_after(headers: Iterable[tuple[str, str]]) -> str | None:
    """Give the upstream's `retry-after` as it is."""
    return next((value for name, value in headers if name == "retry-after"), None)


@lru_cache(maxsize=64)
def _encodings(accepted: str) -> str:
    parts = (part.replace(" ", "").lower().partition(";q=") for part in accepted.split(","))
    offered = {name for name, _, weight in parts if weight.strip("0.") or not weight}
    return ", ".join(name for name in _DECODABLE[:2] if name in offered) or "identity"
