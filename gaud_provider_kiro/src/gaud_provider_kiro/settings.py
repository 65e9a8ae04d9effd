"""The settings of [providers.kiro]."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from gaud_core import Mistake, Secret, http_url, option, settings

__all__ = ["BUILDER_ID", "KiroSettings", "is_shortened"]

BUILDER_ID = "https://view.awsapps.com/start"

_REGION = re.compile(r"[a-z]{2}(-[a-z]{2,12}){1,3}-\d")
_ARN = re.compile(r"arn:aws[a-z-]*:codewhisperer:([a-z0-9-]+):\d{12}:profile/[A-Za-z0-9]+")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,80}")
_MACHINE = re.compile(r"[0-9a-f]{64}")
_SHORTEST_TOKEN = 100


def is_shortened(refresh_token: str) -> bool:
    """Whether a refresh token is a copy for the eye; whole ones are longer."""
    return len(refresh_token) < _SHORTEST_TOKEN or "..." in refresh_token


def _whole(token: Secret) -> Secret:
    if is_shortened(token.reveal().strip()):
        raise Mistake(
            "is a shortened copy, such as programs show.",
            "Copy the whole token: it has hundreds of characters.",
        )
    return Secret(token.reveal().strip())


def _region(value: str) -> str:
    if value and not _REGION.fullmatch(value):
        raise Mistake("must be an AWS region such as us-east-1.")
    return value


def _arn(value: str) -> str:
    if value and not _ARN.fullmatch(value):
        raise Mistake("must look like arn:aws:codewhisperer:us-east-1:123456789012:profile/ABCDEF.")
    return value


def _url(value: str) -> str:
    """Accept a place for the region in it."""
    http_url(value.replace("{region}", "region"))
    return value.rstrip("/")


def _word(value: str) -> str:
    if value and not _WORD.fullmatch(value):
        raise Mistake("must be one word of plain characters.")
    return value


def _machine(value: str) -> str:
    if value and not _MACHINE.fullmatch(value):
        raise Mistake("must have 64 hexadecimal digits in lower case.")
    return value


@settings
class KiroSettings:
    """Settings of [providers.kiro]; an empty section is enough for `gaud login kiro`.

    Of several credentials the first counts, in the order in which they stand here.
    """

    refresh_token: Secret | None = option(
        default=None, creates=True, help="A refresh token of Kiro's.", check=_whole
    )
    client_id: str = option(
        default="", help="With a refresh token of AWS's sign-in: the client it is for.", check=_word
    )
    client_secret: Secret | None = option(default=None, help="The secret of that client.")
    credentials_file: Path | None = option(
        default=None, creates=True, help="A file with a login, as the Kiro IDE writes it."
    )
    ide_login: bool = option(
        default=False, help="Whether to use the login that this user's Kiro IDE has, in `~/.aws/sso/cache`."
    )
    cli_login: bool = option(
        default=False, help="Whether to use the login that this user's kiro-cli, or the older q, has."
    )
    cli_database: Path | None = option(
        default=None, help="The database of kiro-cli to use, if it is not at its usual place."
    )
    api_key: Secret | None = option(default=None, creates=True, help="A key of Kiro's, instead of a login.")
    write_back: Literal["files", "all", "none"] = option(
        default="files",
        help="Where renewed tokens are written back to: `files` are those of the IDE, `all` is the database "
        "of kiro-cli too.",
    )
    profile_arn: str = option(
        default="", help="The account's profile, if it does not come with the login.", check=_arn
    )
    region: str = option(
        default="", help="Region of the API; without it that of the profile, else us-east-1.", check=_region
    )
    sso_region: str = option(
        default="us-east-1", help="Region of the sign-in, which may be another.", check=_region
    )
    start_url: str = option(
        default=BUILDER_ID,
        help="Where `gaud login` signs in: AWS Builder ID, or a company's.",
        check=http_url,
    )
    api: Literal["ide", "cli"] = option(
        default="ide", help="Whose way of calling to take, the IDE's or kiro-cli's; their quotas may differ."
    )
    thinking: Literal["emulated", "native", "off"] = option(
        default="emulated", help="How a model is asked to think when a request has a `reasoning_effort`."
    )
    models: tuple[str, ...] = option(default=(), help="Models that are always listed, besides `auto`.")
    timeout_secs: float = option(
        default=300.0,
        env="TIMEOUT",
        label="Timeout",
        help="Longest time for a whole answer, and longest silence in a stream.",
        gt=0,
        unit="seconds",
    )
    discover_interval_secs: float = option(
        default=3600.0, help="Time between two questions for models and quota.", ge=10, unit="seconds"
    )
    require_tail: bool = option(
        default=True,
        help="Whether an answer without the events that usually end it is taken for broken off.",
    )
    removed_from_schemas: tuple[str, ...] = option(
        default=("additionalProperties",), help="Members of tools' schemas that are not sent."
    )
    client_version: str = option(default="0.8.0", help="The IDE's version in `user-agent`.", check=_word)
    machine_id: str = option(
        default="", help="The machine's id in `user-agent`; without it one is derived.", check=_machine
    )
    api_url: str = option(default="https://q.{region}.amazonaws.com", help="Base URL of the API.", check=_url)
    desktop_url: str = option(
        default="https://prod.{region}.auth.desktop.kiro.dev",
        help="Base URL of the sign-in with Google or GitHub.",
        check=_url,
    )
    sso_url: str = option(
        default="https://oidc.{region}.amazonaws.com", help="Base URL of AWS's sign-in.", check=_url
    )
