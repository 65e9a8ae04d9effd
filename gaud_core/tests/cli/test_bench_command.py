"""`gaud bench` over real sockets: in front of a real gateway, and of what stands for one."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gaud_core.testing import Answer, ScriptedUpstream, Seen, Signal, chat_completion, chat_stream

from .conftest import Ran, Run, Serving

KEY, OTHER = "sk-prx-test-key", "sk-upstream-secret"
TIMING = {"server-timing": "queue;dur=0.1, upstream;dur=0.01, settle;dur=0.1, edge;dur=3"}
LISTED = {
    "id": "work:gpt",
    "object": "model",
    "max_output_tokens": 4096,
    "usd_per_million_tokens": {"input": "3", "output": "10"},
}
CALLS = Callable[..., Ran]


def answer(seen: Seen) -> Answer:
    """Be a gateway with one model, and an upstream of it, for one key each."""
    if seen.path == "/":
        return Answer.json({"name": "gaud", "providers": ["work"]})
    if seen.header("authorization") not in {f"Bearer {KEY}", f"Bearer {OTHER}"}:
        return Answer.error(401, "Wrong key.", code="invalid_api_key")
    if seen.path == "/v1/models/work:gpt":
        return Answer.json(LISTED)
    if seen.method == "GET":
        return Answer.error(404, "Not listed.", code="model_not_found")
    return chat_stream(headers=TIMING) if seen.json.get("stream") else chat_completion(headers=TIMING)


@pytest.fixture
def gateway() -> Iterator[ScriptedUpstream]:
    """What stands for a Gaud, with a price and with Server-Timing."""
    with ScriptedUpstream.in_thread(answer) as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """An upstream behind a real Gaud."""
    with ScriptedUpstream.in_thread(
        lambda seen: chat_stream() if seen.json.get("stream") else chat_completion()
    ) as it:
        yield it


@pytest.fixture
def bench(gaud: Run, gateway: ScriptedUpstream) -> CALLS:
    """Run `gaud bench` at what stands for a Gaud."""

    def run(*words: str, **variables: str) -> Ran:
        return gaud("bench", *words, **{"GAUD_URL": gateway.url, "GAUD_KEY": KEY, **variables})

    return run


@pytest.fixture
def real(gaud: Run, serve: Callable[..., Serving], upstream: ScriptedUpstream) -> CALLS:
    """Run `gaud bench` at a real Gaud in front of the upstream."""
    serving = serve(GAUD_AUTH_BOOTSTRAP_KEY=KEY, GAUD_ACME_URL=upstream.url)
    url = f"http://127.0.0.1:{serving.port}"
    _wait_until_it_answers(gaud, url)
    return lambda *words, **variables: gaud(
        "bench", *words, **{"GAUD_URL": url, "GAUD_KEY": KEY, **variables}
    )


def _wait_until_it_answers(gaud: Run, url: str) -> None:
    """Ask until the gateway answers: it says that it listens a little before."""
    deadline = time.monotonic() + 10
    while "HTTP answers at" in gaud("bench", "acme:big", GAUD_URL=url, GAUD_KEY=KEY).err:
        assert time.monotonic() < deadline


def _row(report: str, name: str) -> list[str]:
    """The cells of a row of the report."""
    return (
        next(line for line in report.splitlines() if line.strip().startswith(name)).replace(name, "").split()
    )


def test_a_real_gateway_is_measured(real: CALLS, upstream: ScriptedUpstream) -> None:
    """Twenty calls and one before them arrive at the upstream, under the name that it knows."""
    ran = real("acme:big", "--yes")
    assert ran.code == 0, ran.err
    assert _row(ran.out, "through Gaud")[:2] == ["20", "0"]
    assert [float(cell) > 0 for cell in _row(ran.out, "answer")] == [True] * 3
    assert len(upstream.calls) == 21
    assert {call.json["model"] for call in upstream.calls} == {"big"}
    assert len({call.json["messages"][0]["content"] for call in upstream.calls}) == 21
    assert "20 calls to acme:big at http://127.0.0.1:" in ran.err
    assert "What they cost is not known: Gaud has no price for this model." in ran.err


def test_a_real_gateway_and_its_upstream_are_compared(real: CALLS, upstream: ScriptedUpstream) -> None:
    """The upstream is called by its own name for the model, with its own key, and never with Gaud's."""
    words = (
        "--direct",
        f"{upstream.url}/",
        "--direct-key-env",
        "OTHER_KEY",
        "--calls",
        "5",
        "--connections",
        "2",
    )
    ran = real("acme:big", "--yes", *words, OTHER_KEY=OTHER)
    assert ran.code == 0, ran.err
    assert (_row(ran.out, "through Gaud")[:2], _row(ran.out, "direct")[:2]) == (["5", "0"], ["5", "0"])
    assert len(_row(ran.out, "added")) == len(_row(ran.out, "ratio")) == 3
    direct = [call for call in upstream.calls if call.header("authorization") == f"Bearer {OTHER}"]
    assert len(direct) == 6
    assert {(call.path, call.json["model"]) for call in direct} == {("/v1/chat/completions", "big")}
    assert f"Bearer {KEY}" not in {call.header("authorization") for call in upstream.seen}


