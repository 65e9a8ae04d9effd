"""What the distribution "gaud" requires: siblings by path in a checkout, by version range in a release."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = ["CheckoutGuard", "Siblings"]


def is_release() -> bool:
    """Whether GAUD_RELEASE asks for version ranges even though the siblings lie here."""
    return os.environ.get("GAUD_RELEASE", "") not in ("", "0")


class Siblings(MetadataHookInterface):
    """Fills in dependencies and extras from this hook's own table in pyproject.toml."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add `dependencies`, one extra for each provider, and `all`."""
        metadata["dependencies"] = self.requirements(self.config["core"])
        extras = {name: self.requirements(ranges) for name, ranges in self.config["extras"].items()}
        extras["all"] = sorted({requirement for extra in extras.values() for requirement in extra})
        metadata["optional-dependencies"] = extras

    def requirements(self, ranges: dict[str, str]) -> list[str]:
        """Turn `{distribution: version range}` into requirement lines."""
        return [self.requirement(name, versions) for name, versions in ranges.items()]

    def requirement(self, distribution: str, versions: str) -> str:
        """Name the sibling's folder if it is there and this is no release, else its version range."""
        folder = Path(self.root, distribution.replace("-", "_"))
        if is_release() or not (folder / "pyproject.toml").is_file():
            return distribution + versions
        return f"{distribution} @ {folder.resolve().as_uri()}"


class CheckoutGuard(BuildHookInterface[Any]):
    """Refuses an sdist that would carry paths of this machine; only the sdist target names this hook."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Stop the build unless it is a release."""
        if not is_release():
            raise SystemExit(
                "An sdist of gaud is a release: build it with GAUD_RELEASE=1 in the environment."
            )
