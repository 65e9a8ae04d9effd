"""`/metrics`: what calls have come to, for whoever has a key for it."""

from __future__ import annotations

from gaud_core.config.sections import Metrics
from gaud_core.settings import Secret
from gaud_core.testing import ScriptedUpstream, chat_completion

from .books import ADMIN, COST, Priced, bearer
from .support import AcmeSettings, Starter


def test_a_call_is_counted_with_its_tokens_and_its_cost(serve: Starter, upstream: ScriptedUpstream) -> None:
    """Whoever has an administrator's key, or the key for this page, sees it; nobody else does."""
    upstream.default = chat_completion()
    gaud = serve(
        acme=AcmeSettings(url=upstream.url),
        kind=Priced,
        key=ADMIN,
        metrics=Metrics(key=Secret("scrape-test-key")),
    )
    assert gaud.chat(headers=bearer(ADMIN)).status == 200
    assert gaud.chat(headers=bearer(ADMIN), model="acme:unheard-of").status == 200
    assert gaud.get("/metrics").status == 401
    for key in (ADMIN, "scrape-test-key"):
        answered = gaud.get("/metrics", headers=bearer(key))
        assert answered.status == 200
        lines = answered.body.decode().splitlines()
        for model in ("m", "other"):
            labels = f'provider="acme",model="{model}",endpoint="chat/completions",status="200"'
            assert f"gaud_calls_total{{{labels}}} 1" in lines
        assert 'gaud_tokens_total{provider="acme",model="m",direction="output"} 7' in lines
        assert f'gaud_cost_usd_total{{provider="acme",model="m"}} {COST / 1e9!r}' in lines
        assert 'gaud_call_seconds_count{provider="acme"} 2' in lines
        assert 'gaud_breakers{provider="acme",state="closed"} 1' in lines
        assert "gaud_calls_running 0" in lines
    assert gaud.get("/v1/models", headers=bearer("scrape-test-key")).status == 401


def test_refusals_are_counted(serve: Starter) -> None:
    """A call that gets no further than the door has no provider and no model."""
    gaud = serve(acme=AcmeSettings(url="http://127.0.0.1:1"), key=ADMIN)
    assert gaud.chat().status == 401
    lines = gaud.get("/metrics", headers=bearer(ADMIN)).body.decode().splitlines()
    assert 'gaud_calls_total{provider="",model="",endpoint="chat/completions",status="401"} 1' in lines
