"""Browsers: only the origins of the settings may call, and only then are there headers for them."""

from __future__ import annotations

import pytest

from gaud_core.config import Server
from gaud_core.testing import ScriptedUpstream, chat_completion

from .support import AcmeSettings, Served, Starter

ORIGIN = "https://app.example.com"
CALL = "/v1/chat/completions"
PREFLIGHT = [("origin", ORIGIN), ("access-control-request-method", "POST")]
PREFLIGHT += [("access-control-request-headers", "authorization,content-type,x-stainless-lang")]


def _gaud(serve: Starter, upstream: ScriptedUpstream, *origins: str) -> Served:
    server = Server(cors_origins=origins)
    return serve(acme=AcmeSettings(url=upstream.url), server=server, key="sk-prx-test")


def test_off_by_default(gaud: Served) -> None:
    """Without the setting there is no header for browsers, and a preflight is a 405."""
    assert gaud.get("/health", [("origin", ORIGIN)]).header("access-control-allow-origin") is None
    assert gaud.get(CALL, PREFLIGHT, method="OPTIONS").status == 405


@pytest.mark.parametrize("origins", [(ORIGIN,), ("*",)])
def test_preflight_of_a_known_origin(
    serve: Starter, upstream: ScriptedUpstream, origins: tuple[str, ...]
) -> None:
    """It needs no key and allows what an SDK sends."""
    answered = _gaud(serve, upstream, *origins).get(CALL, PREFLIGHT, method="OPTIONS")
    assert answered.status == 200
    assert answered.header("access-control-allow-origin") in {ORIGIN, "*"}
    assert "POST" in (answered.header("access-control-allow-methods") or "")
    allowed = answered.header("access-control-allow-headers") or ""
    assert "x-stainless-lang" in allowed
    assert "authorization" in allowed.lower()
    assert (answered.header("x-request-id") or "").startswith("req_")


def test_preflight_of_a_stranger(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Another origin is not allowed in."""
    headers = [("origin", "https://evil.test"), *PREFLIGHT[1:]]
    answered = _gaud(serve, upstream, ORIGIN).get(CALL, headers, method="OPTIONS")
    assert answered.header("access-control-allow-origin") is None
    assert answered.status == 400


def test_answers_and_errors_can_be_read(serve: Starter, upstream: ScriptedUpstream) -> None:
    """A page may read answers, errors, and the headers that say more; the upstream's own say nothing here."""
    upstream.add(chat_completion(headers={"access-control-allow-origin": "https://evil.test"}))
    gaud = _gaud(serve, upstream, ORIGIN)
    key = ("authorization", "Bearer sk-prx-test")
    for answered in (gaud.chat(headers=[("origin", ORIGIN), key]), gaud.chat(headers=[("origin", ORIGIN)])):
        assert answered.all("access-control-allow-origin") == [ORIGIN]
        assert "x-request-id" in (answered.header("access-control-expose-headers") or "").lower()
    assert answered.status == 401


def test_stranger_gets_no_leave_to_read(serve: Starter, upstream: ScriptedUpstream) -> None:
    """The call itself is not refused, since only browsers ask, but a page may not read it."""
    answered = _gaud(serve, upstream, ORIGIN).get("/health", [("origin", "https://evil.test")])
    assert answered.header("access-control-allow-origin") is None
