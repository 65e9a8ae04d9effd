"""A real Gaud in a process of its own."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx

from .processes import Server, clean_environment, free_port

KEY = "sk-prx-test-0000000000000000000000000000"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To load the certificates of the world for each call takes longer than the call."""


@attrs.frozen
class Gaud:
    """A running gateway, and how to look at it from outside."""

    server: Server
    config: Path
    env: Mapping[str, str]
    key: str = KEY

    @classmethod
    def start(cls, folder: Path, toml: str, env: Mapping[str, str]) -> Gaud:
        """Write the file, start `gaud serve` on a free port, wait until it is healthy."""
        config = folder / "llm-proxy.toml"
        config.write_text(toml)
        config.chmod(0o600)
        port = free_port()
        own = {"GAUD_AUTH_BOOTSTRAP_KEY": KEY, "GAUD_DATA_DIR": str(folder / "data"), "HOME": str(folder)}
        environment = clean_environment(**own, **env)
        command = [sys.executable, "-m", "gaud_core", "serve", "--config", str(config), "--port", str(port)]
        server = Server.start("Gaud", command, port, folder / "gaud.log", environment)
        try:
            server.wait_ready("/health", 20)
        except BaseException:
            server.stop()
            raise
        return cls(server, config, environment)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.server.url

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self.server.log.read_text(errors="replace")

    def get(self, path: str, key: str | None = KEY) -> httpx.Response:
        """GET a path; a key of None sends none."""
        return httpx.get(self.url + path, headers=_bearer(key), timeout=10, trust_env=False, verify=_NO_TLS)

    def chat(self, model: str, key: str | None = KEY, timeout: float = 30, **fields: Any) -> httpx.Response:
        """Make a chat call without any SDK."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]} | fields
        url = f"{self.url}/v1/chat/completions"
        headers = _bearer(key)
        return httpx.post(url, json=body, headers=headers, timeout=timeout, trust_env=False, verify=_NO_TLS)

    def health(self, instance: str = "litellm") -> dict[str, Any]:
        """What `/health` says of one provider instance."""
        rows: list[dict[str, Any]] = self.get("/health").json()["providers"]
        return next(row for row in rows if row["name"] == instance)

    def models(self) -> list[str]:
        """The ids of `/v1/models`."""
        return [model["id"] for model in self.get("/v1/models").json()["data"]]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another `gaud` command on the same configuration and environment."""
        command = [sys.executable, "-m", "gaud_core", *words, "--config", str(self.config)]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=30, check=False)


@attrs.frozen
class Starter:
    """Starts gateways: `start_gaud(toml, GAUD_NAME="value")`."""

    new_folder: Callable[[], Path]
    started: list[Gaud] = attrs.field(factory=list)

    def __call__(self, toml: str = "", **env: str) -> Gaud:
        """Start one on a configuration file of this text."""
        self.started.append(Gaud.start(self.new_folder(), toml, env))
        return self.started[-1]


def _bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


def provider_toml(url: str, name: str = "litellm", **settings: object) -> str:
    """Write one provider section; str, bool, numbers and lists of them can be values."""
    lines = [f"[providers.{name}]", f'url = "{url}"']
    if name != "litellm":
        lines.append('provider = "litellm"')
    lines += [f"{key} = {_toml(value)}" for key, value in settings.items()]
    return "\n".join([*lines, "", ""])


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
