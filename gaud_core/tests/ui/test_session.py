"""Sessions as values: signed, bound to a key's text, ended by time."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaud_core.access import Identity, Key, KeyLimits
from gaud_core.access.values import digest_of
from gaud_core.ui.session import IDLE_MS, LONGEST_MS, Sessions

from ..clock import Clock

KEY = "sk-prx-test-key"
IDENTITY = Identity(
    "user_1",
    "member",
    Key("key_1", "user_1", "sk-prx-test", "", 0, None, None, None, KeyLimits()),
    digest_of(KEY),
)
SESSIONS = Sessions(b"s" * 32, Clock())


def test_a_cookie_comes_back_as_the_session() -> None:
    """What was written is read."""
    session = SESSIONS.signed_in(IDENTITY)
    assert SESSIONS.read(SESSIONS.written(session)) == session


@given(st.text(max_size=300))
def test_what_is_no_cookie_is_no_session(text: str) -> None:
    """Any text at all is refused without an error."""
    assert SESSIONS.read(text) is None


@given(st.data())
def test_a_changed_cookie_is_no_session(data: st.DataObject) -> None:
    """One other character anywhere ends it."""
    cookie = SESSIONS.written(SESSIONS.signed_in(IDENTITY))
    place = data.draw(st.integers(0, len(cookie) - 2))  # the last one holds bits that nobody reads
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != cookie[place]))
    assert SESSIONS.read(cookie[:place] + other + cookie[place + 1 :]) is None


def test_the_cookie_of_another_gateway_is_no_session() -> None:
    """The secret signs it."""
    cookie = Sessions(b"t" * 32, Clock()).written(SESSIONS.signed_in(IDENTITY))
    assert SESSIONS.read(cookie) is None


def test_the_cookie_tells_neither_key_nor_digest() -> None:
    """Whoever finds it cannot call with it, nor look the key up."""
    session = SESSIONS.signed_in(IDENTITY)
    told = str(attrs.asdict(session))
    assert KEY not in told
    assert digest_of(KEY).hex() not in told


def test_a_session_is_of_one_text_of_the_key() -> None:
    """After a rotation it is of another one."""
    session = SESSIONS.signed_in(IDENTITY)
    assert SESSIONS.is_of(session, digest_of(KEY))
    assert not SESSIONS.is_of(session, digest_of("sk-prx-test-other"))


def test_an_idle_session_ends() -> None:
    """After an hour without a page."""
    clock = Clock()
    sessions = Sessions(b"s" * 32, clock)
    cookie = sessions.written(sessions.signed_in(IDENTITY))
    clock.now += IDLE_MS - 1
    assert sessions.read(cookie) is not None
    clock.now += 1
    assert sessions.read(cookie) is None


def test_a_session_in_use_is_renewed_but_not_for_ever() -> None:
    """It slides on, and ends twelve hours after the sign-in all the same."""
    clock = Clock()
    sessions = Sessions(b"s" * 32, clock)
    session = sessions.signed_in(IDENTITY)
    assert sessions.renewed(session) is None, "fresh enough"
    begun = clock.now
    while (later := sessions.renewed(session)) or clock.now < session.until - 1:
        session = later or session
        clock.now += 600_000
    assert session.until == begun + LONGEST_MS


def test_the_token_of_a_form_is_of_one_session() -> None:
    """Another session's is refused, and so is anything else."""
    one, other = SESSIONS.anonymous(), SESSIONS.anonymous()
    assert SESSIONS.is_csrf(one, SESSIONS.csrf(one))
    for wrong in (SESSIONS.csrf(other), "", "é", SESSIONS.written(one)):
        assert not SESSIONS.is_csrf(one, wrong)


def test_nobody_signs_in_without_a_text() -> None:
    """A certificate's identity has no digest to bind a session to."""
    with pytest.raises(ValueError, match="only a key"):
        SESSIONS.signed_in(attrs.evolve(IDENTITY, digest=None))
