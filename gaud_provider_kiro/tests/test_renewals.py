"""Renewals through a real Gaud: both kinds, early and once, forced once, copied and written back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gaud_core import LoginFailed, Screen, Secret, Token
from gaud_provider_kiro.logins.accounts import _read_twice
from gaud_provider_kiro.logins.files import FileSource, ide_file
from gaud_provider_kiro.logins.login import spelled

from .conftest import Serve, World
from .kiro import PROFILE, ScriptedKiro
from .test_logins import in_database


class Silent(Screen):
    """Nobody looks at it."""

    def show_code(self, code: str, url: str, expires_in_secs: float) -> None:
        """Show nothing."""

    def waiting(self, left_secs: float) -> None:
        """Show nothing."""

    def open_url(self, url: str) -> None:
        """Open nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""


def statuses(world: World, times: int = 3) -> list[int]:
    """Make some calls at once."""
    with ThreadPoolExecutor(times) as pool:
        return [answer.status_code for answer in pool.map(lambda _: world.ask(), range(times))]


def ide_login(home: Path, kiro: ScriptedKiro, **more: Any) -> Path:
    """Write the IDE's file, with a login that has ended."""
    path = ide_file(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"accessToken": "aoa-test", "refreshToken": kiro.social(), "expiresAt": "2020-01-01T00:00:00Z"}
    path.write_text(json.dumps({**told, "unknown": 7, **more}))
    return path


def test_a_refresh_token_of_the_settings(serve: Serve) -> None:
    """Kiro's sign-in makes a token of it, once for all calls, and the profile that it tells is sent."""
    kiro = ScriptedKiro()
    with serve({"refresh_token": kiro.social()}, kiro) as world:
        assert statuses(world, 8) == [200] * 8
        assert (kiro.social_renewals, kiro.refusals) == (1, [])
        assert kiro.taken[0]["profileArn"] == PROFILE


def test_a_refresh_token_with_a_client(serve: Serve) -> None:
    """AWS's sign-in renews it, and no profile is sent."""
    kiro = ScriptedKiro()
    token = kiro.social()
    client = {"client_id": "client-test", "client_secret": "client-secret-test"}
    with serve({"refresh_token": token, **client}, kiro) as world:
        assert statuses(world) == [200] * 3
        assert (kiro.renewals, kiro.social_renewals, kiro.refusals) == (1, 0, [])
        assert "profileArn" not in kiro.taken[0]


def test_a_rotated_token_outlives_a_restart(serve: Serve) -> None:
    """The settings still have the first one, which is dead by then."""
    kiro = ScriptedKiro()
    settings = {"refresh_token": kiro.social()}
    for _ in range(2):
        with serve(settings, kiro) as world:
            assert world.ask().status_code == 200
            kiro.revoke()
            assert world.ask().status_code == 200
    assert "invalid_grant" not in kiro.refusals


def test_another_token_in_the_settings_counts(serve: Serve) -> None:
    """The copy of the old one is not kept then."""
    kiro = ScriptedKiro()
    with serve({"refresh_token": kiro.social()}, kiro) as world:
        assert world.ask().status_code == 200
    kiro.revoke_logins()
    with serve({"refresh_token": kiro.social()}, kiro) as world:
        assert world.ask().status_code == 200


def test_an_invalid_bearer_is_renewed_once(world: World) -> None:
    """A 403 that says so is the same as a 401; the client hears nothing of it."""
    client = {"client_id": "client-test", "client_secret": "client-secret-test"}
    path = world.gateway.instance.ctx.data_dir / "token.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **client}))
    world.kiro.revoke()
    assert statuses(world, 8) == [200] * 8
    assert world.kiro.renewals == 1


def test_a_login_that_has_ended_says_what_to_do(serve: Serve) -> None:
    """The cure depends on where it comes from, and no secret is told."""
    kiro = ScriptedKiro()
    with serve({"refresh_token": kiro.social()}, kiro) as world:
        kiro.revoke_logins()
        answer = world.ask()
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_required")
        assert "Set a new providers.kiro.refresh_token" in answer.headers["x-gaud-hint"]
        assert not any(secret in answer.text + str(answer.headers) for secret in kiro.given)
        assert not any(secret in line for line in world.gateway.log for secret in kiro.given)


def test_the_ides_login_is_renewed_and_written_back(serve: Serve, home: Path) -> None:
    """So that the IDE is not logged out when tokens rotate; what it wrote besides stays."""
    kiro = ScriptedKiro()
    path = ide_login(home, kiro)
    with serve({"ide_login": True}, kiro) as world:
        assert statuses(world) == [200] * 3
        told = json.loads(path.read_text())
        assert told["accessToken"] in kiro.given
        assert kiro.knows(told["accessToken"])
        assert told["unknown"] == 7
        kiro.revoke()
        assert world.ask().status_code == 200
    assert kiro.social_renewals == 2


def test_the_ide_renews_its_login_itself(serve: Serve, home: Path) -> None:
    """Gaud takes what is new there, from the next call on."""
    kiro = ScriptedKiro()
    ide_login(home, kiro)
    with serve({"ide_login": True, "write_back": "none"}, kiro) as world:
        assert world.ask().status_code == 200
        kiro.revoke_logins()
        fresh = kiro.issue()["access_token"]
        ide_login(home, kiro, accessToken=fresh, provider="BuilderId", expiresAt=spelled(time.time() + 3000))
        assert world.ask().status_code == 200
        assert world.sent().header("authorization") == f"Bearer {fresh}"
        assert kiro.social_renewals == 1


