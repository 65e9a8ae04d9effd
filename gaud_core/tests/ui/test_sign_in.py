"""Signing in, and everything that ends a session."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gaud_core.access import Key
from gaud_core.config import Server, TLSClientCert
from gaud_core.testing import ScriptedUpstream

from .support import ADMIN, House, house


def key_of(found: House, user_id: str) -> Key:
    """The only key of a user."""
    return found.people.keys(user_id)[0]


def test_a_key_opens_and_the_cookie_is_out_of_reach(lasting: House) -> None:
    """No script can read the cookie, no other site send it, and it goes to the dashboard only."""
    answer = lasting.nobody().sign_in(ADMIN)
    assert answer.headers["location"] == "/ui/dashboard"
    cookie = answer.headers["set-cookie"].lower()
    for part in ("gaud_session=", "httponly", "samesite=strict", "path=/ui"):
        assert part in cookie
    assert "max-age" not in cookie
    assert ADMIN not in str(answer.headers)


def test_the_session_is_another_one_after_the_sign_in(lasting: House) -> None:
    """Nobody can plant a session on somebody and wait until he signs in with it."""
    visitor = lasting.nobody()
    before = visitor.token()
    visitor.sign_in(ADMIN)
    assert visitor.token() != before


@pytest.mark.parametrize("key", ["sk-prx-wrong-test", "x", "é", "a b", "'; DROP TABLE keys; --"])
def test_a_wrong_key_is_refused_and_not_repeated(lasting: House, key: str) -> None:
    """The page says what to do, and does not show what was typed."""
    answer = lasting.nobody().sign_in(key)
    assert answer.status_code == 401
    assert "This key is not valid." in answer.text
    assert f'value="{key}"' not in answer.text
    assert len(key) < 3 or key not in answer.text


def test_an_empty_key_is_asked_for(lasting: House) -> None:
    """It says where keys come from."""
    answer = lasting.nobody().sign_in(" ")
    assert answer.status_code == 400
    assert "Paste your key" in answer.text


def test_wrong_keys_wait_as_at_the_door(own: House) -> None:
    """The dashboard is no way around the patience that guards the API."""
    visitor = own.nobody()
    for _ in range(10):
        visitor.sign_in("sk-prx-wrong-test")
    assert own.waits == []
    for _ in range(3):
        visitor.sign_in("sk-prx-wrong-test")
    assert own.waits == sorted(own.waits)
    assert own.waits[-1] > own.waits[0] > 0
    while (answer := visitor.sign_in("sk-prx-wrong-test")).status_code != 429:
        assert answer.status_code == 401
    assert int(answer.headers["retry-after"]) > 1
    assert "Too many wrong keys" in answer.text


def test_a_revoked_key_ends_its_session_at_the_next_request(lasting: House) -> None:
    """The page after that is the sign-in."""
    user, text = lasting.member("Revoked")
    visitor = lasting.visitor(text)
    assert visitor.get("/ui/usage").status_code == 200
    lasting.people.revoke_key(key_of(lasting, user).id, actor="test")
    assert visitor.get("/ui/usage").headers["location"].startswith("/ui/login?next=/ui/usage")


def test_a_deleted_user_has_no_session_any_more(lasting: House) -> None:
    """With all his keys it ends."""
    user, text = lasting.member("Deleted")
    visitor = lasting.visitor(text)
    lasting.people.delete_user(user, actor="test")
    assert visitor.get("/ui/usage").status_code == 303


def test_a_rotated_key_ends_its_session_when_its_grace_does(own: House) -> None:
    """As long as the old text works, so does what was begun with it."""
    user, text = own.member()
    visitor = own.visitor(text)
    own.people.rotate_key(key_of(own, user).id, 60, actor="test")
    assert visitor.get("/ui/usage").status_code == 200
    own.clock.now += 60_000
    assert visitor.get("/ui/usage").status_code == 303


def test_an_expired_key_ends_its_session(own: House) -> None:
    """At the very millisecond."""
    user = own.people.create_user("Ada", actor="test")
    text = own.people.create_key(user.id, expires_at=own.clock.now + 5000, actor="test")[1]
    visitor = own.visitor(text)
    own.clock.now += 4999
    assert visitor.get("/ui/usage").status_code == 200
    own.clock.now += 1
    assert visitor.get("/ui/usage").status_code == 303


def test_pages_renew_a_session_and_what_refreshes_itself_does_not(own: House) -> None:
    """A dashboard on a wall does not keep somebody signed in who has gone home."""
    visitor = own.visitor()
    own.clock.now += 30 * 60_000
    assert "set-cookie" not in visitor.get("/ui/dashboard/live").headers
    assert "set-cookie" in visitor.get("/ui/dashboard").headers
    own.clock.now += 59 * 60_000
    assert visitor.get("/ui/dashboard").status_code == 200
    own.clock.now += 61 * 60_000
    assert visitor.get("/ui/dashboard").status_code == 303


def test_signing_out_ends_the_session(lasting: House) -> None:
    """The browser holds another cookie then, of nobody."""
    visitor = lasting.visitor()
    assert visitor.post("/ui/logout").headers["location"] == "/ui/login?said=signed-out"
    assert visitor.get("/ui/dashboard").status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "//evil.test/",
        "https://evil.test/",
        "/ui/..//evil.test",
        "/ui/\\evil.test",
        "/elsewhere",
        "javascript:1",
    ],
)
def test_the_way_back_never_leads_away(lasting: House, path: str) -> None:
    """A link to the sign-in cannot send anybody to another site."""
    answer = lasting.nobody().sign_in(ADMIN, next=path)
    assert answer.headers["location"] == "/ui/dashboard"


def test_the_way_back_leads_to_the_page_that_was_wanted(lasting: House) -> None:
    """Who asked for a page gets it after the sign-in."""
    visitor = lasting.nobody()
    wanted = visitor.get("/ui/models/acme:m")
    page = visitor.get(wanted.headers["location"])
    back = re.search(r'name="next" value="([^"]+)"', page.text)
    assert back
    assert visitor.sign_in(ADMIN, next=back[1]).headers["location"] == "/ui/models/acme:m"


def test_a_bearer_key_does_not_open_pages(lasting: House) -> None:
    """Programs use the API; what a header opens, another site could use."""
    answer = lasting.nobody().get("/ui/dashboard", authorization=f"Bearer {ADMIN}")
    assert answer.status_code == 303


def test_without_keys_everybody_is_in(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """With `auth.enabled` off there is nothing to sign in with; forms are protected all the same."""
    with house(tmp_path, upstream.url, auth=False) as found:
        visitor = found.nobody()
        page = visitor.get("/ui/dashboard")
        assert page.status_code == 200
        assert "Keys are switched off" in page.text
        assert visitor.client.post("/ui/users", data={"name": "Ada"}).status_code == 403
        assert visitor.post("/ui/users", name="Ada").status_code == 303


def test_a_certificate_opens_pages(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Who calls without a key by his certificate looks at his pages without one."""
    sections: dict[str, Any] = {
        "server": Server(trusted_proxies=("127.0.0.1",)),
        "tls_client_cert": TLSClientCert(enabled=True),
    }
    with house(tmp_path, upstream.url, **sections) as found:
        found.member("Ada")
        visitor = found.nobody()
        page = visitor.get("/ui/usage", **{"x-client-cert-dn": "CN=Ada"})
        assert page.status_code == 200
        assert "Ada" in page.text
        assert visitor.get("/ui/usage").status_code == 303


