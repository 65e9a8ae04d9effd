"""Every change is in the audit log, with who made it and without any secret."""

from __future__ import annotations

from typing import Any

from .support import Served


def _changes(served: Served) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = served.ok("GET", "/admin/audit?per_page=500")["data"]
    return [change for change in changes if change["actor"] != "test"]


def test_every_change_is_logged_with_its_actor(served: Served) -> None:
    """One entry for each change, the newest first, with the id of the administrator who asked."""
    user = served.ok("POST", "/admin/users", 201, json={"name": "Ada"})["id"]
    key = served.ok("POST", f"/admin/users/{user}/keys", 201, json={"label": "laptop"})["id"]
    served.ok("PATCH", f"/admin/keys/{key}", json={"rpm": 5, "models": ["gpt-*"]})
    served.ok("POST", f"/admin/keys/{key}/rotate", json={"grace_secs": 5})
    served.ok("DELETE", f"/admin/keys/{key}")
    served.ok("PUT", f"/admin/budgets/{user}", json={"daily_limit": "0.5"})
    served.ok("DELETE", f"/admin/users/{user}", 204)
    changes = _changes(served)
    assert {change["actor"] for change in changes} == {served.root}
    assert {change["at"] for change in changes} == {"2026-11-23T12:00:00Z"}
    assert sorted((change["action"], change["target"]) for change in changes) == sorted(
        [
            ("user.create", user),
            ("key.create", key),
            ("key.patch", key),
            ("key.rotate", key),
            ("key.revoke", key),
            ("budget.set", user),
            ("user.delete", user),
        ]
    )
    details = {change["action"]: change["detail"] for change in changes}
    assert details["key.patch"] == {"rpm": 5, "models": ["gpt-*"]}
    assert details["budget.set"] == {"daily_nanos": 5 * 10**8, "monthly_nanos": None}


def test_what_changes_nothing_is_not_logged(served: Served) -> None:
    """Reading, refused changes and empty ones leave no entry."""
    key = served.key(served.user())
    served.ok("GET", "/admin/users")
    served.ok("PATCH", f"/admin/keys/{key}", json={})
    served.refused("PATCH", f"/admin/keys/{key}", json={"rpm": -1})
    served.refused("POST", "/admin/users", json={"name": ""})
    served.refused("DELETE", "/admin/users/nobody", 404)
    served.member.post("/admin/users", json={"name": "Ada"})
    assert _changes(served) == []


def test_no_entry_holds_a_secret(served: Served) -> None:
    """Neither the text of a key that was made or rotated, nor that of the administrator's."""
    made = served.ok("POST", f"/admin/users/{served.root}/keys", 201, json={})
    rotated = served.ok("POST", f"/admin/keys/{made['id']}/rotate", json={})
    log = served.admin.get("/admin/audit?per_page=500").text
    own = served.admin.headers["authorization"].removeprefix("Bearer ")
    for secret in (made["key"], rotated["key"], own):
        assert secret[11:] not in log


def test_the_log_comes_in_pages(served: Served) -> None:
    """The newest first, each entry once."""
    for number in range(5):
        served.clock.now += 1000
        served.user(f"User {number}")
    pages = [served.ok("GET", f"/admin/audit?page={page}&per_page=4") for page in (1, 2, 3)]
    entries = [entry for page in pages for entry in page["data"]]
    assert len({entry["id"] for entry in entries}) == len(entries) == pages[0]["total"] == 9
    assert [entry["detail"]["name"] for entry in entries[:5]] == [f"User {n}" for n in (4, 3, 2, 1, 0)]
