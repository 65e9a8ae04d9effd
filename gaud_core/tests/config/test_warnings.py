"""What is no mistake but deserves a word: misspelt variables, open files with secrets."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("GAUD_SERVER_PROT", "GAUD_SERVER_PORT"),
        ("GAUD_SEVER_PORT", "GAUD_SERVER_PORT"),
        ("GAUD_ACM_URL", "GAUD_ACME_URL"),
        ("GAUD_ACME_APIKEY", "GAUD_ACME_API_KEY"),
        ("GAUD_CONFG", "GAUD_CONFIG"),
        ("GAUD_AUTH_BOOTSTRAP", "GAUD_AUTH_BOOTSTRAP_KEY"),
    ],
)
def test_a_variable_that_looks_like_a_typo_is_warned_about(config_of: Any, wrong: str, right: str) -> None:
    """A misspelt variable would otherwise do nothing at all."""
    config = config_of("", **{wrong: "secret-value"})
    assert [str(w) for w in config.warnings] == [
        f"The variable {wrong} is not used by anything. Did you mean {right}?"
    ]


@pytest.mark.parametrize(
    "fine",
    [
        "GAUD_CONFIG_X_Y_Z",
        "GAUD_PLUGINS",
        "GAUD_STRICT",
        "GAUD_TEST_SERVER_PORT",
        "GAUD_KIRO_URL",
        "OTHER_PORT",
    ],
)
def test_other_variables_are_nobodys_business(config_of: Any, fine: str) -> None:
    """Switches of Gaud, tests and providers that are not installed here raise no false alarm."""
    assert config_of("", **{fine: "1"}).warnings == ()


SECRET_FILE = "[providers.acme]\nurl = 'http://x'\napi_key = 'k'\n"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_an_open_file_with_a_secret_is_warned_about(config_of: Any, mode: int) -> None:
    """The command to paste is in the message."""
    (warning,) = config_of(SECRET_FILE, mode=mode).warnings
    assert "holds a secret, but other users of this machine may open it. Run `chmod 600 " in str(warning)


@pytest.mark.parametrize(
    "text",
    [
        "[auth]\nbootstrap_key = 'k'\n",
        "[providers.work]\nprovider = 'acme'\nurl = 'http://x'\napi_key = 'k'\n",
        "[providers.acme]\nurl = 'broken'\napi_key = 'k'\n",
    ],
)
def test_any_secret_counts(config_of: Any, text: str) -> None:
    """In the core, in a second instance, and in a section with mistakes."""
    assert len(config_of(text, mode=0o644).warnings) == 1


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (SECRET_FILE, 0o600),
        (SECRET_FILE, 0o400),
        ("[providers.acme]\nurl = 'http://x'\napi_key = ''\n", 0o644),
    ],
)
def test_a_closed_file_or_one_without_secrets_is_fine(config_of: Any, text: str, mode: int) -> None:
    """No warning that everybody learns to ignore."""
    assert config_of(text, mode=mode).warnings == ()


def test_a_secret_from_the_environment_is_no_matter_of_the_file(config_of: Any) -> None:
    """Only what lies in the file can be read from it."""
    assert config_of("[providers.acme]\nurl = 'http://x'", mode=0o644, GAUD_ACME_API_KEY="k").warnings == ()