def test_the_ide_logs_out(serve: Serve, home: Path) -> None:
    """Then Gaud has no login either."""
    kiro = ScriptedKiro()
    path = ide_login(home, kiro)
    with serve({"ide_login": True}, kiro) as world:
        assert world.ask().status_code == 200
        path.unlink()
        answer = world.ask()
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "login_required")
        assert "Kiro IDE" in answer.headers["x-gaud-hint"]


def test_a_login_that_cannot_be_used(serve: Serve, home: Path) -> None:
    """The log names the file and the cure; the client hears neither path nor token."""
    kiro = ScriptedKiro()
    path = ide_login(home, kiro, refreshToken="aor-test...")
    with serve({"ide_login": True}, kiro) as world:
        answer = world.ask()
        assert answer.status_code == 401
        assert str(path) not in answer.text
        assert any(str(path) in line and "shortened copy" in line for line in world.gateway.log)


def test_a_file_that_is_just_being_written(home: Path) -> None:
    """It is read once more before it is said to be of no use."""
    kiro = ScriptedKiro()
    path = ide_login(home, kiro)
    whole = path.read_text()
    path.write_text(whole[:20])
    read = FileSource(path, path.parent, False, "").read

    class HalfWritten(FileSource):
        """Somebody writes the rest after the first look."""

        def read(self) -> Token | None:
            """Look, and let the other one go on."""
            try:
                return read()
            finally:
                path.write_text(whole)

    token = asyncio.run(_read_twice(HalfWritten(path, path.parent, False, "")))
    assert token is not None
    assert token.access_token == Secret("aoa-test")


def test_a_database_that_was_renewed_meanwhile(serve: Serve, tmp_path: Path) -> None:
    """A refusal makes Gaud look again, and try the newer token once."""
    kiro = ScriptedKiro()
    path = tmp_path / "cli" / "data.sqlite3"
    row = {"access_token": "", "refresh_token": kiro.social(), "expires_at": None, "region": "us-east-1"}
    in_database(path, {"kirocli:social:token": row})
    with serve({"cli_database": str(path)}, kiro) as world:
        assert world.ask().status_code == 200
        before = path.read_bytes()
        kiro.revoke_logins()
        newer = {**row, "refresh_token": kiro.social()}
        with sqlite3.connect(path) as database:
            database.execute("UPDATE auth_kv SET value = ?", (json.dumps(newer),))
        database.close()
        assert world.ask().status_code == 200
        assert path.read_bytes() != before  # by the update above
        with sqlite3.connect(path) as database:
            ((value,),) = database.execute("SELECT value FROM auth_kv").fetchall()
        database.close()
        assert json.loads(value) == newer  # and Gaud has written nothing


def test_an_api_key(serve: Serve) -> None:
    """It is sent as a key, and nothing is renewed."""
    kiro = ScriptedKiro(keys={"ksk_test"})
    with serve({"api_key": "ksk_test"}, kiro) as world:
        assert world.ask().status_code == 200
        assert world.sent().header("tokentype") == "API_KEY"
        kiro.keys.clear()
        answer = world.ask()
        assert answer.status_code == 401
        assert "credentials of [providers.kiro]" in answer.headers["x-gaud-hint"]


def test_several_accounts(serve: Serve) -> None:
    """Each instance has its own login and its own renewals."""
    kiro = ScriptedKiro()
    work = {"provider": "kiro", "refresh_token": kiro.social()}
    with serve({"refresh_token": kiro.social()}, kiro, {"kiro-work": work}) as world:
        first = world.ask().status_code, world.sent().header("authorization")
        second = world.ask(instance="kiro-work").status_code, world.sent().header("authorization")
        assert first[0] == second[0] == 200
        assert first[1] != second[1]
        agents = {seen.header("user-agent") for seen in world.upstream.calls}
        assert len(agents) == 2
        listed = {row["id"] for row in world.gateway.http.get("/v1/models").json()["data"]}
        assert {"kiro:auto", "kiro-work:auto"} <= listed


def test_a_login_beside_other_credentials(serve: Serve) -> None:
    """It would never be used, so it is refused in a sentence."""
    kiro = ScriptedKiro()
    with serve({"refresh_token": kiro.social()}, kiro) as world:
        provider: Any = world.gateway.instance
        for begin in (provider.login, provider.take_over):
            with pytest.raises(LoginFailed, match="which go before a login"):
                world.gateway.within(begin(Silent()))


def test_taking_over_the_ides_login(serve: Serve, home: Path) -> None:
    """As often as a person asks for it, and only then."""
    kiro = ScriptedKiro()
    ide_login(home, kiro)
    with serve(kiro=kiro) as world:
        assert world.ask().status_code == 401
        provider: Any = world.gateway.instance
        token = world.gateway.within(provider.take_over(Silent()))
        world.gateway.within(provider.tokens.save(token))
        answer: httpx.Response = world.ask()
        assert (answer.status_code, kiro.social_renewals) == (200, 1)