def test_streams_of_a_real_gateway(real: CALLS) -> None:
    """The first chunk and the pace of chunks."""
    ran = real("acme:big", "--yes", "--stream", "--calls", "3", "--prompt", "Hello!")
    assert ran.code == 0, ran.err
    for row in ("answer", "first chunk", "between chunks", "longest wait for a chunk"):
        assert len(_row(ran.out, row)) == 3


def test_what_a_real_gateway_refuses(real: CALLS, upstream: ScriptedUpstream) -> None:
    """A wrong key and an unknown model end it before anybody is asked, in the gateway's words."""
    assert "does not accept the key. `gaud keys create USER`" in real("acme:big", "--key", "sk-prx-no").err
    ran = real("acmee:big")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "There is no model `acmee:big`. Did you mean `acme:big`?\n"
    assert upstream.calls == []


def test_a_real_upstream_that_fails(real: CALLS, upstream: ScriptedUpstream) -> None:
    """Its first error ends it, as the gateway passes it on."""
    upstream.default = Answer.error(503, "The machines are asleep.")
    ran = real("acme:big", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "The first call failed, so there is no other. http://127.0.0.1:" in ran.err
    assert ": 503: The machines are asleep.\n" in ran.err
    assert len(upstream.calls) == 1


def test_some_calls_that_fail(bench: CALLS, gateway: ScriptedUpstream) -> None:
    """They are told by their status with the first one's words, and the exit code is 1."""
    gateway.add(chat_completion(headers=TIMING), Answer.rate_limited(), Answer.error(502, "Bad."))
    gateway.on("/v1/models/work:gpt", Answer.json(LISTED))
    ran = bench("work:gpt", "--yes", "--calls", "5")
    assert ran.code == 1
    assert _row(ran.out, "through Gaud")[:2] == ["5", "2"]
    assert "Failed:\n  1 × 429: Rate limit reached\n  1 × 502: Bad.\n" in ran.out


def test_the_price_is_said_before(bench: CALLS, gateway: ScriptedUpstream) -> None:
    """The most that all calls can cost, and each; and then nothing happens without a yes."""
    ran = bench("work:gpt", "--prompt", "Hello!")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"20 calls to work:gpt at {gateway.url}/v1, and one to warm up.\n"
        "They may cost up to $0.005124 in all, $0.000244 each, by Gaud's prices.\n"
        "No call was made, because there is no terminal to ask at. Say --yes to do it.\n"
    )
    assert [seen for seen in gateway.seen if seen.method == "POST"] == []


def test_where_the_time_goes(bench: CALLS) -> None:
    """What Server-Timing says of each part, also of one that nobody knows, and what is left of the whole."""
    ran = bench("work:gpt", "--yes", "--calls", "2")
    assert _row(ran.out, "queue") == ["0.10"] * 3
    assert _row(ran.out, "edge") == ["3.00"] * 3
    answer, own = float(_row(ran.out, "answer")[0]), float(_row(ran.out, "all but upstream")[0])
    assert own == pytest.approx(answer - 0.01, abs=0.011)
    assert "no Server-Timing" not in ran.out


