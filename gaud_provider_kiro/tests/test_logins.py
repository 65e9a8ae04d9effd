"""Where a login comes from: the settings, the IDE's file, kiro-cli's database; and what is no login."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest

from gaud_core import Context, LoginNeeded, Secret, Token, TokenFileError
from gaud_provider_kiro import Kiro, KiroSettings
from gaud_provider_kiro.logins.accounts import other_programs, sources_of
from gaud_provider_kiro.logins.database import DatabaseSource
from gaud_provider_kiro.logins.files import FileSource
from gaud_provider_kiro.logins.login import ENDED, Login, fingerprint, moment
from gaud_provider_kiro.logins.source import Source

LONG = "aor-test-" + "r" * 120
NEW = Token("aoa-test-new", "aor-test-new" + "n" * 120, 1_800_000_000.0)
ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/TEST"
SOCIAL: Mapping[str, Any] = {
    "accessToken": "aoa-test",
    "refreshToken": LONG,
    "expiresAt": "2026-01-01T12:00:00.000Z",
    "authMethod": "social",
    "provider": "Google",
    "profileArn": ARN,
    "unknown": {"kept": [1]},
}
IDC: Mapping[str, Any] = {
    "accessToken": "aoa-test",
    "refreshToken": LONG,
    "expiresAt": "2026-01-01T13:00:00+01:00",
    "authMethod": "IdC",
    "provider": "Enterprise",
    "region": "eu-west-1",
    "clientIdHash": "a" * 40,
}
CLIENT = {
    "clientId": "client-test",
    "clientSecret": "client-secret-test",
    "expiresAt": "2027-01-01T00:00:00Z",
}
NOON = 1_767_268_800.0


def in_file(folder: Path, fields: Any, client: Any = None, *, writes: bool = True) -> FileSource:
    """Write a file as the IDE does."""
    path = folder / "kiro-auth-token.json"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    if client is not None:
        (folder / f"{'a' * 40}.json").write_text(json.dumps(client))
    return FileSource(path, folder / "elsewhere", writes, "Log in again.")


def in_database(
    path: Path, values: Mapping[str, Any], profile: Any = None, *, writes: bool = False
) -> DatabaseSource:
    """Write a database as kiro-cli does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
        rows = [
            (key, value if isinstance(value, str) else json.dumps(value)) for key, value in values.items()
        ]
        database.executemany("INSERT INTO auth_kv VALUES (?, ?)", rows)
        if profile is not None:
            database.execute("CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT)")
            row = ("api.codewhisperer.profile", json.dumps(profile))
            database.execute("INSERT INTO state VALUES (?, ?)", row)
    database.close()
    return DatabaseSource((path,), writes, "Log in again.")


def read(source: Source) -> tuple[Token, Login]:
    """Read a login that must be there."""
    token = source.read()
    assert token is not None
    return token, Login.of(token)


def test_a_social_login_in_a_file(tmp_path: Path) -> None:
    """Kiro's own sign-in renews it, and its profile is sent."""
    token, login = read(in_file(tmp_path, SOCIAL))
    assert (token.access_token, token.refresh_token, token.expires_at) == (
        Secret("aoa-test"),
        Secret(LONG),
        NOON,
    )
    assert (login.is_sso, login.profile_arn, login.seed) == (False, ARN, fingerprint(LONG))


def test_a_company_login_in_a_file(tmp_path: Path) -> None:
    """Its client is in a second file, and its region is that of the sign-in."""
    token, login = read(in_file(tmp_path, IDC, CLIENT))
    assert token.expires_at == NOON
    assert (login.is_sso, login.client_id, login.sso_region) == (True, "client-test", "eu-west-1")


def test_a_client_inside_the_file(tmp_path: Path) -> None:
    """Exports have it there."""
    _, login = read(in_file(tmp_path, {**IDC, "clientIdHash": None, **CLIENT}))
    assert login.client_secret == Secret("client-secret-test")


def test_a_builder_id_has_no_profile(tmp_path: Path) -> None:
    """A profile that is not its own would be refused."""
    _, login = read(in_file(tmp_path, {**SOCIAL, "provider": "BuilderId"}))
    assert login.profile_arn == ""


