"""Which addresses belong to an account, and where its token may go."""

from __future__ import annotations

import pytest

from gaud_core import UpstreamFailed
from gaud_provider_copilot.hosts import Hosts

PUBLIC, COMPANY, LOCAL = Hosts(), Hosts("company.ghe.com"), Hosts("127.0.0.1:8123")


def test_addresses() -> None:
    """Those of github.com, of a company with data residency, and of a test."""
    assert (PUBLIC.web, PUBLIC.api, PUBLIC.copilot) == (
        "https://github.com",
        "https://api.github.com",
        "https://api.githubcopilot.com",
    )
    assert (COMPANY.web, COMPANY.api, COMPANY.copilot) == (
        "https://company.ghe.com",
        "https://api.company.ghe.com",
        "https://copilot-api.company.ghe.com",
    )
    assert {LOCAL.web, LOCAL.api, LOCAL.copilot} == {"http://127.0.0.1:8123"}


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (PUBLIC, "https://api.githubcopilot.com"),
        (PUBLIC, "https://api.individual.githubcopilot.com"),
        (PUBLIC, "https://api.business.githubcopilot.com/"),
        (COMPANY, "https://copilot-api.company.ghe.com"),
        (COMPANY, "https://api.enterprise.githubcopilot.com"),
        (LOCAL, "http://127.0.0.1:9999"),
    ],
)
def test_an_address_of_copilots(hosts: Hosts, url: str) -> None:
    """As the exchange names it."""
    assert hosts.checked(url) == url.rstrip("/")


def test_no_address_is_the_usual_one() -> None:
    """The exchange need not name one."""
    assert PUBLIC.checked(None) == "https://api.githubcopilot.com"


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (PUBLIC, "http://api.githubcopilot.com"),
        (PUBLIC, "https://githubcopilot.com.evil.test"),
        (PUBLIC, "https://evilgithubcopilot.com"),
        (PUBLIC, "https://api.githubcopilot.com@evil.test"),
        (PUBLIC, "https://user@api.githubcopilot.com"),
        (PUBLIC, "https://api.githubcopilot.com:8443"),
        (PUBLIC, "https://api.githubcopilot.com?to=evil.test"),
        (PUBLIC, "http://127.0.0.1:9999"),
        (PUBLIC, "https://company.ghe.com"),
        (COMPANY, "https://other.ghe.com"),
        (LOCAL, "https://api.githubcopilot.com"),
        (PUBLIC, 7),
        (PUBLIC, ""),
        (PUBLIC, "https://[::1"),
        (PUBLIC, "https://evil.test\\.githubcopilot.com"),
        (PUBLIC, "https://evil.test/.githubcopilot.com"),
        (PUBLIC, "https://evil.test#.githubcopilot.com"),
        (PUBLIC, "https://evil.test\t.githubcopilot.com"),
        (PUBLIC, "https://evil。githubcopilot.com"),
        (PUBLIC, "https://api.githubcopilot.com:99999"),
        (PUBLIC, "ftp://api.githubcopilot.com"),
    ],
)
def test_an_address_from_elsewhere(hosts: Hosts, url: object) -> None:
    """No token goes there, and the address is not repeated."""
    with pytest.raises(UpstreamFailed, match="does not belong to Copilot"):
        hosts.checked(url)
