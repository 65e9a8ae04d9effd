"""The settings over HTTP: listed, changed, planned, applied, rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gaud_core.store import Store

from .settings_support import FILE, Acting, gateway_on
from .support import Served, serving


@attrs.frozen
class Live:
    """The API with a gateway behind it."""

    served: Served
    acting: Acting

    def put(self, key: str, value: Any, status: int = 200) -> Any:
        """Change a setting and give the answer, or the error."""
        ask = self.served.ok if status == 200 else self.served.refused
        return ask("PUT", "/admin/settings", status, json={"key": key, "value": value})

    def setting(self, key: str) -> Any:
        """Give one setting as it is listed."""
        listed = self.served.ok("GET", "/admin/settings")["data"]
        return next(setting for setting in listed if setting["key"] == key)


@pytest.fixture
def live(store: Store, tmp_path: Path) -> Iterator[Live]:
    """A gateway on a file, with one provider that has a section and one that has none."""
    with (
        gateway_on(tmp_path, store, GAUD_TOY_TIMEOUT_SECS="9") as acting,
        serving(store, acting.behind) as served,
    ):
        yield Live(served, acting)


def test_every_setting_is_listed(live: Live) -> None:
    """Of the core and of each installed provider, with all that is known of it; secrets are masked."""
    listed = live.served.ok("GET", "/admin/settings")
    keys = [setting["key"] for setting in listed["data"]]
    assert {"server.port", "auth.tls_client_cert.enabled", "providers.toy.url", "providers.spare.url"} <= set(
        keys
    )
    assert len(keys) == len(set(keys))
    key = live.setting("providers.toy.api_key")
    assert {name: key[name] for name in ("value", "default", "type", "secret", "env", "source", "live")} == {
        "value": "********", "default": None, "type": "secret", "secret": True,
        "env": "GAUD_TOY_API_KEY", "source": "file", "live": True,
    }  # fmt: skip
    spare = live.setting("providers.spare.url")
    assert (spare["value"], spare["required"], spare["configured"]) == (None, True, False)
    assert not live.setting("server.port")["live"]
    assert "sk-test" not in str(listed)


def test_a_setting_that_a_variable_holds(live: Live) -> None:
    """It is shown as overridden, with the variable's name, and a change is refused with that name."""
    shown = live.setting("providers.toy.timeout_secs")
    assert (shown["overridden"], shown["source"], shown["env"]) == (True, "env", "GAUD_TOY_TIMEOUT_SECS")
    error = live.put("providers.toy.timeout_secs", 10, 409)
    assert error["code"] == "held_by_environment"
    assert "GAUD_TOY_TIMEOUT_SECS" in error["message"]


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("logging.json", "true", True),
        ("logging.json", True, True),
        ("server.max_body_bytes", "120", 120),
        ("server.max_body_bytes", 120, 120),
        ("breaker.open_secs", 1.5, 1.5),
        ("breaker.open_secs", "2", 2),
        ("server.cors_origins", "https://a.example, https://b.example", ["https://a.example", "https://b.example"]),
        ("server.cors_origins", ["https://a.example/"], ["https://a.example"]),
        ("providers.toy.url", "http://litellm:4000/", "http://litellm:4000"),
        ("providers.toy.api_key", "sk-1234", "********"),
        ("providers.spare.url", "http://spare:1", "http://spare:1"),
    ],
)  # fmt: skip
def test_typed_values_and_text(live: Live, key: str, value: Any, stored: Any) -> None:
    """Both are taken, and what is kept has the type of the setting."""
    live.put(key, value)
    assert live.setting(key)["value"] == stored


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("server.prot", 1, "Did you mean `port`?"),
        ("logging.level", "loud", "must be one of"),
        ("server.max_body_bytes", "many", "must be a whole number, not `many`"),
        ("providers.toy.url", "localhost", "Did you mean `http://localhost`?"),
        ("providers.nobody.url", "http://a", "no provider `nobody` is installed"),
        ("providers.toy", "x", "is a section"),
        ("nothing", "x", "is not a known setting"),
    ],
)
def test_a_wrong_change_says_what_is_wrong(live: Live, key: str, value: Any, told: str) -> None:
    """Nothing is written."""
    error = live.put(key, value, 400)
    assert error["code"] == "invalid_settings"
    assert told in error["message"]
    assert live.acting.path.read_text() == FILE


def test_a_masked_secret_stays(live: Live) -> None:
    """What a page shows may be sent back."""
    assert live.put("providers.toy.api_key", "********")["plan"]["changes"] == []
    assert "sk-test-toy" in live.acting.path.read_text()


