"""The login that the user's editor has: taken over when he asks for it, never silently.

Copilot's plugins keep it in `github-copilot/apps.json` and `hosts.json` of the configuration folder, under
keys such as `github.com` and `github.com:<id of the app>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gaud_core import LoginFailed, Secret

__all__ = ["folder_of", "login_of_editor"]

_FILES = ("apps.json", "hosts.json")
_LONGEST = 1 << 20


def folder_of(environ: Mapping[str, str], home: Path) -> Path:
    """Give the folder where the plugins keep their login."""
    if local := environ.get("LOCALAPPDATA"):
        return Path(local) / "github-copilot"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "github-copilot"


def login_of_editor(folder: Path, domain: str, client_id: str) -> Secret:
    """Read GitHub's token for a domain; one of the app with that id is preferred. It blocks.

    LoginFailed says where was looked in vain.
    """
    found: dict[str, Secret] = {}
    for path in (folder / name for name in _FILES):
        for host, login in _logins(path):
            if host == domain or host.startswith(f"{domain}:"):
                token = _token(login)
                if token is not None:
                    found.setdefault(host, token)
    if not found:
        looked = " and ".join(str(folder / name) for name in _FILES)
        raise LoginFailed(f"No login for {domain} is in {looked}. Log in without --import.")
    return found.get(f"{domain}:{client_id}") or next(iter(found.values()))


def _logins(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(_LONGEST))
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(told, dict):
        yield from told.items()


def _token(login: Any) -> Secret | None:
    token = login.get("oauth_token") if isinstance(login, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        return None
    return Secret(token)