NO_LOGIN: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "no JSON object"),
    "a list": ("[]", "no JSON object"),
    "no refresh token": ({**SOCIAL, "refreshToken": None}, "`refreshToken` is missing"),
    "a short copy": ({**SOCIAL, "refreshToken": "aor-test"}, "shortened copy"),
    "a copy with dots": ({**SOCIAL, "refreshToken": LONG[:60] + "..." + LONG[60:]}, "shortened copy"),
    "a token that is no header": (
        {**SOCIAL, "accessToken": "a\nb"},
        "`accessToken` is not what it should be",
    ),
    "a token that is a number": ({**SOCIAL, "accessToken": 7}, "`accessToken` is not what it should be"),
    "a region": ({**SOCIAL, "region": "evil.example/"}, "`region` is no AWS region"),
    "a path": ({**IDC, "clientIdHash": "../../secret"}, "`clientIdHash` is no hash"),
    "no client file": ({**IDC, "clientIdHash": "b" * 40}, "is not there"),
    "no client": ({**IDC, "clientIdHash": ""}, "client's id and secret are missing"),
}


@pytest.mark.parametrize(("fields", "words"), NO_LOGIN.values(), ids=list(NO_LOGIN))
def test_what_is_no_login_is_told(tmp_path: Path, fields: Any, words: str) -> None:
    """In a sentence with the file and the cure, and without a token."""
    with pytest.raises(TokenFileError) as wrong:
        in_file(tmp_path, fields).read()
    assert words in str(wrong.value)
    assert "Log in again" in str(wrong.value)
    assert LONG not in str(wrong.value)


def test_no_file_is_no_login(tmp_path: Path) -> None:
    """Another source may have one."""
    source = FileSource(tmp_path / "none.json", tmp_path, True, "")
    assert (source.read(), source.state()) == (None, None)


def test_a_file_is_written_back_as_a_whole(tmp_path: Path) -> None:
    """Unknown members stay, nobody else may read it, and its state has changed."""
    source = in_file(tmp_path, SOCIAL)
    before = source.state()
    assert asyncio.run(source.write(NEW))
    told = json.loads(source.path.read_text())
    assert told == {
        **SOCIAL,
        "accessToken": "aoa-test-new",
        "refreshToken": NEW.refresh_token and NEW.refresh_token.reveal(),
        "expiresAt": "2027-01-15T08:00:00.000Z",
    }
    assert stat.S_IMODE(source.path.stat().st_mode) == 0o600
    assert source.state() != before
    assert read(source)[0].access_token == NEW.access_token


def test_a_file_is_not_written_if_that_is_not_wanted(tmp_path: Path) -> None:
    """It belongs to another program."""
    source = in_file(tmp_path, SOCIAL, writes=False)
    assert not asyncio.run(source.write(NEW))
    assert json.loads(source.path.read_text()) == SOCIAL


ROW = {
    "access_token": "aoa-test",
    "refresh_token": LONG,
    "expires_at": "2026-01-01T12:00:00.123456789Z",
    "region": "us-east-1",
    "start_url": "https://view.awsapps.com/start",
    "oauth_flow": "DeviceCode",
    "scopes": ["codewhisperer:completions"],
}
REGISTRATION = {
    "client_id": "client-test",
    "client_secret": "client-secret-test",
    "client_secret_expires_at": None,
    "region": "us-east-1",
    "oauth_flow": "DeviceCode",
}


@pytest.mark.parametrize("program", ["kirocli", "codewhisperer"])
def test_a_login_in_a_database(tmp_path: Path, program: str) -> None:
    """Of kiro-cli and of q, with the client that belongs to it."""
    rows = {f"{program}:odic:token": ROW, f"{program}:odic:device-registration": REGISTRATION}
    token, login = read(in_database(tmp_path / "data.sqlite3", rows, {"arn": ARN}))
    assert token.access_token == Secret("aoa-test")
    assert token.expires_at == pytest.approx(NOON, abs=1)
    assert (login.is_sso, login.client_id, login.profile_arn) == (True, "client-test", "")


def test_a_company_login_in_a_database(tmp_path: Path) -> None:
    """It has the profile that was chosen."""
    rows = {
        "kirocli:odic:token": {**ROW, "start_url": "https://acme.awsapps.com/start"},
        "kirocli:odic:device-registration": REGISTRATION,
    }
    _, login = read(in_database(tmp_path / "data.sqlite3", rows, {"arn": ARN}))
    assert login.profile_arn == ARN


def test_a_social_login_in_a_database(tmp_path: Path) -> None:
    """It is taken first, and not with the client of an older login."""
    social = {**ROW, "profile_arn": ARN}
    rows = {
        "kirocli:odic:token": ROW,
        "kirocli:odic:device-registration": REGISTRATION,
        "kirocli:social:token": social,
    }
    _, login = read(in_database(tmp_path / "data.sqlite3", rows))
    assert (login.is_sso, login.profile_arn) == (False, ARN)