def test_clearing_the_url_removes_the_provider(live: Live) -> None:
    """As the guide says; the comment of the next section stays."""
    assert live.put("providers.toy.url", "")["plan"]["stops"] == ["toy"]
    assert not live.setting("providers.toy.url")["configured"]
    assert "# The log" in live.acting.path.read_text()


def test_several_changes_in_one_step(live: Live) -> None:
    """One is wrong: none is made. All are right: all are made, and the plan said so before."""
    wrong = {"logging.level": "debug", "server.max_body_bytes": 0}
    plan = live.served.ok("POST", "/admin/settings/plan", json={"changes": wrong})
    assert "server.max_body_bytes: must be at least 1" in plan["problems"][0]
    live.served.refused("POST", "/admin/settings/apply", 400, json={"changes": wrong})
    assert live.acting.path.read_text() == FILE
    right = {"logging.level": "debug", "providers.toy.api_key": "sk-test-next"}
    plan = live.served.ok("POST", "/admin/settings/plan", json={"changes": right})
    assert plan["replaces"] == ["toy"]
    assert [(c["key"], c["before"], c["after"]) for c in plan["changes"]] == [
        ("logging.level", "info", "debug"),
        ("providers.toy.api_key", "********", "********"),
    ]
    done = live.served.ok("POST", "/admin/settings/apply", json={"changes": right})
    assert done["plan"]["changes"] == plan["changes"]
    assert done["history_id"] == 2


def test_a_whole_file_with_its_base(live: Live) -> None:
    """Whoever starts from an older one is refused."""
    base = live.served.ok("POST", "/admin/settings/plan", json={})["base"]
    text = FILE.replace("info", "error")
    live.served.ok("POST", "/admin/settings/apply", json={"text": text, "base": base})
    assert live.acting.path.read_text() == text
    error = live.served.refused("POST", "/admin/settings/apply", 409, json={"text": FILE, "base": base})
    assert error["code"] == "settings_changed"
    told = live.served.refused("POST", "/admin/settings/apply", 400, json={"text": "server = ["})["message"]
    assert "not TOML" in told


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("apply", {}),
        ("apply", {"changes": {"logging.level": "info"}, "text": ""}),
        ("apply", {"changes": {"logging.level": "info"}, "base": "x"}),
        ("plan", {"text": "", "rollback": 1}),
    ],
)
def test_half_a_request_is_refused(live: Live, path: str, body: Any) -> None:
    """One of several ways must be chosen."""
    live.served.refused("POST", f"/admin/settings/{path}", 400, json=body)


def test_history_and_rollback(live: Live) -> None:
    """Who changed what is listed, without the text, and can be undone."""
    live.put("logging.level", "error")
    history = live.served.ok("GET", "/admin/settings/history?per_page=1")
    assert history["total"] == 2
    assert history["data"][0]["keys"] == ["logging.level"]
    assert history["data"][0]["actor"] == live.served.root
    live.served.ok("POST", "/admin/settings/rollback", json={"id": 1})
    assert live.acting.path.read_text() == FILE
    assert live.served.ok("GET", "/admin/settings/history")["data"][0]["action"] == "rollback to 1"
    missing = live.served.refused("POST", "/admin/settings/rollback", 404, json={"id": 77})
    assert missing["code"] == "version_not_found"


def test_reload_takes_the_file_at_once(live: Live) -> None:
    """And says what is wrong with it, while the last good state stays."""
    live.acting.path.write_text(FILE.replace("info", "error"))
    assert live.served.ok("POST", "/admin/settings/reload")["plan"]["changes"][0]["after"] == "error"
    live.acting.path.write_text("nonsense")
    error = live.served.refused("POST", "/admin/settings/reload", 400)
    assert error["code"] == "invalid_settings"
    assert live.setting("logging.level")["value"] == "error"


def test_changes_are_in_the_audit_log(live: Live) -> None:
    """With who made them and what they were about, and never a value."""
    live.put("providers.toy.api_key", "sk-test-hidden")
    entry = live.served.ok("GET", "/admin/audit")["data"][0]
    assert (entry["actor"], entry["action"]) == (live.served.root, "settings.change")
    assert entry["detail"] == {"version": 2, "keys": ["providers.toy.api_key"]}
    assert "hidden" not in str(live.served.ok("GET", "/admin/audit"))


def test_members_may_not_look(live: Live) -> None:
    """Settings are for administrators."""
    assert live.served.member.get("/admin/settings").status_code == 403


def test_without_a_gateway_there_is_nothing_to_change(store: Store) -> None:
    """An API that a program has made says so."""
    with serving(store) as served:
        assert served.refused("GET", "/admin/settings", 409)["code"] == "no_configuration_file"
