"""Real Gauds in processes of their own, and all that they have said."""

from __future__ import annotations

import difflib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs
import httpx

__all__ = ["KEY", "Gaud", "Told", "command", "environment"]

KEY = "sk-prx-test-key"
"""The key that the documents use."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to load the certificates of the world takes 50 ms

_SAME = (
    (r"http://(127\.0\.0\.1|localhost):\d+|\b127\.0\.0\.1:\d+", "ADDRESS"),
    (r"--port \d+", "--port N"),
    (r"req_[0-9a-f]{24}", "req_ID"),
    (r"\b[0-9a-f]{16}\b", "VERSION"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
    (r"\b\d+(\.\d+)? s\b", "N s"),
    (r"(ms|dur)=[\d.]+", r"\1=N"),
    (r"retry-after: \d+", "retry-after: N"),
    (r"sk-prx-[\w-]+", "sk-prx-KEY"),
    (r"[^\s`'(]*/(llm-proxy\.toml)", r"\1"),
    (r"-{5,}", "-----"),
    (r"\s+", " "),
)


@attrs.define
class Gaud:
    """A gateway; its log is a file in its folder."""

    folder: Path
    _process: subprocess.Popen[bytes]
    _url: str = ""
    _client: httpx.Client = attrs.field(
        factory=lambda: httpx.Client(trust_env=False, timeout=30, verify=_NO_TLS)
    )

    @classmethod
    def start(cls, folder: Path, toml: str, **env: str) -> Gaud:
        """Start `gaud serve` on a free port, and do not wait for it."""
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "llm-proxy.toml"
        config.write_text(toml, encoding="utf-8")
        config.chmod(0o600)
        words = [sys.executable, "-m", "gaud_core", "serve", "--port", "0"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                words, cwd=folder, env=environment(folder, **env), stdout=log, stderr=subprocess.STDOUT
            )
        return cls(folder, process)

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """Its address, once it has told it."""
        while not self._url:
            found = re.search(r"listens on (http://\S+)", self.log)
            self._url = found[1] if found else ""
            assert self._process.poll() is None, self.log
            time.sleep(0.02)
        return self._url

    def wait_for(self, *words: str, seconds: float = 30) -> None:
        """Wait until the log has any of these words."""
        deadline = time.monotonic() + seconds
        while not any(word in self.log for word in words):
            assert time.monotonic() < deadline, f"{words!r} is not in the log:\n{self.log}"
            time.sleep(0.02)

    def chat(self, **fields: Any) -> httpx.Response:
        """Make a chat call; `model` and `messages` are there unless given."""
        body = {"model": "litellm:gpt-4o", "messages": [{"role": "user", "content": "Hello!"}], **fields}
        return self.ask("POST", "/v1/chat/completions", json=body)

    def ask(self, method: str, path: str, key: str | None = "", **more: Any) -> httpx.Response:
        """Make any request: with the key of this Gaud, another one, or None."""
        key = self.key if key == "" else key
        headers = {**({"authorization": f"Bearer {key}"} if key else {}), **more.pop("headers", {})}
        return self._client.request(method, self.url + path, headers=headers, **more)

    @property
    def key(self) -> str:
        """The key that it made, or else the one that it was given."""
        made = re.search(r"\| (sk-prx-\S+)", self.log)
        return made[1] if made else KEY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reconfigure(self, toml: str, until: str) -> None:
        """Give it another file, have it look at once, and wait until it has said something."""
        (self.folder / "llm-proxy.toml").write_text(toml, encoding="utf-8")
        self._process.send_signal(signal.SIGHUP)
        self.wait_for(until)

    def end(self) -> None:
        """Tell it to end, and do not wait."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, and let go of it."""
        self.end()
        self._process.wait(30)
        self._client.close()


@attrs.define
class Told:
    """Everything that was said in logs, answers and terminals, without what differs from run to run."""

    lines: set[str] = attrs.field(factory=set)
    answers: list[Any] = attrs.field(factory=list)
    codes: set[tuple[int, str]] = attrs.field(factory=set)

    def hear(self, text: str) -> None:
        """Take lines in."""
        for line in text.splitlines():
            self.lines.add(_same(line))
            data = line.removeprefix("data: ")
            if data.startswith("{"):
                self.answers.append(_plain(json.loads(data)))

    def see(self, answer: httpx.Response) -> httpx.Response:
        """Take an answer in: its body, its headers, and its error's code beside its status."""
        self.hear(answer.text)
        for name, value in answer.headers.items():
            self.hear(f"{name}: {value}")
        for error in re.findall(r'\{"error".*', answer.text):
            self.codes.add((answer.status_code, json.loads(error)["error"].get("code") or ""))
        return answer

    def said(self, line: str) -> bool:
        """Whether a line was said; `…` stands for whatever else was in it."""
        pattern = ".*".join(re.escape(part.strip()) for part in _same(line.strip()).split("…"))
        return any(re.search(pattern, line) for line in self.lines)

    def answered(self, value: Any) -> bool:
        """Whether this was an answer, or a log line in JSON, member by member."""
        return _plain(value) in self.answers

    def nearest(self, value: Any) -> str:
        """The answers that are most like this one, for people who look for what has changed."""
        texts = [json.dumps(answer, sort_keys=True) for answer in self.answers]
        found = difflib.get_close_matches(json.dumps(_plain(value), sort_keys=True), texts, 3, 0)
        return "\n".join(found)


def command(folder: Path, *words: str, **env: str) -> str:
    """Run a `gaud` command to its end; what it said, on both channels."""
    done = subprocess.run(
        [sys.executable, "-m", "gaud_core", *words],
        cwd=folder,
        env=environment(folder, **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    """This process's environment without what could reach Gaud by accident."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GAUD_") and not name.lower().endswith("_proxy")
    }
    own = {"GAUD_AUTH_BOOTSTRAP_KEY": KEY, "GAUD_DATA_DIR": str(folder / "data"), "HOME": str(folder)}
    return {**kept, **own, "PYTHONUNBUFFERED": "1", "NO_PROXY": "*", **more}


def _same(text: str) -> str:
    for pattern, instead in _SAME:
        text = re.sub(pattern, instead, text)
    return text.strip()


def _plain(value: Any, name: str = "") -> Any:
    """JSON without what differs from run to run."""
    if name.endswith("ms"):
        return "N"
    if isinstance(value, dict):
        return {key: _plain(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _same(value) if isinstance(value, str) else value
