"""Versions of LiteLLM that must not run."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["version_in", "warning_about"]


def version_in(readiness: Any) -> str:
    """The version in the answer of `/health/readiness`, or an empty text."""
    version = readiness.get("litellm_version") if isinstance(readiness, dict) else None
    return version if isinstance(version, str) else ""


def warning_about(version: str) -> str:
    """What is wrong with a version of LiteLLM and what to do, or an empty text."""
    found = re.match(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})", version)
    if not found:
        return ""
    major, minor, patch = (int(number) for number in found.groups())
    release = f"{major}.{minor}.{patch}"
    if release in {"1.82.7", "1.82.8"} or (major, minor) == (1, 107):
        return (
            f"LiteLLM {release} is a compromised upload: stop it now, change every key that it could read, "
            "and install a version that is known to be good, such as 1.102.4."
        )
    if (major, minor) < (1, 84):
        return f"LiteLLM {release} has known security holes: update it to 1.84.0 or later, but not to 1.107."
    return ""
