"""Where GitHub and Copilot are for an account's domain, and which API host a token may be sent to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import attrs

from gaud_core import UpstreamFailed

__all__ = ["Hosts"]

_PUBLIC = "github.com"
_COPILOT = "githubcopilot.com"
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?(/[\w./-]*)?", re.ASCII)
"""What no two programs read differently: no user, no query, no backslash."""


@attrs.frozen
class Hosts:
    """The addresses that belong to a domain: github.com, an enterprise's, or a loopback address for tests."""

    domain: str = _PUBLIC

    @property
    def web(self) -> str:
        """Where people log in."""
        return f"{self._scheme}://{self.domain}"

    @property
    def api(self) -> str:
        """GitHub's REST API, where a login is exchanged for a token of Copilot."""
        return self.web if self._is_loopback else f"https://api.{self.domain}"

    @property
    def copilot(self) -> str:
        """Copilot's API, where the exchange names no other."""
        if self._is_loopback:
            return self.web
        return f"https://api.{_COPILOT}" if self.domain == _PUBLIC else f"https://copilot-api.{self.domain}"

    def checked(self, url: object) -> str:
        """Give the API's address as the exchange has named it; UpstreamFailed for one that is not Copilot's.

        The token goes there with every call, so an address from elsewhere would give it away.
        """
        if url is None:
            return self.copilot
        if not isinstance(url, str) or not self._may_have_token(url):
            raise UpstreamFailed("GitHub named an address for Copilot's API that does not belong to Copilot.")
        return url.rstrip("/")

    def _may_have_token(self, url: str) -> bool:
        if not _PLAIN_URL.fullmatch(url):
            return False
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if self._is_loopback:
            return parts.scheme == "http" and _is_loopback(host)
        own = _COPILOT if self.domain == _PUBLIC else self.domain
        ours = host == own or host.endswith((f".{own}", f".{_COPILOT}"))
        return parts.scheme == "https" and port in {None, 443} and ours

    @property
    def _is_loopback(self) -> bool:
        return _is_loopback(self.domain.partition(":")[0])

    @property
    def _scheme(self) -> str:
        return "http" if self._is_loopback else "https"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
