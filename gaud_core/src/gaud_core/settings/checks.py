"""Checks for `option(check=…)`: each takes a value and returns it, put in order, or raises a Mistake."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from gaud_core.settings.words import Mistake, shown

__all__ = ["http_url"]

_HOST = re.compile(r"[\w.-]+")


def http_url(value: str) -> str:
    """An http or https URL, without its trailing slash and without anything that could be a secret."""
    if any(c.isspace() or not c.isprintable() for c in value):
        raise Mistake("must be a URL without spaces or line breaks.")
    _refuse_secrets(value)
    scheme, colon, _ = value.partition("://")
    if scheme.lower() not in ("http", "https") or not colon:
        raise _no_scheme(value)
    parts = _split(value)
    _check_host(parts)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _refuse_secrets(value: str) -> None:
    """Comes first, so that no later message shows a password or a key from the URL."""
    if "@" in value:
        raise Mistake(
            "must not hold a user name, a password or an `@`: a URL ends up in logs.",
            "Use the provider's own setting for its key.",
        )
    if "?" in value or "#" in value:
        raise Mistake("must be a base URL.", "Leave out everything from the `?` or `#` on.")


def _no_scheme(value: str) -> Mistake:
    if not value:
        return Mistake("must be a URL, not empty.", "Write for example `http://localhost:4000`.")
    if "://" in value or re.match(r"https?:", value, re.IGNORECASE):
        return Mistake(f"must start with `http://` or `https://`, not like {shown(value)}.")
    return Mistake("must start with `http://` or `https://`.", f"Did you mean {shown('http://' + value)}?")


def _split(value: str) -> SplitResult:
    try:
        return urlsplit(value)
    except ValueError:
        raise _bad_host(value) from None


def _check_host(parts: SplitResult) -> None:
    url = parts.geturl()
    if not parts.hostname:
        raise Mistake(f"must name a host, as in `http://localhost:4000`, not {shown(url)}.")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise Mistake(f"must have a port from 1 to 65535 or none, not as in {shown(url)}.")
    bracketed = "[" in parts.netloc
    if not (_is_ipv6(parts.hostname) if bracketed else _HOST.fullmatch(parts.hostname)):
        raise _bad_host(url)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:  # since Python 3.11.4 urlsplit has refused it already
        return False


def _bad_host(url: str) -> Mistake:
    return Mistake(
        f"has no usable host name: {shown(url)}.",
        "Write for example `http://localhost:4000` or `http://[::1]:4000`.",
    )
