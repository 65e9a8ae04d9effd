"""Who may use the admin API: administrators, and nobody else, on any route."""

from __future__ import annotations

import pytest

from gaud_core.admin.desk import Operation
from gaud_core.admin.operations import operations

from .support import Served

EVERY = [pytest.param(one, id=f"{one.method} {one.path}") for one in operations()]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def _path(served: Served, operation: Operation) -> str:
    """The path with an id that is there, so that nothing but the key can be the reason."""
    key = served.people.keys(served.root)[0].id
    return operation.path.replace("{user_id}", served.root).replace(
        "{id}", key if "/keys/{" in operation.path else served.root
    )


@pytest.mark.parametrize("operation", EVERY)
def test_no_key_is_401(lasting: Served, operation: Operation) -> None:
    """Without a key, no operation says more than that one is needed."""
    answer = lasting.nobody.request(operation.method, _path(lasting, operation), content=b"{not read")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize("operation", EVERY)
def test_a_wrong_key_is_401(lasting: Served, operation: Operation) -> None:
    """A wrong key is told apart from nothing."""
    headers = {"x-api-key": "sk-prx-test-wrong"}
    answer = lasting.nobody.request(operation.method, _path(lasting, operation), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("operation", EVERY)
def test_a_member_is_403(lasting: Served, operation: Operation) -> None:
    """A member's key is good, but for nothing here; the body and the query are not even looked at."""
    answer = lasting.member.request(
        operation.method, _path(lasting, operation) + "?nonsense=1", content=b"{not read"
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_required")


def test_the_table_holds_every_route(lasting: Served) -> None:
    """Whatever method a path takes is an operation of the table; all others are 405 and name those."""
    by_path: dict[str, set[str]] = {}
    for operation in operations():
        by_path.setdefault(_path(lasting, operation), set()).add(operation.method)
    for path, named in by_path.items():
        taken = named | ({"HEAD"} if "GET" in named else set())
        for method in METHODS:
            answer = lasting.nobody.request(method, path)
            if method in taken:
                assert answer.status_code == 401
            else:
                assert answer.status_code == 405
                assert set(answer.headers["allow"].split(", ")) == taken


def test_nothing_was_changed(lasting: Served) -> None:
    """After all these refusals the log holds only what the test itself has made."""
    changes = lasting.ok("GET", "/admin/audit?per_page=500")["data"]
    assert {change["actor"] for change in changes} == {"test"}


def test_the_document_needs_no_key(lasting: Served) -> None:
    """It says nothing that is not in the documentation."""
    answer = lasting.nobody.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
