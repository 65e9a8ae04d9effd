"""Gaud in front of a real LiteLLM, on this machine, without any key: `make demo` runs it.

It starts both servers, sends one whole and one streamed call through them, prints a curl line to paste, and
stays up until Ctrl-C. Only the standard library is needed. `--once` stops after the two calls.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
STOP_SECONDS = 15
WHOLE = ("litellm:parrot", "Who are you?")
STREAMED = ("litellm:poet", "Write a poem about a gateway.")


def main() -> int:
    """Run the demonstration and return its exit code."""
    options = read_options()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        with contextlib.ExitStack() as servers:
            run(options, servers)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        pass
    print("Everything has stopped.")
    return 0


def read_options() -> argparse.Namespace:
    """Read the command line; PORT in the environment is where Gaud listens unless --port says otherwise."""
    parser = argparse.ArgumentParser(description="Gaud in front of a real LiteLLM, without any key.")
    parser.add_argument("--once", action="store_true", help="stop after the two calls")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8400, help="Gaud's port [8400]")
    parser.add_argument(
        "--litellm", type=Path, default=ROOT / ".venv-litellm/bin/litellm", help="its command"
    )
    return parser.parse_args()


def run(options: argparse.Namespace, servers: contextlib.ExitStack) -> None:
    """Start both servers, make both calls, and wait unless only the calls were asked for."""
    if not options.litellm.exists():
        raise DemoError(f"There is no LiteLLM at {options.litellm}: `make demo` installs it.")
    if not port_is_free(options.port):
        raise DemoError(
            f"Port {options.port} is taken. Stop what listens there, or choose: make demo PORT=8500"
        )
    folder = Path(tempfile.mkdtemp(prefix="gaud-demo-"))
    print(f"The logs of both servers are in {folder}")
    master_key, key = f"sk-{secrets.token_hex(16)}", f"sk-prx-demo-{secrets.token_hex(16)}"
    litellm = litellm_server(options.litellm, master_key, folder)
    gaud = gaud_server(options.port, litellm, master_key, key, folder)
    for server, path in ((litellm, "/health/liveliness"), (gaud, "/health")):
        servers.enter_context(server.running())
        server.wait_for(path)
    call_whole(gaud, key)
    call_streamed(gaud, key)
    explain(gaud, key)
    if not options.once:
        print("\nStop both with Ctrl-C.", flush=True)
        watch(litellm, gaud)


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(wanted: int) -> int:
    """Return the wanted port if it is free, else one that is."""
    if port_is_free(wanted):
        return wanted
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def litellm_server(command: Path, master_key: str, folder: Path) -> Server:
    """Describe the real LiteLLM with the models of litellm.yaml."""
    port = free_port(4000)
    config = Path(__file__).with_name("litellm.yaml")
    arguments = ["--config", str(config), "--host", HOST, "--port", str(port), "--telemetry", "False"]
    environment = {
        "LITELLM_MASTER_KEY": master_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches its price list from the network
        "LITELLM_TELEMETRY": "False",
    }
    return Server(
        "LiteLLM",
        HOST,
        port,
        [str(command), *arguments],
        clean_environment(environment),
        folder / "litellm.log",
    )


def gaud_server(port: int, litellm: Server, master_key: str, key: str, folder: Path) -> Server:
    """Describe a Gaud that is configured by its environment alone and keeps its data in the folder."""
    config = folder / "llm-proxy.toml"
    config.touch(mode=0o600)
    environment = {
        "GAUD_CONFIG": str(config),
        "GAUD_SERVER_PORT": str(port),
        "GAUD_LITELLM_URL": litellm.url,
        "GAUD_LITELLM_API_KEY": master_key,
        "GAUD_AUTH_BOOTSTRAP_KEY": key,
        "XDG_DATA_HOME": str(folder / "data"),
        "PYTHONSAFEPATH": "1",  # the folder gaud_core/ at the root must not be taken for the package
    }
    command = [sys.executable, "-m", "gaud_core", "serve"]
    return Server("Gaud", HOST, port, command, clean_environment(environment), folder / "gaud.log")


def clean_environment(added: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without what would change the two servers' settings."""
    unwanted = ("GAUD_", "LITELLM_", "DATABASE_", "REDIS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    proxies = [name for name in kept if name.lower().endswith("_proxy")]
    return {name: value for name, value in kept.items() if name not in proxies} | {
        "PYTHONUNBUFFERED": "1",
        **added,
    }


def call_whole(gaud: Server, key: str) -> None:
    """Send a call, and print the whole answer and its tokens."""
    model, question = WHOLE
    print(f"\nA whole answer from {model}\n  > {question}")
    with chat(gaud, key, model, question, stream=False) as response:
        answer = json.loads(response.read())
    print(f"  {answer['choices'][0]['message']['content']}\n  {tokens(answer['usage'])}", flush=True)


def call_streamed(gaud: Server, key: str) -> None:
    """Send a call with `stream`, and print the answer as it arrives."""
    model, question = STREAMED
    print(f"\nA streamed answer from {model}\n  > {question}\n  ", end="", flush=True)
    usage: dict[str, Any] = {}
    with chat(gaud, key, model, question, stream=True) as response:
        for event in events(response):
            for choice in event.get("choices", []):
                print(choice.get("delta", {}).get("content") or "", end="", flush=True)
            usage = event.get("usage") or usage
    print(f"\n  {tokens(usage)}", flush=True)


def tokens(usage: Mapping[str, Any]) -> str:
    """Say in words how many tokens a call took."""
    return f"({usage.get('prompt_tokens', '?')} tokens in, {usage.get('completion_tokens', '?')} tokens out)"


@contextlib.contextmanager
def chat(
    gaud: Server, key: str, model: str, question: str, *, stream: bool
) -> Iterator[http.client.HTTPResponse]:
    """Send a chat call and yield its answer, or explain why there is none."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": question}]}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection = http.client.HTTPConnection(gaud.host, gaud.port, timeout=60)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise DemoError(f"Gaud answered {response.status}: {response.read().decode(errors='replace')}")
        yield response
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise DemoError(f"The call failed: {error!r}\n{gaud.last_words()}") from error
    finally:
        connection.close()


def events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each event; a stream that ends without [DONE], or with an error, has failed."""
    for line in response:
        data = line.decode().strip().removeprefix("data:").strip() if line.startswith(b"data:") else ""
        if data == "[DONE]":
            return
        event: dict[str, Any] = json.loads(data) if data else {}
        if "error" in event:
            raise DemoError(f"The stream broke: {event['error']}")
        yield event
    raise DemoError("The stream ended early, without [DONE].")


def explain(gaud: Server, key: str) -> None:
    """Print the address and a command to paste."""
    body = json.dumps({"model": WHOLE[0], "messages": [{"role": "user", "content": "Hello!"}]})
    print(f"\nGaud is at {gaud.url}, and any OpenAI client can use {gaud.url}/v1. Try:\n")
    print(f"curl {gaud.url}/v1/chat/completions \\")
    print(f"  -H 'Authorization: Bearer {key}' \\")
    print("  -H 'Content-Type: application/json' \\")
    print(f"  -d '{body}'", flush=True)


def watch(*servers: Server) -> None:
    """Wait until one of the servers ends, which is a failure, or until somebody interrupts."""
    while True:
        for server in servers:
            server.check()
        time.sleep(0.5)


class DemoError(Exception):
    """Why the demonstration cannot go on, as a sentence for the person who started it."""


@dataclass
class Server:
    """A command that listens on a port and writes to a log."""

    name: str
    host: str
    port: int
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://{self.host}:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the command in a process group of its own, and end that group on the way out."""
        print(f"Starting {self.name} on {self.url} ", end="", flush=True)
        try:
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    self.command,
                    cwd=self.log.parent,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that the terminal's Ctrl-C reaches only the demonstration
                )
            yield
        finally:
            self.stop()

    def wait_for(self, path: str) -> None:
        """Return as soon as the path answers 200; print a dot for each second until then."""
        start = time.monotonic()
        dots = 0
        while not self.answers(path):
            self.check()
            waited = time.monotonic() - start
            if waited > START_SECONDS:
                raise DemoError(f"{self.name} did not answer within {START_SECONDS} s.\n{self.last_words()}")
            if waited > dots + 1:
                dots += 1
                print(".", end="", flush=True)
            time.sleep(0.1)
        print(f" ready after {time.monotonic() - start:.1f} s", flush=True)

    def answers(self, path: str) -> bool:
        """Whether a GET of this path is answered with 200."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def check(self) -> None:
        """Raise if the command has ended by itself."""
        code = self.process.poll() if self.process else None
        if code is not None:
            raise DemoError(f"{self.name} stopped by itself with exit code {code}.\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of the log, for a person to read."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"The last lines of {self.log}:", *(f"  {line}" for line in lines)])

    def stop(self) -> None:
        """End the process group, gently at first, and reap the command."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # an impatient second Ctrl-C would leave servers behind
        if self.process is None:
            return
        print(f"Stopping {self.name}", flush=True)
        self.signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.signal_group(signal.SIGKILL)
        self.process.wait()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the command and all that it started, if any of it is still there."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


if __name__ == "__main__":
    sys.exit(main())
