"""Which headers cross the gateway, and which never do."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["CREDENTIALS", "RawHeaders", "client_headers", "encode", "retry_after", "upstream_headers"]

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
    | {"www-authenticate", "proxy-authenticate", "clear-site-data", "content-security-policy"}
    | {"x-frame-options", "x-content-type-options", "referrer-policy", "permissions-policy"}
)
_DECODABLE = ("gzip", "deflate", "identity")


def client_headers(raw: Iterable[tuple[bytes, bytes]], *, stream: bool) -> dict[str, str]:
    """Give the client's headers that may travel, names in lower case.

    Streams ask for no compression, because their events are read on the way; whole answers offer only
    what Gaud can read as well.
    """
    headers = {
        name: value
        for name, value in ((key.decode("latin-1"), text.decode("latin-1")) for key, text in raw)
        if name not in _HOP_BY_HOP and name not in CREDENTIALS
    }
    headers["accept-encoding"] = "identity" if stream else _encodings(headers.get("accept-encoding", ""))
    return headers


def upstream_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the upstream's headers that the client may see."""
    return [
        (name, value)
        for name, value in headers
        if name not in _HOP_BY_HOP and name not in _OURS and not name.startswith("access-control-")
    ]


def encode(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Give headers as ASGI sends them; a character outside Latin-1 is replaced."""
    return [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers
    ]


def retry_after(headers: Iterable[tuple[str, str]]) -> str | None:
    """Give the upstream's `retry-after` as it is."""
    return next((value for name, value in headers if name == "retry-after"), None)


def _encodings(accepted: str) -> str:
    parts = (part.replace(" ", "").lower().partition(";q=") for part in accepted.split(","))
    offered = {name for name, _, weight in parts if weight.strip("0.") or not weight}
    return ", ".join(name for name in _DECODABLE[:2] if name in offered) or "identity"
