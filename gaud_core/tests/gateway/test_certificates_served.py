"""Client certificates that a TLS proxy has checked: believed from it alone, and a key like any other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gaud_core.access import Budget, KeyLimits
from gaud_core.config import Auth, Server, TLSClientCert
from gaud_core.store.schema import keys
from gaud_core.testing import ScriptedUpstream, chat_completion

from .books import ADMIN, Priced, bearer, count_of_rows, key_id, member, only, people, priced, store_of
from .support import AcmeSettings, Served, Starter
from .wire import Answered

DN = "x-client-cert-dn"
HERE = ("127.0.0.1",)
ELSEWHERE = ("10.0.0.0/8",)
ENABLED = TLSClientCert(enabled=True)
REQUIRED = TLSClientCert(require_cert=True)
BOTH = TLSClientCert(enabled=True, require_cert=True)


def _start(
    serve: Starter,
    upstream: ScriptedUpstream,
    certificates: TLSClientCert = ENABLED,
    trusted: tuple[str, ...] = HERE,
) -> Served:
    upstream.default = chat_completion()
    server = Server(trusted_proxies=trusted)
    gaud = priced(serve, upstream.url, server=server, tls_client_cert=certificates)
    people(gaud).create_user("Ada", actor="test")
    return gaud


def _come(gaud: Served, *subjects: str, key: str | None = None) -> Answered:
    return gaud.chat(
        headers=[*((DN, subject.encode()) for subject in subjects), *(bearer(key) if key else [])]
    )


def _refusal(answered: Answered) -> tuple[int, Any]:
    return answered.status, answered.error["code"]


def test_a_certificate_is_enough(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Its user calls without a key, and the call is booked to him."""
    gaud = _start(serve, upstream)
    assert _come(gaud, "CN=Ada,O=Acme").status == 200
    (user,) = (user for user in people(gaud).users() if user.name == "Ada")
    row = only(gaud)
    assert (row.user_id, row.key_id) == (user.id, f"cert_{user.id}")
    assert gaud.get("/v1/models", [(DN, "Ada")]).status == 200
    assert [key.label for key in people(gaud).keys(user.id)] == ["client certificate"]
    assert upstream.wait_call().header(DN) is None


def test_its_key_is_made_once(serve: Starter, upstream: ScriptedUpstream) -> None:
    """However many first calls come at once."""
    gaud = _start(serve, upstream)
    before = count_of_rows(store_of(gaud), keys)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: _come(gaud, "CN=Ada").status, range(32)))
    assert statuses == [200] * 32
    assert count_of_rows(store_of(gaud), keys) == before + 1


@pytest.mark.parametrize("trusted", [ELSEWHERE, ("127.0.0.2",)])
@pytest.mark.parametrize("certificates", [ENABLED, BOTH, REQUIRED])
def test_a_header_from_anybody_else_is_none(
    serve: Starter, upstream: ScriptedUpstream, certificates: TLSClientCert, trusted: tuple[str, ...]
) -> None:
    """Whoever is no trusted proxy may write what he likes, also of where he comes from."""
    gaud = _start(serve, upstream, certificates, trusted)
    forged = [(DN, "CN=Administrator"), ("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")]
    assert gaud.chat(headers=forged).status == 401
    assert gaud.get("/v1/models", forged).status == 401
    assert upstream.calls == []


@pytest.mark.parametrize(
    "subjects",
    [
        ("CN=Ada", "CN=Ada"),
        ("CN=Eve", "CN=Ada"),
        ("",),
        ("   ",),
        ("(null)",),
    ],
)
@pytest.mark.parametrize("certificates", [ENABLED, BOTH])
def test_what_counts_as_no_certificate(
    serve: Starter, upstream: ScriptedUpstream, certificates: TLSClientCert, subjects: tuple[str, ...]
) -> None:
    """Two headers, since one may be the client's own; an empty one; what Apache writes for none."""
    gaud = _start(serve, upstream, certificates)
    code = "missing_certificate" if certificates.require_cert else "missing_api_key"
    assert _refusal(_come(gaud, *subjects)) == (401, code)


@pytest.mark.parametrize(
    "subject",
    [
        "O=x\\,CN=Ada",
        "O=a/CN=Ada",
        "/O=a/CN=Ada",
        "CN=Ada,CN=Eve",
        "CN=Ada\\",
        "CN=Ada\\ ",
        "CN=ada",
        "CN=Аda",  # a Cyrillic letter
        "CN=Ada\u00a0Lovelace",
        'CN="Ada"',
        "CN=Ad\\61",
        "CN=Nobody",
        "CN=Ada' OR '1'='1",
        "CN=A%",
        "CN=" + "A" * 10_000,
        "user_bootstrap",
        "CN=key_bootstrap",
    ],
)
def test_a_subject_that_names_nobody(serve: Starter, upstream: ScriptedUpstream, subject: str) -> None:
    """It is 401 in the same words, whatever is wrong with it."""
    answered = _come(_start(serve, upstream), subject)
    assert _refusal(answered) == (401, "invalid_api_key")
    assert answered.message == "This certificate names no user here."
    assert upstream.calls == []


def test_a_name_that_is_free_again(serve: Starter, upstream: ScriptedUpstream) -> None:
    """The certificate belongs to the user who has the name now, and to nobody between the two."""
    gaud = _start(serve, upstream)
    (first,) = (user for user in people(gaud).users() if user.name == "Ada")
    people(gaud).delete_user(first.id, actor="test")
    assert _come(gaud, "CN=Ada").status == 401
    people(gaud).create_user("Ada", actor="test")
    assert _come(gaud, "CN=Ada").status == 200