def test_as_json(bench: CALLS, gateway: ScriptedUpstream) -> None:
    """One object alone on standard output; the plan is told beside it."""
    direct = ("--direct", f"{gateway.url}/v1", "--direct-key-env", "OTHER_KEY")
    ran = bench("work:gpt", "--yes", "--json", "--stream", "--calls", "3", *direct, OTHER_KEY=OTHER)
    found = json.loads(ran.out)
    assert (ran.code, found["gaud"]["calls"], found["direct"]["calls"]) == (0, 3, 3)
    assert (found["gaud"]["model"], found["direct"]["model"]) == ("work:gpt", "gpt")
    assert set(found["added"]) == {"latency_ms", "first_chunk_ms", "between_chunks_ms", "longest_wait_ms"}
    assert found["gaud"]["server_timing_ms"]["upstream"] == {"p50": 0.01, "p95": 0.01, "p99": 0.01}
    assert "As many to gpt at" in ran.err


def test_another_model_and_another_path_at_the_upstream(bench: CALLS, gateway: ScriptedUpstream) -> None:
    """A base address with a path is taken as it is."""
    gateway.on("/api/chat/completions", chat_completion())
    ran = bench(
        "work:gpt", "--yes", "--calls", "1", "--direct", f"{gateway.url}/api", "--direct-model", "x:y"
    )
    assert ran.code == 0, ran.err
    assert {seen.json["model"] for seen in gateway.seen if seen.path.startswith("/api")} == {"x:y"}


def test_a_model_that_is_passed_on_without_being_listed(bench: CALLS) -> None:
    """It can be measured, at a price that nobody knows."""
    ran = bench("work:other", "--yes", "--calls", "1")
    assert ran.code == 0, ran.err
    assert "What they cost is not known: Gaud does not list this model." in ran.err


def test_a_gateway_without_keys(bench: CALLS, gateway: ScriptedUpstream) -> None:
    """Nobody is asked for a key that is not needed."""
    gateway.on("/v1/models/work:gpt", Answer.json(LISTED))
    gateway.on("/v1/chat/completions", chat_completion())
    assert bench("work:gpt", "--yes", "--calls", "1", GAUD_KEY="").code == 0


