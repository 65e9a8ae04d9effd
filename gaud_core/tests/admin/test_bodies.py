"""Whatever is sent as a body, the answer is a sentence and never a 500."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaud_core.admin.resource import MOST_BODY_BYTES

from .support import Served

JSON = {"content-type": "application/json"}
USERS = "/admin/users"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The request has no body. Send a JSON object."),
        (b" \n", "The request has no body. Send a JSON object."),
        (b"[]", "The request body must be a JSON object."),
        (b"null", "The request body must be a JSON object."),
        (b'"name"', "The request body must be a JSON object."),
        (b"{", "The request body is not valid JSON"),
        (b"{} {}", "The request body is not valid JSON"),
        (b"{'name': 'Ada'}", "The request body is not valid JSON"),
        (b'{"name": "Ada",}', "The request body is not valid JSON"),
        (b'{"name": NaN}', "The request body is not valid JSON"),
        (b'{"name": Infinity}', "The request body is not valid JSON"),
        (b'{"name": "\\ud800"}', "The request body is not valid JSON"),
        (b'{"name": "\xff"}', "The request body is not valid UTF-8"),
        (b'\xef\xbb\xbf{"name": "Ada"}', "The request body is not valid JSON"),
        ('{"name": "Ada"}'.encode("utf-16"), "The request body is not valid"),
        (b'{"name": ' + b"9" * 60_000 + b"}", "The request body is not valid JSON"),
        (b'{"name": 1e999}', "The request body is not valid JSON"),
        (b'{"name": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "The request body is nested too deeply."),
        (b'{"name": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", "`name`"),
        (b'{"name": "Ada", "name": "Bob"}', "`name` is given twice."),
        (b'{"name": {"a": 1, "a": 2}}', "`a` is given twice."),
        (b'{"' + b"x" * 60_000 + b'": 1}', "There is no field `xxxxx"),
        (b'{"na\\u0000me": 1}', "There is no field `na\\x00me` here."),
    ],
)
def test_a_body_that_is_none_is_refused(lasting: Served, body: bytes, words: str) -> None:
    """With 400 and a short sentence that says why."""
    error = lasting.refused("POST", USERS, content=body, headers=JSON)
    assert error["message"].startswith(words)
    assert len(error["message"]) < 300


def test_the_longest_body_is_read_and_a_longer_one_is_not(lasting: Served) -> None:
    """64 KB are enough for any key; a longer body is refused before it is read, if it says its length."""
    fits = b'{"name": 1' + b" " * (MOST_BODY_BYTES - 11) + b"}"
    assert len(fits) == MOST_BODY_BYTES
    assert lasting.refused("POST", USERS, content=fits, headers=JSON)["param"] == "name"
    for content in (fits + b" ", iter([fits, b" "])):
        error = lasting.refused("POST", USERS, 413, content=content, headers=JSON)
        assert error["message"] == "A request to the admin API has at most 65536 bytes."


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_only_json_is_read(lasting: Served, kind: str) -> None:
    """What a page of somebody else's can make a browser send is refused, with the cure."""
    headers = {"content-type": kind} if kind else {}
    error = lasting.refused("POST", USERS, 415, content=b'{"name": "Ada"}', headers=headers)
    assert "content-type: application/json" in error["message"]


def test_parameters_of_the_content_type_are_fine(lasting: Served) -> None:
    """As in `application/json; charset=utf-8`."""
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert lasting.refused("POST", USERS, content=b"{}", headers=headers)["message"] == "`name` is missing."


def test_a_compressed_body_is_refused(lasting: Served) -> None:
    """Nothing is unpacked, so nothing can be a bomb."""
    lasting.refused("POST", USERS, 415, content=b"{}", headers={**JSON, "content-encoding": "gzip"})


def test_answers_are_kept_by_nobody(served: Served) -> None:
    """No cache may keep an answer: it can hold the text of a key."""
    made = served.admin.post(f"/admin/users/{served.root}/keys", json={})
    assert made.headers["cache-control"] == "no-store"
    assert made.json()["key"].startswith("sk-prx-")
    assert (
        served.admin.get("/admin/usage", headers={"accept": "text/csv"}).headers["cache-control"]
        == "no-store"
    )


def test_a_client_who_leaves_in_the_middle_changes_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a body makes nobody, and is no failure of Gaud's: the log has nginx's 499."""
    head = {"authorization": served.admin.headers["authorization"], "content-length": "1000", **JSON}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": "x", **head}.items())
    with (
        caplog.at_level("INFO", "gaud.calls"),
        socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as client,
    ):
        client.sendall(f'POST {USERS} HTTP/1.1\r\n{lines}\r\n{{"name": "Ada"'.encode())
        time.sleep(0.1)  # nobody can see from outside that the server waits for the rest
        client.close()
        deadline = time.monotonic() + 5
        while not caplog.records and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [getattr(record, "fields", {}).get("status") for record in caplog.records] == [499]
    assert served.ok("GET", USERS)["total"] == 2


anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "name",
    "role",
    "label",
    "models",
    "rpm",
    "expires_at",
    "grace_secs",
    "daily_limit",
    "monthly_limit",
]
bodies = st.dictionaries(st.sampled_from(FIELDS) | st.text(), anything, max_size=4)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=bodies, target=st.sampled_from(["key", "rotate", "budget", "users", "keys"]))
def test_no_object_breaks_anything(lasting: Served, body: Any, target: str) -> None:
    """Any JSON object in any place is taken or refused with a sentence."""
    key = lasting.people.keys(lasting.root)[0].id
    method, path = {
        "key": ("PATCH", f"/admin/keys/{key}"),
        "rotate": ("POST", "/admin/keys/key_none/rotate"),
        "budget": ("PUT", f"/admin/budgets/{lasting.root}"),
        "users": ("POST", USERS),
        "keys": ("POST", "/admin/users/user_none/keys"),
    }[target]
    answer = lasting.admin.request(method, path, content=json.dumps(body), headers=JSON)
    assert answer.status_code in {200, 201, 400, 404}, answer.text
    if answer.status_code >= 400:
        assert answer.json()["error"]["message"]