@pytest.mark.parametrize("dead", ["revoked", "expired", "deleted"])
def test_a_certificate_whose_user_may_not_come_any_more(
    serve: Starter, upstream: ScriptedUpstream, dead: str
) -> None:
    """Its key is revoked or expired or its user deleted: refused at once, and no new key is made."""
    gaud = _start(serve, upstream)
    assert _come(gaud, "CN=Ada").status == 200
    register, key = people(gaud), key_id(gaud)
    if dead == "revoked":
        register.revoke_key(key, actor="test")
    elif dead == "expired":
        register.patch_key(key, {"expires_at": 1}, actor="test")
    else:
        register.delete_user(key.removeprefix("cert_"), actor="test")
    before = count_of_rows(store_of(gaud), keys)
    assert _refusal(_come(gaud, "CN=Ada")) == (401, "invalid_api_key")
    assert gaud.get("/v1/models", [(DN, "CN=Ada")]).status == 401
    assert count_of_rows(store_of(gaud), keys) == before
    assert len(upstream.calls) == 1


def test_a_certificates_key_has_limits(serve: Starter, upstream: ScriptedUpstream) -> None:
    """They are set like those of any key, and its user's budget counts."""
    gaud = _start(serve, upstream)
    _come(gaud, "CN=Ada")
    key = key_id(gaud)
    people(gaud).patch_key(key, {"rpm": 2}, actor="test")
    assert [_come(gaud, "CN=Ada").status for _ in range(2)] == [200, 429]
    people(gaud).patch_key(key, {"rpm": None, "models": ["other"]}, actor="test")
    assert _come(gaud, "CN=Ada").status == 403
    people(gaud).patch_key(key, {"models": []}, actor="test")
    people(gaud).set_budget(key.removeprefix("cert_"), Budget(daily_nanos=0), actor="test")
    assert _come(gaud, "CN=Ada").error["code"] == "insufficient_quota"


@pytest.mark.parametrize(
    ("certificates", "subject", "key", "code"),
    [
        (REQUIRED, "CN=Nobody", ADMIN, None),
        (REQUIRED, "anything at all", ADMIN, None),
        (REQUIRED, None, ADMIN, "missing_certificate"),
        (REQUIRED, "", ADMIN, "missing_certificate"),
        (REQUIRED, "(null)", ADMIN, "missing_certificate"),
        (REQUIRED, "CN=Ada", None, "missing_api_key"),
        (REQUIRED, "CN=Ada", "sk-prx-test-wrong", "invalid_api_key"),
        (REQUIRED, None, None, "missing_certificate"),
        (BOTH, "CN=Ada", None, None),
        (BOTH, None, ADMIN, "missing_certificate"),
        (BOTH, "CN=Ada", "sk-prx-test-wrong", "invalid_api_key"),
        (ENABLED, None, ADMIN, None),
        (ENABLED, "CN=Nobody", ADMIN, None),
        (ENABLED, "CN=Ada", "sk-prx-test-wrong", "invalid_api_key"),
        (TLSClientCert(), "CN=Ada", None, "missing_api_key"),
    ],
)
def test_certificates_and_keys(
    serve: Starter,
    upstream: ScriptedUpstream,
    certificates: TLSClientCert,
    subject: str | None,
    key: str | None,
    code: str | None,
) -> None:
    """A key that is sent decides who calls; a required certificate is needed besides."""
    gaud = _start(serve, upstream, certificates)
    answered = _come(gaud, *([] if subject is None else [subject]), key=key)
    assert answered.status == (401 if code else 200)
    if code:
        assert answered.error["code"] == code


def test_a_required_certificate_is_needed_without_keys_too(
    serve: Starter, upstream: ScriptedUpstream
) -> None:
    """Who asks for certificates and switches keys off has not meant to let everybody in."""
    upstream.default = chat_completion()
    gaud = serve(
        acme=AcmeSettings(url=upstream.url),
        kind=Priced,
        server=Server(trusted_proxies=HERE),
        tls_client_cert=REQUIRED,
    )
    assert gaud.gateway.config.auth == Auth(enabled=False)
    assert _refusal(_come(gaud)) == (401, "missing_certificate")
    assert _come(gaud, "CN=Ada").status == 200


def test_a_header_of_another_name(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Only the configured one counts, and none that merely looks like it."""
    gaud = _start(serve, upstream, TLSClientCert(enabled=True, header_name="x-ssl-subject"))
    assert gaud.chat(headers=[("X-SSL-Subject", "CN=Ada")]).status == 200
    for name in (DN, "x_ssl_subject", "x-ssl-subject-dn"):
        assert gaud.chat(headers=[(name, "CN=Ada")]).status == 401


def test_a_certificate_of_a_member_with_limits_of_another_key(
    serve: Starter, upstream: ScriptedUpstream
) -> None:
    """His keys are apart: the certificate has not the limits of the other."""
    gaud = priced(serve, upstream.url, server=Server(trusted_proxies=HERE), tls_client_cert=ENABLED)
    upstream.default = chat_completion()
    key = member(gaud, KeyLimits(("other",)))
    assert _come(gaud, key=key).status == 403
    assert _come(gaud, "CN=Ada").status == 200