@pytest.mark.parametrize(
    ("row", "registration", "words"),
    [
        (ROW, {}, "client that it was made for is missing"),
        (ROW, {**REGISTRATION, "region": "eu-west-1"}, "of another region"),
        (ROW, {**REGISTRATION, "oauth_flow": "Pkce"}, "of another region"),
        ({**ROW, "refresh_token": "short"}, REGISTRATION, "shortened copy"),
    ],
)
def test_what_is_no_login_in_a_database(tmp_path: Path, row: Any, registration: Any, words: str) -> None:
    """It is told in a sentence."""
    rows = {"kirocli:odic:token": row, "kirocli:odic:device-registration": registration}
    with pytest.raises(TokenFileError, match=words):
        in_database(tmp_path / "data.sqlite3", rows).read()


def test_a_database_without_a_login(tmp_path: Path) -> None:
    """Somebody has logged out, or the table is another one."""
    assert in_database(tmp_path / "a.sqlite3", {"kirocli:odic:token": "rubbish"}).read() is None
    sqlite3.connect(tmp_path / "b.sqlite3").close()
    assert DatabaseSource((tmp_path / "none", tmp_path / "b.sqlite3"), False, "").read() is None
    (tmp_path / "c.sqlite3").write_text("this is no database, but long enough to look at" * 10)
    with pytest.raises(TokenFileError, match="database cannot be used"):
        DatabaseSource((tmp_path / "c.sqlite3",), False, "").read()


def test_a_database_is_read_while_somebody_writes(tmp_path: Path) -> None:
    """kiro-cli may run meanwhile."""
    source = in_database(tmp_path / "data.sqlite3", {"kirocli:social:token": ROW})
    writer = sqlite3.connect(tmp_path / "data.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert read(source)[0].access_token == Secret("aoa-test")
    writer.close()


def test_a_database_is_written_only_if_that_is_wanted(tmp_path: Path) -> None:
    """Under the key that was read, with all else in the value kept."""
    source = in_database(tmp_path / "data.sqlite3", {"kirocli:social:token": {**ROW, "profile_arn": ARN}})
    before = source.state()
    assert not asyncio.run(source.write(NEW))
    assert source.state() == before
    assert asyncio.run(attrs.evolve(source, writes=True).write(NEW))
    assert source.state() != before
    with sqlite3.connect(tmp_path / "data.sqlite3") as database:
        ((key, value),) = database.execute("SELECT key, value FROM auth_kv").fetchall()
    database.close()
    assert (key, json.loads(value)) == (
        "kirocli:social:token",
        {
            **ROW,
            "access_token": "aoa-test-new",
            "refresh_token": NEW.refresh_token and NEW.refresh_token.reveal(),
            "expires_at": "2027-01-15T08:00:00.000Z",
            "profile_arn": ARN,
        },
    )


def test_the_order_of_the_sources(home: Path) -> None:
    """It is that of the settings; nothing of the user's is read unless one of them says so."""
    assert sources_of(KiroSettings(), "kiro", home) == []
    everything = KiroSettings(
        refresh_token=Secret(LONG), credentials_file=home / "x.json", ide_login=True, cli_login=True
    )
    kinds = [type(source).__name__ for source in sources_of(everything, "kiro", home)]
    assert kinds == ["GivenSource", "FileSource", "FileSource", "DatabaseSource"]
    assert [source.read() for source in other_programs(KiroSettings(), home)] == [None, None]


@pytest.mark.parametrize("folder", [".local/share/kiro-cli", "Library/Application Support/amazon-q"])
def test_the_usual_places_of_the_database(home: Path, folder: str) -> None:
    """On Linux and on a Mac, of kiro-cli and of q."""
    in_database(home / folder / "data.sqlite3", {"kirocli:social:token": ROW})
    (source,) = sources_of(KiroSettings(cli_login=True), "kiro", home)
    assert read(source)[0].access_token == Secret("aoa-test")


@pytest.mark.parametrize("text", ["", "tomorrow", None, 7, "9999-99-99T00:00:00Z"])
def test_a_moment_that_is_none_has_ended(text: Any) -> None:
    """Then the token is renewed before it is used."""
    assert moment(text) == ENDED


def test_the_settings_refuse_a_shortened_token() -> None:
    """In the configuration, where it was written."""
    with pytest.raises(Exception, match="shortened copy"):
        KiroSettings(refresh_token=Secret("aor-test-..."))


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Containers have such; he has no logins of other programs, and everything else works."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    context = Context("kiro", _never, _never, tmp_path, logging.getLogger("test"))
    kiro = Kiro(KiroSettings(ide_login=True), context)
    with pytest.raises(LoginNeeded, match="no login where"):
        asyncio.run(kiro.token())


def _never(*_: object) -> NoReturn:
    raise AssertionError("nobody is asked")
