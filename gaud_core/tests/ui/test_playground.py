"""Calls from pages go the way of all calls."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gaud_core.access import KeyLimits
from gaud_core.store.schema import calls
from gaud_core.testing import Answer, ScriptedUpstream, chat_stream

from .support import House, Visitor

ASKED = {"model": "acme:m", "messages": [{"role": "user", "content": "Hi"}]}


def chat(visitor: Visitor, **fields: Any) -> httpx.Response:
    """Say something in the playground."""
    headers = {"x-csrf-token": visitor.token(), "content-type": "application/json"}
    return visitor.client.post("/ui/playground/chat", content=json.dumps(ASKED | fields), headers=headers)


def row_of(found: House, answer: httpx.Response) -> Any:
    """The call in the books."""
    query = select(calls).where(calls.c.id == answer.headers["x-request-id"])
    with found.store.reading() as connection:
        return connection.execute(query).one()


def test_an_answer_is_streamed_and_booked_on_the_key(lasting: House, upstream: ScriptedUpstream) -> None:
    """The call has the member's user and key, and its cost is on the page that follows."""
    user, key = lasting.member("Player")
    visitor = lasting.visitor(key)
    upstream.add(chat_stream(["Hel", "lo!"]))
    answer = chat(visitor, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.rstrip().endswith("[DONE]")
    row = row_of(lasting, answer)
    assert (row.user_id, row.key_id, row.state, row.model) == (
        user,
        lasting.people.keys(user)[0].id,
        "settled",
        "m",
    )
    assert row.chosen_by == "prefix"
    assert 0 <= row.sent_ms <= row.first_byte_ms <= row.total_ms
    shown = visitor.get(f"/ui/playground/calls/{row.id}").text
    assert "5 in, 7 out" in shown
    assert "$0.000019" in shown


def test_the_session_does_not_reach_the_upstream(lasting: House, upstream: ScriptedUpstream) -> None:
    """Neither the cookie nor the token of the form nor where the browser was."""
    visitor = lasting.visitor()
    upstream.reset(upstream.default)
    chat(visitor)
    sent = upstream.calls[-1]
    names = ("cookie", "x-csrf-token", "referer", "origin", "sec-fetch-site", "authorization")
    assert [name for name in names if sent.header(name) is not None] == []


def test_limits_and_budgets_hold_in_the_playground(lasting: House) -> None:
    """It is no way around them, and the refusal says which one it was."""
    user = lasting.people.create_user("Limited", actor="test").id
    key = lasting.people.create_key(user, "", KeyLimits(models=("other",)), actor="test")[1]
    refused = chat(lasting.visitor(key))
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "model_not_allowed"
    spent, key = lasting.member("Spent")
    lasting.people.patch_budget(spent, {"daily_nanos": 0}, actor="test")
    refused = chat(lasting.visitor(key))
    assert refused.status_code == 429
    assert "daily budget" in refused.json()["error"]["message"]
    assert int(refused.headers["retry-after"]) > 0


def test_a_model_that_is_not_there_is_told(lasting: House) -> None:
    """As to every program."""
    refused = chat(lasting.visitor(), model="nowhere:x")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "model_not_found"


def test_the_playground_lists_what_the_key_may_use(lasting: House) -> None:
    """And says so when that is nothing."""
    user = lasting.people.create_user("Narrow", actor="test").id
    key = lasting.people.create_key(user, "", KeyLimits(models=("other",)), actor="test")[1]
    page = lasting.visitor(key).get("/ui/playground").text
    assert "acme:m" not in page
    assert "Your key allows no model" in page


def test_a_test_call_is_a_call(lasting: House) -> None:
    """An administrator sees the answer, and the call is in the books under his name."""
    page = lasting.visitor().post("/ui/providers/acme/test", model="m")
    assert "Hello!" in page.text
    assert "acme:m answers" in page.text
    assert row_of(lasting, page).user_id == "user_bootstrap"


def test_a_test_call_that_fails_says_why(lasting: House, upstream: ScriptedUpstream) -> None:
    """In the upstream's words."""
    upstream.add(Answer.error(401, "That key is wrong."))
    page = lasting.visitor().post("/ui/providers/acme/test", model="m")
    assert "does not answer" in page.text
    assert "That key is wrong." in page.text


def test_rediscovery_shows_the_provider_anew(lasting: House) -> None:
    """With how many models it has found."""
    assert "2 models found." in lasting.visitor().post("/ui/providers/acme/discover").text


@pytest.mark.parametrize("act", ["login", "logout"])
def test_a_provider_without_a_login_says_so(lasting: House, act: str) -> None:
    """There is nothing to connect."""
    answer = lasting.visitor().post(f"/ui/providers/acme/{act}")
    assert answer.status_code == 400
    assert "needs no login" in answer.text