def test_a_person_is_asked_for_the_key(bench: CALLS, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gateway wants one, and there is none in the environment."""
    monkeypatch.setattr("gaud_core.cli.reach.sees_a_person", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *words, **options: KEY)
    assert bench("work:gpt", "--yes", "--calls", "1", GAUD_KEY="").code == 0


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        ([], {"GAUD_KEY": ""}, "There is no key: set GAUD_KEY."),
        ([], {"GAUD_KEY": "sk-prx-wrong"}, "does not accept the key."),
        ([], {"GAUD_URL": "http://127.0.0.1:1"}, "Start Gaud with `gaud serve`"),
        (["--direct", "http://me:pass@127.0.0.1"], {}, "--direct: only the address belongs there"),
        (["--direct", "elsewhere"], {}, "--direct is no address"),
        (["--direct", "URL", "--direct-key-env", "NOT_THERE"], {}, "the variable NOT_THERE is not set"),
        (
            ["--direct", "URL", "--direct-key-env", "OTHER"],
            {"OTHER": "sk with\nmore"},
            "what OTHER holds is no key",
        ),
        (
            ["--direct", "URL", "--yes"],
            {},
            "401: Wrong key. It got no key: --direct-key-env names the variable",
        ),
        (["--direct", "http://127.0.0.1:1", "--yes"], {}, "`direct` cannot be reached: connection refused."),
    ],
)
def test_what_is_wrong_has_a_cure(
    bench: CALLS, gateway: ScriptedUpstream, words: list[str], variables: dict[str, str], said: str
) -> None:
    """In a sentence on standard error, exit code 1, and never a key."""
    ran = bench("work:gpt", *(gateway.url if word == "URL" else word for word in words), **variables)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    for secret in (KEY, "pass@", "sk with"):
        assert secret not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["--prompt", "x", "--size", "5"],
        ["--direct-model", "x"],
        ["--direct-key-env", "X"],
        ["--calls", "0"],
        ["--seconds", "soon"],
    ],
)
def test_words_that_do_not_go_together(bench: CALLS, words: list[str]) -> None:
    """Exit code 2, before anybody is asked anything."""
    assert bench("work:gpt", *words).code == 2


def test_a_key_that_somebody_repeats_is_masked(bench: CALLS, gateway: ScriptedUpstream) -> None:
    """Also the key of the upstream in an answer of the gateway."""
    words = ("--direct", gateway.url, "--direct-key-env", "OTHER_KEY", "--yes")
    gateway.add(Answer.error(400, f"Bad keys {KEY} and {OTHER}"))
    gateway.on("/v1/models/work:gpt", Answer.json(LISTED))
    gateway.on("/", Answer.json({"providers": ["work"]}))
    ran = bench("work:gpt", *words, OTHER_KEY=OTHER)
    assert "400: Bad keys ******** and ********." in ran.err


def test_what_is_no_gaud_is_told(bench: CALLS) -> None:
    """Something else answers at the address."""
    with ScriptedUpstream.in_thread(lambda _: Answer.html(status=200)) as other:
        assert "answers 200 when it is asked for a model. Is that Gaud?" in bench("x", GAUD_URL=other.url).err


def _started(
    environ: dict[str, str], gateway: ScriptedUpstream, *words: str, **streams: Any
) -> subprocess.Popen[str]:
    """A `gaud bench` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gaud_core", "bench", "work:gpt", *words],
        env={**environ, "GAUD_URL": gateway.url, "GAUD_KEY": KEY, "TERM": "xterm", "COLUMNS": "80"},
        text=True,
        **streams,
    )


def test_ctrl_c_ends_it_with_a_report(
    environ: dict[str, str], gateway: ScriptedUpstream, folder: Path
) -> None:
    """What was measured is told, the call that runs is let go of, and the exit code is the shell's."""
    gateway.on("/v1/models/work:gpt", Answer.json(LISTED))
    gateway.add(*[chat_completion(headers=TIMING)] * 4, Answer.stalled(Signal()))
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = _started(environ, gateway, "--yes", **pipes)
    hanging = gateway.wait_call(5, 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, _row(out, "through Gaud")[:2]) == (130, ["3", "0"]), err
    assert "Ended early by Ctrl-C." in out
    assert "Traceback" not in err
    assert "Abort" not in err
    assert hanging.disconnected.wait_blocking()


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("n", 1)])
def test_at_a_terminal_it_is_asked(
    environ: dict[str, str], gateway: ScriptedUpstream, folder: Path, typed: str, code: int
) -> None:
    """After what it can cost; then a line counts, and is gone before the report comes."""
    ours, theirs = pty.openpty()
    process = _started(environ, gateway, "--calls", "3", stdin=theirs, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    seen = _read_until(ours, b"[y/N]")
    assert b"They may cost up to $" in seen
    os.write(ours, f"{typed}\n".encode())
    out, _ = process.communicate(timeout=30)
    rest = _read_until(ours, None)
    os.close(ours)
    assert process.returncode == code
    assert (b"0 of 3 calls, 0 failed" in rest, b"No call was made." in rest) == (code == 0, code == 1)
    assert ("through Gaud" in out) == (code == 0)
    assert "\x1b" not in out


def _read_until(terminal: int, wanted: bytes | None) -> bytes:
    """What a terminal shows until some words are there; until its end without any."""
    seen = b""
    while wanted is None or wanted not in seen:
        try:
            seen += os.read(terminal, 1000)
        except OSError:  # Linux's way to say that nobody writes any more
            return seen
    return seen


def test_help_is_complete(gaud: Run) -> None:
    """It says that calls cost something."""
    ran = gaud("bench", "--help")
    assert ran.code == 0
    assert "They cost what calls cost" in ran.out
