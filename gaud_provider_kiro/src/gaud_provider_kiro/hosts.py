"""Kiro's hosts: which region each call goes to, and the headers that the programs of Kiro send."""

from __future__ import annotations

import hashlib
import socket
import uuid
from pathlib import Path
from typing import Any, Final

import attrs

from gaud_provider_kiro.logins.login import Login
from gaud_provider_kiro.settings import KiroSettings

__all__ = ["Hosts", "machine_id"]

_TARGET: Final = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse"
_SDK: Final = "1.0.34"


@attrs.frozen
class Hosts:
    """Addresses and headers, from the settings of one instance."""

    settings: KiroSettings
    machine: str

    @property
    def origin(self) -> str:
        """Which program the calls come from, in Kiro's words."""
        return "CLI" if self.settings.api == "cli" else "AI_EDITOR"

    def region(self, login: Login) -> str:
        """The region of the API: of the settings, else of the profile, else the usual one."""
        arn = (self.settings.profile_arn or login.profile_arn).split(":")
        return self.settings.region or (arn[3] if len(arn) > 4 else "") or "us-east-1"

    def profile(self, login: Login) -> str:
        """The profile that a call names; empty for AWS Builder ID, which has none."""
        return self.settings.profile_arn or login.profile_arn

    def api(self, login: Login) -> str:
        """Base URL of the API."""
        return _filled(self.settings.api_url, self.region(login))

    def desktop(self, region: str) -> str:
        """Base URL of Kiro's own sign-in; us-east-1 is the region that is known to have it."""
        return _filled(self.settings.desktop_url, region)

    def sso(self, region: str) -> str:
        """Base URL of AWS's sign-in."""
        return _filled(self.settings.sso_url, region)

    def call_url(self, login: Login) -> str:
        """Where a call goes."""
        return f"{self.api(login)}/" + ("" if self.settings.api == "cli" else "generateAssistantResponse")

    def call_headers(self, token: str, *, is_key: bool) -> dict[str, str]:
        """The headers of a call."""
        headers = {**self.asking_headers(token, is_key=is_key), "accept": "*/*"}
        headers["x-amzn-codewhisperer-optout"] = "true"
        if self.settings.api == "cli":
            return {**headers, "content-type": "application/x-amz-json-1.0", "x-amz-target": _TARGET}
        return {**headers, "content-type": "application/json", "x-amzn-kiro-agent-mode": "vibe"}

    def asking_headers(self, token: str, *, is_key: bool) -> dict[str, str]:
        """The headers of a question for models or quota."""
        program = f"KiroIDE-{self.settings.client_version}-{self.machine}"
        system = "os/linux lang/js md/nodejs#22.21.1"
        api = f"api/codewhispererstreaming#{_SDK}"
        headers = {
            "authorization": f"Bearer {token}",
            "user-agent": f"aws-sdk-js/{_SDK} ua/2.1 {system} {api} m/E {program}",
            "x-amz-user-agent": f"aws-sdk-js/{_SDK} {program}",
            "amz-sdk-invocation-id": str(uuid.uuid4()),
            "amz-sdk-request": "attempt=1; max=1",
        }
        return {**headers, "tokentype": "API_KEY"} if is_key else headers

    def desktop_headers(self) -> dict[str, str]:
        """The headers of a question at Kiro's own sign-in."""
        return {"user-agent": f"KiroIDE-{self.settings.client_version}-{self.machine}"}


def machine_id(told: str, name: str, folder: Path) -> str:
    """An id that stays the same for an instance on this machine, and says nothing of either."""
    text = f"gaud {socket.gethostname()} {folder.resolve()} {name}"
    return told or hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _filled(url: str, region: Any) -> str:
    return url.replace("{region}", region)