def test_a_needed_certificate_is_needed_with_a_session_too(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """`require_cert` is not forgotten because somebody has signed in once."""
    sections: dict[str, Any] = {
        "server": Server(trusted_proxies=("127.0.0.1",)),
        "tls_client_cert": TLSClientCert(require_cert=True),
    }
    with house(tmp_path, upstream.url, **sections) as found:
        visitor = found.nobody()
        visitor.client.headers["x-client-cert-dn"] = "CN=Somebody"
        assert visitor.sign_in(ADMIN).status_code == 303
        assert visitor.get("/ui/dashboard").status_code == 200
        del visitor.client.headers["x-client-cert-dn"]
        answer = visitor.get("/ui/dashboard")
        assert answer.status_code == 401
        assert "certificate is needed" in answer.text


def test_behind_a_trusted_tls_proxy_the_cookie_is_for_tls_only(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """It must not go out in clear afterwards; nobody else can make Gaud believe in TLS."""
    with house(tmp_path, upstream.url, server=Server(trusted_proxies=("127.0.0.1",))) as found:
        secure = found.nobody().get("/ui/login", **{"x-forwarded-proto": "https"})
        assert "secure" in secure.headers["set-cookie"].lower()
        assert "secure" not in found.nobody().get("/ui/login").headers["set-cookie"].lower()
