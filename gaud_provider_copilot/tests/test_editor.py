"""The editor's login, where Copilot's plugins keep it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gaud_core import LoginFailed
from gaud_provider_copilot.editor import folder_of, login_of_editor

APP = "Iv1.test"


def _written(folder: Path, name: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")


def _read(folder: Path, domain: str = "github.com") -> str:
    return login_of_editor(folder, domain, APP).reveal()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({}, "/home/ada/.config/github-copilot"),
        ({"XDG_CONFIG_HOME": "/xdg"}, "/xdg/github-copilot"),
        ({"LOCALAPPDATA": "/local", "XDG_CONFIG_HOME": "/xdg"}, "/local/github-copilot"),
    ],
)
def test_the_folder(environ: dict[str, str], folder: str) -> None:
    """On Windows another one."""
    assert folder_of(environ, Path("/home/ada")) == Path(folder)


def test_both_files(tmp_path: Path) -> None:
    """The newer one first; keys bear the domain, or the domain and the app."""
    _written(tmp_path, "hosts.json", {"github.com": {"oauth_token": "old-test"}})
    assert _read(tmp_path) == "old-test"
    _written(tmp_path, "apps.json", {"github.com:Iv9": {"oauth_token": "new-test"}})
    assert _read(tmp_path) == "new-test"


def test_the_login_of_the_same_app_is_preferred(tmp_path: Path) -> None:
    """GitHub exchanges no other for certain."""
    logins = {"github.com:other": {"oauth_token": "a"}, f"github.com:{APP}": {"oauth_token": "b"}}
    _written(tmp_path, "apps.json", logins)
    assert _read(tmp_path) == "b"


def test_another_domain_is_another_login(tmp_path: Path) -> None:
    """A company's name that begins alike is not it."""
    logins = {"github.com.evil.test": {"oauth_token": "a"}, "company.ghe.com": {"oauth_token": "b"}}
    _written(tmp_path, "apps.json", logins)
    assert _read(tmp_path, "company.ghe.com") == "b"
    with pytest.raises(LoginFailed, match=r"No login for github\.com is in .*apps\.json and .*hosts\.json"):
        _read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        {"github.com": None},
        {"github.com": {}},
        {"github.com": {"oauth_token": 7}},
        {"github.com": {"oauth_token": "two\nlines"}},
        {"github.com": {"oauth_token": "ünusual"}},
    ],
)
def test_a_file_of_another_shape(tmp_path: Path, content: Any) -> None:
    """It holds no login; nothing of it is repeated."""
    _written(tmp_path, "apps.json", content)
    with pytest.raises(LoginFailed, match="Log in without --import"):
        _read(tmp_path)
