"""A token: what it reads, what it keeps, and what it never shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core import Mistake, Token
from gaud_core.provider.login.token import fields_of, token_of

from .support import NOW, token

TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=4)
TOKENS = st.builds(
    Token,
    access_token=TEXT,
    refresh_token=st.none() | TEXT,
    expires_at=st.none() | st.integers(0, 10**12) | st.floats(0, 1e12),
    scope=TEXT,
    extra=st.dictionaries(TEXT.map("x-{}".format), JSON, max_size=4),
)


def test_no_secret_shows() -> None:
    """Neither of the tokens, nor what came with them, is in a repr or a text."""
    shown = token(extra={"id_token": "id-test-1"})
    for text in (repr(shown), str(shown), f"{shown}"):
        assert "test-1" not in text


@given(TOKENS)
def test_fields_are_read_back(kept: Token) -> None:
    """What is written is what is read."""
    assert token_of(fields_of(kept)) == kept


@pytest.mark.parametrize("spelling", ["snake", "camel"])
def test_answer_in_both_spellings(spelling: str) -> None:
    """Lifetimes count from now, and what is no standard member is kept."""
    answer = {"access_token": "access-test", "refresh_token": "refresh-test", "expires_in": 60, "arn": "a"}
    if spelling == "camel":
        answer = {"accessToken": "access-test", "refreshToken": "refresh-test", "expiresIn": 60, "arn": "a"}
    assert Token.from_answer(answer, NOW) == Token("access-test", "refresh-test", NOW + 60, "", {"arn": "a"})


def test_lifetime_as_text() -> None:
    """Some servers put the number in quotes."""
    assert Token.from_answer({"access_token": "t", "expires_in": "60"}, NOW).expires_at == NOW + 60


def test_no_lifetime_is_for_ever() -> None:
    """GitHub's tokens do not end."""
    assert Token.from_answer({"access_token": "t"}, NOW).good_for(1e9, NOW)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "`access_token` is missing"),
        ({"access_token": ""}, "`access_token` is empty"),
        ({"access_token": 7}, "`access_token` is no text"),
        ({"access_token": "a\r\nx-evil: 1"}, "`access_token` holds a character"),
        ({"access_token": "t", "expires_in": "soon"}, "`expires_in` is no number"),
        ({"access_token": "t", "expires_in": True}, "`expires_in` is no number"),
        ({"access_token": "t", "expires_in": float("nan")}, "`expires_in` is no number"),
        ({"access_token": "t", "expires_in": 10**400}, "`expires_in` is no number"),
        ({"access_token": "t", "refresh_token": ["secret-test"]}, "`refresh_token` is no text"),
    ],
)
def test_answers_that_are_none(answer: dict[str, Any], said: str) -> None:
    """The member that is wrong is named, its value is not."""
    with pytest.raises(Mistake, match=said) as wrong:
        Token.from_answer(answer, NOW)
    assert "secret-test" not in str(wrong.value)


def test_renewal_keeps_what_it_does_not_bring() -> None:
    """The refresh token, the scope, and members that are unknown here."""
    old = token(scope="read", extra={"host": "a", "login": "me"})
    new = old.renewed(Token("access-test-2", extra={"host": "b"}))
    assert new == Token("access-test-2", "refresh-test-1", None, "read", {"host": "b", "login": "me"})
