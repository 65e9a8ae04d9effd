"""Copilot's refusals: what a client is told, and what cures them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaud_core import LoginNeeded, ProviderError, Reply, UpstreamFailed, UpstreamRefused, UpstreamTimeout
from gaud_core.testing import Answer, Seen
from gaud_provider_copilot.cures import cure
from gaud_provider_copilot.refusals import refusal_or_error

from .conftest import World

NOW = 1_767_225_600.0
LIMIT = {"x-ratelimit-exceeded": "global-user-tps", "retry-after": "17"}


async def _raised(status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    reply = Reply(status, tuple((headers or {}).items()), content)
    with pytest.raises(ProviderError) as caught:
        await refusal_or_error(reply, lambda: NOW)
    return caught.value


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "body", "told", "code", "words"),
    [
        (401, "unauthorized: token expired\n", 401, None, "token expired"),
        (402, {"code": "quota_exceeded", "message": "All gone."}, 429, "insufficient_quota", "All gone."),
        (403, "The plan is paused.", 403, None, "The plan is paused."),
        (408, "", 502, None, "cancelled the call"),
        (422, {"error": {"message": "Harmful."}}, 400, "content_filter", "Harmful."),
        (424, "", 502, None, "has failed"),
        (429, {"code": "user_global", "message": "Slow."}, 429, "user_global", "Slow."),
        (429, "", 429, "copilot_rate_limited", "limits this account"),
        (
            429,
            {"type": "rate_limit_error", "code": "extension_blocked", "message": {"a": 1}},
            429,
            "extension_blocked",
            "extension_blocked",
        ),
        (466, "client not supported", 400, "client_not_supported", "client not supported"),
        (499, "", 502, None, "cancelled the call"),
        (500, "<html>Unicorn!</html>", 502, "upstream_failed", "Copilot answers 500."),
        (503, {"error": {"message": "overloaded"}}, 429, "copilot_rate_limited", "overloaded"),
        (400, "bad request: missing Editor-Version header", 400, None, "Editor-Version"),
        (400, {"error": "a text"}, 400, None, "a text"),
    ],
)
async def test_in_words(status: int, body: Any, told: int, code: str | None, words: str) -> None:
    """Each status that Copilot has, as clients of OpenAI know it."""
    error = await _raised(status, body)
    assert error.http_status == told
    assert words in error.message
    assert error.error_code in {code, "upstream_failed"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("17", 17),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("999999999999", None),
        ("soon", None),
        ("", None),
    ],
)
async def test_until_when(told: str, seconds: int | None) -> None:
    """Copilot says it in seconds or as a date."""
    assert (await _raised(429, "", {"retry-after": told})).retry_after == seconds


@pytest.mark.anyio
async def test_which_limit() -> None:
    """Copilot names it in a header."""
    error = await _raised(429, "", LIMIT)
    assert (error.message, error.retry_after) == ("Copilot limits this account (global-user-tps).", 17)


@pytest.mark.anyio
async def test_a_long_refusal_is_cut() -> None:
    """Nothing of any length is held, or told."""
    assert len((await _raised(403, "x" * 10_000_000)).message) < 400


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (UpstreamRefused("", status=429, code="insufficient_quota"), "whole again on 2026-12-01."),
        (UpstreamRefused("", status=400, code="client_not_supported"), "providers.work.editor_version"),
        (
            UpstreamRefused("Unsupported parameter: 'max_tokens'", code="unsupported_parameter"),
            "providers.work.max_completion_tokens_for",
        ),
        (UpstreamRefused("", status=403, code="no_copilot_access"), "Sign up for Copilot at https://"),
        (
            UpstreamRefused("", status=403, code="model_policy"),
            "https://github.com/settings/copilot/features",
        ),
        (UpstreamRefused("", status=403, code="login_of_another_app"), "gaud login work"),
        (UpstreamRefused("", status=403), "log in again: gaud login work"),
        (UpstreamRefused("", status=401), "log in again: gaud login work"),
        (UpstreamRefused("", status=429, retry_after=17), "try again in 17 s"),
        (LoginNeeded(""), "Log in again: gaud login work"),
        (LoginNeeded("", hint="Run: gaud login work"), "Run: gaud login work"),
        (UpstreamTimeout(""), "providers.work.timeout_secs"),
        (UpstreamFailed(""), "providers.work.domain"),
    ],
)
def test_cures(failure: ProviderError, words: str) -> None:
    """Each names what to do, and the instance that it is about."""
    assert words in (cure(failure, "work", "2026-12-01") or "")


def test_no_cure_is_made_up() -> None:
    """What nobody can cure has none."""
    assert cure(UpstreamRefused("", status=400), "work", "") is None


def _forbidding(world: World, status: int, *, lasting: bool) -> list[str]:
    """Let GitHub refuse the first token, or every one; give the tokens that it has seen."""
    seen_tokens: list[str] = []

    def answer(seen: Seen) -> Answer:
        seen_tokens.append(seen.header("authorization") or "")
        if lasting or seen_tokens[-1] == seen_tokens[0]:
            return Answer.whole(b"forbidden\n", status, content_type="text/plain")
        return Answer.json({"choices": [{"message": {"content": "Hi"}}]})

    world.github.answer = answer
    return seen_tokens


def test_a_403_may_speak_of_yesterday(world: World) -> None:
    """The account's rights are written in its token: with a new one it may go through."""
    tokens = _forbidding(world, 403, lasting=False)
    assert world.ask("gpt-4o").status_code == 200
    assert (len(set(tokens)), world.github.exchanges) == (2, 1)


def test_a_403_that_stays_is_no_loop(world: World) -> None:
    """One new token shows that it is meant; calls after that ask GitHub for no more."""
    tokens = _forbidding(world, 403, lasting=True)
    answers = [world.ask("gpt-4o") for _ in range(4)]
    assert {answer.status_code for answer in answers} == {403}
    assert (len(tokens), world.github.exchanges) == (5, 1)
    assert "https://github.com/settings/copilot" in answers[-1].headers["x-gaud-hint"]


def test_a_402_is_not_tried_again(world: World) -> None:
    """The token with the old quota in it is dropped, once, and the call is answered."""
    tokens = _forbidding(world, 402, lasting=True)
    assert [world.ask("gpt-4o").status_code for _ in range(3)] == [429, 429, 429]
    assert (len(tokens), world.github.exchanges) == (3, 1)


def test_a_refused_list_rests(world: World) -> None:
    """GitHub is not asked for models every few seconds by somebody whom it has refused."""
    refused = Answer.whole(b"Copilot is paused for this plan.\n", 403, content_type="text/plain")
    world.upstream.on("/models", refused)
    told = [str(world.gateway.ask_again()) for _ in range(3)]
    assert set(told) == {"Copilot answers 403 when asked for its models: Copilot is paused for this plan."}
    assert sum(seen.path == "/models" for seen in world.upstream.seen) == 2  # one of them when it was fresh
