"""Two made-up providers, and configurations read from text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gaud_core.config import Config, load_config
from gaud_core.errors import ConfigError
from gaud_core.settings import Secret, http_url, option, settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@settings
class Acme:
    """Settings of [providers.acme]."""

    url: str = option(env="URL", help="Base URL.", check=http_url, creates=True)
    api_key: Secret | None = option(default=None, env="API_KEY", help="Key.")
    timeout_secs: float = option(default=120.0, env="TIMEOUT", help="Limit.", gt=0, unit="seconds")


@settings
class Plain:
    """A provider that needs nothing and that no variable creates."""

    region: str = option(default="eu", help="Region.")


@pytest.fixture
def schemas() -> Mapping[str, Any]:
    """The settings classes of the installed providers."""
    return {"acme": Acme, "plain": Plain}


@pytest.fixture
def config_of(tmp_path: Path, schemas: Mapping[str, Any]) -> Any:
    """Load a configuration from text; keywords are environment variables."""

    def load(text: str, installed: Mapping[str, type] = schemas, mode: int = 0o600, **environ: str) -> Config:
        path = tmp_path / "llm-proxy.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return load_config(path, environ, installed)

    return load


@pytest.fixture
def mistakes_of(config_of: Any) -> Any:
    """The mistakes of a configuration that the core cannot use, as people read them."""

    def load(text: str, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            config_of(text, **environ)
        return [str(problem) for problem in caught.value.problems]

    return load
