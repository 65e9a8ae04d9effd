"""Which headers cross the gateway, and which never do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
_PLAIN_CONNECTION = frozenset({"keep-alive", "close"})
_DECODABLE = ("gzip", "deflate", "identity")


def client_headers(raw: Sequence[tuple[bytes, bytes]], *, stream: bool) -> dict[str, str]:
    """Give the client's headers that may travel, names in lower case.

    Streams ask for no compression, because their events are read on the way; whole answers offer only
    what Gaud can read as well.
    """
    headers: dict[str, str] = {}
    for key, text in raw:
        name = key.decode("latin-1")
        if name not in _HOP_BY_HOP and name not in CREDENTIALS and name != STRICT_HEADER:
            value = _text(text)
            headers[name] = f"{headers[name]}, {value}" if name in headers else value  # RFC 9110 §5.3
    for name in _named_by_connection(raw):
        headers.pop(name, None)
    headers["accept-encoding"] = "identity" if stream else _encodings(headers.get("accept-encoding", ""))
    return headers


def upstream_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the upstream's headers that the client may see."""
    dropped = _HOP_BY_HOP | _OURS
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


def _text(value: bytes) -> str:
    """Read a header's value so that its bytes come out again; most clients write UTF-8."""
    return value.decode("utf-8", "surrogateescape")


def _named_by_connection(raw: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """Give the names that `connection` makes hop-by-hop as well (RFC 9110 §7.6.1)."""
    for name, value in raw:
        if name == b"connection":
            yield from (word.strip() for word in value.decode("latin-1").lower().split(","))


def _encodings(accepted: str) -> str:
    parts = (part.replace(" ", "").lower().partition(";q=") for part in accepted.split(","))
    offered = {name for name, _, weight in parts if weight.strip("0.") or not weight}
    return ", ".join(name for name in _DECODABLE[:2] if name in offered) or "identity"
