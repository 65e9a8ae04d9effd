"""Acme as an upstream of Gaud: it speaks OpenAI's dialect, so calls travel as they are."""

from collections.abc import Mapping

from gaud_core import Call, HTTPProvider, Secret, http_url, option, settings

__all__ = ["Acme", "AcmeSettings"]


@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL of Acme, without /v1.", check=http_url, creates=True)
    api_key: Secret = option(help="Key that Acme gave you.")
    timeout_secs: float = option(default=60.0, help="Longest time for an answer.", gt=0, unit="seconds")


class Acme(HTTPProvider[AcmeSettings]):
    """Acme's models."""

    name = "acme"
    label = "Acme"
    patterns = ("acme-*",)

    def headers(self, call: Call) -> Mapping[str, str]:
        """Put Acme's key in the place of the client's."""
        return {"authorization": f"Bearer {self.settings.api_key.reveal()}"}
