"""What can go right and wrong, played through with real Gauds in front of scripted upstreams."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gaud_core.testing import (
    Answer,
    ScriptedUpstream,
    Seen,
    Signal,
    chat_chunk,
    chat_completion,
    chat_error_stream,
    chat_stream,
    sse,
)

from .running import Gaud, Told, command

__all__ = ["LITELLM", "litellm", "play"]

LITELLM = '[providers.litellm]\nurl = "{url}"\napi_key = "sk-1234"\n'
_ALIVE = Answer.json("I'm alive!")
_NO_KEY = Answer.error(400, "No connected db.", "no_db_connection", "400")  # LiteLLM 1.102 without a database
_MODELS = {"data": [{"id": "gpt-4o", "created": 1}, {"id": "anthropic/*"}], "object": "list"}
_INFO = {
    "model_name": "gpt-4o",
    "litellm_params": {"model": "openai/gpt-4o"},
    "model_info": {
        "input_cost_per_token": 0.0000025,
        "output_cost_per_token": 0.00001,
        "max_input_tokens": 128000,
        "max_output_tokens": 16384,
        "litellm_provider": "openai",
        "mode": "chat",
    },
}
_MISTAKES = """
[server]
port = "8400"

[providers.litellm]
url = "localhost:4000"
timeout_secs = -1
modles = []
"""


@contextlib.contextmanager
def litellm(listed: object = _MODELS, details: object = _INFO) -> Iterator[ScriptedUpstream]:
    """Something that looks like a LiteLLM, and answers calls that nobody scripted with `Hello!`."""
    with ScriptedUpstream.in_thread(_hello) as upstream:
        upstream.on("/health/liveliness", _ALIVE)
        upstream.on("/v1/models", Answer.json(listed))
        upstream.on("/model/info", Answer.json({"data": [details] if details else []}))
        yield upstream


def play(folder: Path) -> Told:
    """Play every scenario; what was said."""
    told = Told()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        upstream = stack.enter_context(litellm())
        limits = "timeout_secs = 1\n[server]\nmax_body_bytes = 500\n"
        limits += '[budget]\nunpriced = "refuse"\n'
        main = _started(folder / "main", stack, LITELLM.format(url=upstream.url) + limits)
        gauds = [main, *(start(folder / start.__name__, stack) for start in _SCENARIOS)]
        for gaud in gauds:
            _converse(gaud, told)
        outputs = [pool.submit(_command, *words) for words in _commands(folder, main)]
        _requests(main, told)
        _people(main, told)
        _failures(main, upstream, told)
        _changes(main)
        for output in outputs:
            told.hear(output.result())
        for gaud in gauds:
            gaud.end()
    for gaud in gauds:  # they have stopped, and said so
        told.hear(gaud.log)
    return told


def _command(folder: Path, *words: str) -> str:
    """Run a command as somebody does who has installed no provider but LiteLLM."""
    return command(folder, *words, GAUD_PLUGINS="litellm")


def _hello(seen: Seen) -> Answer:
    if seen.path == "/v1/files":
        return Answer.json({"object": "list", "data": [], "has_more": False})
    if seen.path == "/v1/messages":
        usage = {"input_tokens": 5, "output_tokens": 7}
        said = [{"type": "text", "text": "Hello!"}]
        return Answer.json(
            {"id": "msg_1", "type": "message", "role": "assistant", "content": said, "usage": usage}
        )
    if seen.method == "GET":
        return Answer.error(404)
    return chat_stream() if seen.json.get("stream") else chat_completion()


def _unused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _started(folder: Path, stack: contextlib.ExitStack, toml: str, **env: str) -> Gaud:
    """Start it where no provider but LiteLLM is installed."""
    return stack.enter_context(Gaud.start(folder, toml, **{"GAUD_PLUGINS": "litellm"} | env))


def _down(folder: Path, stack: contextlib.ExitStack) -> Gaud:
    """LiteLLM does not run."""
    return _started(folder, stack, LITELLM.format(url=_unused()))


def _badly_keyed(folder: Path, stack: contextlib.ExitStack) -> Gaud:
    """LiteLLM refuses the key."""
    upstream = stack.enter_context(litellm())
    upstream.default = _NO_KEY
    for path in ("/v1/models", "/model/info"):
        upstream.on(path, _NO_KEY)
    return _started(folder, stack, LITELLM.format(url=upstream.url))


def _barren(folder: Path, stack: contextlib.ExitStack) -> Gaud:
    """LiteLLM has no models, and is a compromised version."""
    upstream = stack.enter_context(litellm({"data": []}, None))
    upstream.on("/health/readiness", Answer.json({"litellm_version": "1.82.8"}))
    return _started(folder, stack, LITELLM.format(url=upstream.url))


def _bare(folder: Path, stack: contextlib.ExitStack) -> Gaud:
    """Nothing is configured, and no key is set."""
    return _started(folder, stack, "", GAUD_AUTH_BOOTSTRAP_KEY="")


def _broken(folder: Path, stack: contextlib.ExitStack) -> Gaud:
    """One good section, one that names a provider that is not installed, one with mistakes."""
    upstream = stack.enter_context(litellm())
    more = '[providers.gemini]\n[providers.work]\nprovider = "litellm"\nurl = "localhost:4000"\n'
    return _started(folder, stack, LITELLM.format(url=upstream.url) + more)


def _json(folder: Path, stack: contextlib.ExitStack) -> Gaud:
    """The log is JSON."""
    upstream = stack.enter_context(litellm())
    return _started(folder, stack, LITELLM.format(url=upstream.url), GAUD_LOGGING_JSON="true")


def _converse(gaud: Gaud, told: Told) -> None:
    """Ask what anybody would ask first."""
    if "[providers" in (gaud.folder / "llm-proxy.toml").read_text(encoding="utf-8"):
        gaud.wait_for("is ready", "init failed")
    for path in ("/", "/health", "/v1/models"):
        told.see(gaud.ask("GET", path))
    told.see(gaud.ask("GET", "/health", key=None))
    told.see(gaud.chat())
    for model in ("gpt-4o", "work:gpt-4o"):
        told.see(gaud.chat(model=model))


def _requests(gaud: Gaud, told: Told) -> None:
    """Make every mistake that a caller can make."""
    told.see(gaud.ask("GET", "/v1/models", key=None))
    told.see(gaud.ask("GET", "/v1/models", key="sk-wrong"))
    told.see(gaud.ask("GET", "/v1/chat/completions"))
    told.see(gaud.ask("POST", "/v1/nothing"))
    told.see(gaud.ask("GET", "/health", headers={"x-long": "x" * 70_000}))
    for body in (b"", b"{", b"[]", b"{}", b'{"model": 5}', b'{"Model": "m"}', b"x" * 600):
        told.see(gaud.ask("POST", "/v1/chat/completions", content=body))
    zipped = {"content-encoding": "gzip"}
    told.see(gaud.ask("POST", "/v1/chat/completions", content=b"x", headers=zipped))
    for model in ("gpt-4", "litelm:gpt-4o", "anthropic/claude-3-haiku", "claude-3-haiku"):
        told.see(gaud.chat(model=model))
    for path in ("litellm:gpt-4o", "litellm:claude-3-haiku"):
        told.see(gaud.ask("GET", f"/v1/models/{path}"))
    with socket.create_connection(("127.0.0.1", int(gaud.url.rpartition(":")[2]))) as raw:
        raw.sendall(b"no HTTP\r\n\r\n")
        told.codes.add((400, "invalid_http" if b"invalid_http" in raw.recv(4096) else ""))


def _people(gaud: Gaud, told: Told) -> None:
    """Make a user with a budget and keys, and go beyond each limit of theirs."""

    def key(*words: str) -> str:
        said = command(gaud.folder, "keys", "create", "alice", *words)
        return max((word for word in said.split() if word.startswith("sk-prx-")), key=len)

    body = {"messages": [{"role": "user", "content": "Hello!"}]}

    def chat(text: str, model: str = "litellm:gpt-4o") -> None:
        told.see(gaud.ask("POST", "/v1/chat/completions", key=text, json={"model": model, **body}))

    command(gaud.folder, "users", "create", "alice")
    narrow, slow, plain = key("--model", "gpt-5*"), key("--rpm", "1"), key()
    chat(narrow)
    chat(slow)
    chat(slow)
    told.see(gaud.ask("GET", "/admin/users", key=plain))
    command(gaud.folder, "budgets", "set", "alice", "--daily", "0.000001")
    chat(plain)
    chat(plain, "litellm:anthropic/claude-3-haiku")


def _failures(gaud: Gaud, upstream: ScriptedUpstream, told: Told) -> None:
    """Let the upstream fail in each way; a good call between keeps the breaker closed."""
    told.see(gaud.chat(stream=True))
    piece = sse(chat_chunk({"content": "Hel"}))
    whole = [Answer.reset(), Answer.short(b"{", 9), Answer.html(), Answer.stalled(), Answer.error(401)]
    streamed = [Answer.unterminated([piece]), Answer.stream([piece, Signal()]), chat_error_stream()]
    whole.append(Answer.rate_limited())
    for stream, answers in ((False, whole), (True, streamed)):
        for answer in answers:
            upstream.add(answer, chat_completion())
            told.see(gaud.chat(stream=stream))
            told.see(gaud.chat())
    upstream.add(*[Answer.error(500, "The provider behind LiteLLM failed.")] * 3)
    for _ in range(4):
        told.see(gaud.chat())
    told.see(gaud.ask("GET", "/health"))
    told.see(gaud.ask("GET", "/health", key=None))


def _changes(gaud: Gaud) -> None:
    """Change the configuration, break it, and mend it."""
    good = (gaud.folder / "llm-proxy.toml").read_text(encoding="utf-8") + "[breaker]\nopen_secs = 60\n"
    gaud.reconfigure(good, "configuration applied")
    gaud.reconfigure(good + '[logging]\nlevel = "loud"\n', "is refused")
    gaud.reconfigure(good, "is good again")


def _commands(folder: Path, main: Gaud) -> list[tuple[Path, str] | tuple[Path, str, str, str]]:
    """The commands whose output the documents show; each in the folder of a scenario."""
    mistakes, empty = folder / "mistakes", folder / "empty"
    for place in (mistakes, empty):
        place.mkdir()
    (mistakes / "llm-proxy.toml").write_text(_MISTAKES, encoding="utf-8")
    port = main.url.rpartition(":")[2]
    return [
        (mistakes, "check"),
        (mistakes, "check", "--config", "elsewhere.toml"),
        (empty, "serve", "--port", port),
        (empty, "check"),
        (main.folder, "models"),
        (folder / "_broken", "providers"),
    ]


_SCENARIOS = (_down, _badly_keyed, _barren, _bare, _broken, _json)
