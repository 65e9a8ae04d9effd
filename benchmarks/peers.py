"""The gateways that are compared, each in its fastest set-up, one worker each."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

__all__ = ["Peer", "Started", "echo", "gaud", "litellm", "nginx", "portkey", "start_of_gaud"]

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECS = 90.0
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 4m; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000000;
  upstream there {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://there; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
_LITELLM = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_base: "http://127.0.0.1:{upstream}/v1", api_key: test}}
litellm_settings: {{telemetry: false, num_retries: 0, drop_params: false, turn_off_message_logging: true}}
"""


@attrs.frozen
class Peer:
    """A gateway that runs."""

    name: str
    pid: int
    port: int
    key: str = "none"
    model: str = "m"
    headers: str = ""
    """Further header lines of its own."""

    def cpu_ms(self) -> float:
        """CPU time of the process and of those that it has started."""
        return sum(_cpu_ticks(pid) for pid in self._pids()) * 1000 / _TICKS

    def resident_mb(self) -> float:
        """Resident memory of them."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _pids(self) -> Iterator[int]:
        waiting = [self.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            with contextlib.suppress(OSError):
                waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


Started = contextlib.AbstractContextManager[Peer]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@contextlib.contextmanager
def _running(
    command: Sequence[str], port: int, path: str, env: Mapping[str, str], log: Path, pause: float = 0.2
) -> Iterator[int]:
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **env}) as process,
    ):
        try:
            _until_up(process, port, path, log, pause)
            yield process.pid
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _until_up(process: subprocess.Popen[bytes], port: int, path: str, log: Path, pause: float) -> None:
    deadline = time.monotonic() + _START_SECS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(f"http://127.0.0.1:{port}{path}", timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{process.args!r} does not start: {log.read_text()[-800:]}") from None
            time.sleep(pause)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _gaud(folder: Path, upstream: int, port: int, workers: int) -> tuple[Sequence[str], Mapping[str, str]]:
    env = {
        "GAUD_DATA_DIR": str(folder),
        "GAUD_LITELLM_URL": f"http://127.0.0.1:{upstream}",
        "GAUD_CONFIG": "",
    }
    env |= {"GAUD_PLUGINS": "litellm", "GAUD_AUTH_BOOTSTRAP_KEY": "sk-prx-bench-administrator"}
    return [
        sys.executable, "-m", "gaud_core", "serve", "--port", str(port), "--workers", str(workers)
    ], env  # fmt: skip


def start_of_gaud(folder: Path, upstream: int) -> tuple[float, float]:
    """Start it once; give the seconds until its first answer, and the megabytes that it holds a little later.

    Its modules are compiled by the first start, as pip compiles them; in a checkout nobody may have done it.
    """
    port = _free_port()
    command, env = _gaud(folder, upstream, port, 1)
    env = {**env, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    begun = time.perf_counter()
    with _running(command, port, "/health", env, folder / "start.log", pause=0.005) as pid:
        taken = time.perf_counter() - begun
        time.sleep(1)  # its list of models, and with it the client that asks for them
        return taken, Peer("Gaud", pid, port).resident_mb()


@contextlib.contextmanager
def gaud(
    folder: Path, upstream: int, key: str, workers: int = 1, under: Sequence[str] = ()
) -> Iterator[Peer]:
    """Gaud with auth, limits, budget and ledger on; `under` is a command that runs it, such as valgrind's."""
    port = _free_port()
    command, env = _gaud(folder, upstream, port, workers)
    with _running([*under, *command], port, "/health", env, folder / "gaud.log") as pid:
        time.sleep(1)  # its list of models, and with it their prices
        yield Peer("Gaud", pid, port, key, "litellm:m")


@contextlib.contextmanager
def echo(under: Sequence[str] = ()) -> Iterator[Peer]:
    """A Starlette that answers with the body."""
    command = [*under, sys.executable, "-m", "benchmarks.floor", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Peer("Starlette echo", process.pid, int(process.stdout.readline()))
        finally:
            process.terminate()


@contextlib.contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Peer]:
    """A plain reverse proxy: no keys, no limits, no books."""
    port = _free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    with _running(["nginx", "-c", str(config)], port, "/", {}, folder / "nginx.log") as pid:
        yield Peer("nginx", pid, port)


@contextlib.contextmanager
def litellm(folder: Path, upstream: int, command: str) -> Iterator[Peer]:
    """The real LiteLLM proxy without a key and without a database, which is its fastest."""
    port = _free_port()
    config = folder / "litellm.yaml"
    config.write_text(_LITELLM.format(upstream=upstream))
    words = [
        command,
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    env = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "NO_PROXY": "*", "DISABLE_ADMIN_UI": "true"}
    with _running(words, port, "/health/liveliness", env, folder / "litellm.log") as pid:
        yield Peer("LiteLLM", pid, port)


@contextlib.contextmanager
def portkey(folder: Path, upstream: int, script: Path) -> Iterator[Peer]:
    """Portkey's gateway: it relays to the host that a header names, without keys and books of its own."""
    port = _free_port()
    host = f"127.0.0.1:{upstream}"
    node = shutil.which("node") or "node"
    env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    with _running(
        [node, str(script), f"--port={port}", "--headless"], port, "/", env, folder / "portkey.log"
    ) as pid:
        headers = f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://{host}/v1\r\n"
        yield Peer("Portkey", pid, port, headers=headers)
