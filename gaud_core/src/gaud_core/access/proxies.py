"""What a reverse proxy in front of Gaud says of the client, believed only from those that are trusted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

__all__ = ["Proxies", "name_in"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_NAME = 256
_WELL_ESCAPED = re.compile(r"(?:\\.|[^\\])*")
_PART = re.compile(r"(?:\\.|[^,+;\\])+")
_ESCAPED = re.compile(r"\\([ ,+;<>#=])")


def _networks(values: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(value, strict=False) for value in values)


@attrs.frozen
class Proxies:
    """The proxies that are trusted, as networks."""

    trusted: Sequence[Network] = attrs.field(default=(), converter=_networks)

    def is_trusted(self, scope: Mapping[str, Any]) -> bool:
        """Whether the connection comes from a trusted proxy."""
        return bool(self.trusted) and self._trusts(_peer(scope))

    def client(self, scope: Mapping[str, Any]) -> str:
        """The client's own address: the last one in `x-forwarded-for` that no trusted proxy has.

        What stands before it, the client may have written himself.
        """
        address = _peer(scope)
        if not self.trusted:
            return address
        told = header_values(scope, b"x-forwarded-for")
        hops = [hop.strip() for value in told for hop in value.decode("latin-1").split(",")]
        while hops and self._trusts(address):
            hop = hops.pop()
            if _address(hop) is None:
                return address
            address = hop
        return address

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self.trusted)


def header_values(scope: Mapping[str, Any], name: bytes) -> list[bytes]:
    """Every value of a header (name in lower case), in order."""
    return [value for key, value in scope["headers"] if key == name]


def name_in(subject: bytes) -> str | None:
    """Read a user's name from a certificate's subject: `CN=name,O=…` (RFC 4514), or a bare name.

    None for what holds no name, more than one, or cannot be read without a doubt, as OpenSSL's old
    `/O=…/CN=name`, which escapes nothing: a guess would be a way in.
    """
    try:
        text = subject.decode().strip()
    except UnicodeDecodeError:
        return None
    if "=" not in text:
        names = [text]
    elif text.startswith("/") or '"' in text or not _WELL_ESCAPED.fullmatch(text):
        return None
    else:
        parts = [part.strip().partition("=") for part in _PART.findall(text)]
        names = [value.strip() for kind, _, value in parts if kind.strip().upper() == "CN"]
    return _printable(names[0]) if len(names) == 1 else None


def _printable(name: str) -> str | None:
    plain = _ESCAPED.sub(r"\1", name)
    return plain if 0 < len(plain) <= _LONGEST_NAME and plain.isprintable() and "\\" not in plain else None


def _peer(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _address(text: str) -> Address | None:
    """Read an address; one of IPv4 inside IPv6 is the one of IPv4."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
