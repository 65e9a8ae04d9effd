"""A request as it stands on the wire (RFC 9112): where it goes, and its head."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

__all__ = ["Address", "address_of", "head_of"]

_PORTS = {"http": 80, "https": 443}
_OURS = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"}
)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@attrs.frozen
class Address:
    """Where a request goes; `target` is its path and query, `authority` what its `host` header says."""

    secure: bool
    host: str
    port: int
    authority: str
    target: str

    origin: tuple[bool, str, int] = attrs.field(
        init=False, default=attrs.Factory(lambda own: (own.secure, own.host, own.port), takes_self=True)
    )
    """What requests have in common that may share a connection."""


def address_of(url: str) -> Address:
    """Read an http or https URL; ValueError for anything that leads nowhere."""
    if not url.isprintable() or " " in url:  # before urlsplit, which drops line breaks without a word
        raise ValueError("not a usable URL")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("not a usable URL")
    usual = _PORTS[parts.scheme]
    port = parts.port or usual
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    shown = f"[{host}]" if ":" in host else host
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii():
        raise ValueError("not a usable URL")
    return Address(parts.scheme == "https", host, port, shown if port == usual else f"{shown}:{port}", target)


def head_of(method: str, address: Address, headers: Mapping[str, str], length: int | None) -> bytes:
    """Write a request's head; `length` is that of the body, None when it comes in chunks.

    Headers go out as given, with the bytes that they were read from; framing and `host` are ours. ValueError
    for a header that would break out of its line.
    """
    lines = [f"{method} {address.target} HTTP/1.1", f"host: {address.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in _OURS]
    if length is None:
        lines.append("transfer-encoding: chunked")
    elif length or method in _WITH_BODY:
        lines.append(f"content-length: {length}")
    text = "".join(lines)
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError("a header holds a line break")
    lines += ("", "")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
