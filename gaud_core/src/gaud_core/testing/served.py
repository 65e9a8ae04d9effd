"""A real Gaud on loopback with one provider: the only place that knows the gateway's inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import tomlkit

from gaud_core import ApiError, Provider, Token, TokenStore, Usage
from gaud_core.config import SECTIONS, Config, env_prefix, load_config
from gaud_core.gateway.guests.plugins import Plugin, objection_to

from .watching import LoopWatch

__all__ = ["ServedGateway"]

T = TypeVar("T")

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients on loopback: to load the certificates of the world takes 50 ms for each of them."""

_START_SECS = 10.0
_SETTLING_LOOKS, _LOOK_SECS = 400, 0.005
_CHATTY = ("httpx", "httpcore", "aiohttp", "asyncio", "uvicorn.access", "uvicorn.error")
_CORE: dict[str, dict[str, Any]] = {
    "auth": {"enabled": False},
    "breaker": {"failure_threshold": 1_000_000},  # one test's failures must not refuse the next one's calls
}


class ServedGateway:
    """A Gaud that runs while the block runs: `with ServedGateway(Acme, {"acme": {...}}, folder) as gateway`.

    `sections` are the instances of the provider by name, each as its section of the configuration has it. The
    first is the main one. `tokens` are those of instances where somebody has logged in. Everything that is
    logged meanwhile, at any level, is kept in `log`.
    """

    def __init__(
        self,
        provider: type[Provider[Any]],
        sections: Mapping[str, Mapping[str, Any]],
        folder: Path,
        environ: Mapping[str, str] | None = None,
        tokens: Mapping[str, Token] | None = None,
    ) -> None:
        self.cls = provider
        self.name = next(iter(sections))
        self.log: list[str] = []
        self.left_after_stop: list[str] = []
        """Tasks that were still there after the providers had been stopped."""
        self.settled: Callable[[], bool] = lambda: True
        """What must come to hold after that, while the loop still runs; `is_settled` tells whether it did."""
        self.is_settled = True
        self._config = self._load(sections, folder, environ or {})
        self._tokens = tokens or {}
        self._calls: dict[str, Mapping[str, Any]] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def settings(self) -> Any:
        """The settings of the main instance."""
        return self._config.instances[self.name].settings

    @property
    def instance(self) -> Provider[Any]:
        """The main instance itself."""
        provider: Provider[Any] = self._instances[self.name].provider
        return provider

    def body(self, text: str, model: str, instance: str = "", **fields: Any) -> bytes:
        """Write a chat call; `instance` is the main one when empty."""
        messages = [{"role": "user", "content": text}]
        return json.dumps(
            {"model": f"{instance or self.name}:{model}", "messages": messages} | fields
        ).encode()

    def post(
        self, body: bytes, endpoint: str = "chat/completions", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Make a call and read its answer to the end."""
        sent = {"content-type": "application/json"} | dict(headers or {})
        return self.http.post(f"/v1/{endpoint}", content=body, headers=sent)

    def stream(self, body: bytes, timeout: float = 5.0) -> contextlib.AbstractContextManager[httpx.Response]:
        """Make a call whose answer is read piece by piece."""
        headers = {"content-type": "application/json"}
        return self.http.stream(
            "POST", "/v1/chat/completions", content=body, headers=headers, timeout=timeout
        )

    def shown(self, instance: str = "") -> Mapping[str, Any]:
        """What `/health` shows of an instance."""
        providers = self.http.get("/health").json()["providers"]
        return next(shown for shown in providers if shown["name"] == (instance or self.name))

    def usage_of(self, answer: httpx.Response) -> Usage | None:
        """The tokens that Gaud has noted for a call."""
        call = answer.headers["x-request-id"]
        eventually(lambda: call in self._calls, 2.0)
        fields = self._calls.get(call, {})
        return Usage(fields["in"], fields["out"]) if "in" in fields else None

    def ask_again(self, instance: str = "") -> ApiError | None:
        """Ask an instance for its models and its health; give what it raised."""
        return self.within(self._ask(self._instances[instance or self.name]))

    def tasks(self) -> set[str]:
        """Name the tasks of the gateway's loop, the kit's own apart."""

        async def names() -> set[str]:
            return _names(asyncio.all_tasks() - {asyncio.current_task()})

        return self.within(names())

    def within(self, work: Coroutine[Any, Any, T], timeout: float = 20.0) -> T:
        """Run something in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    async def _ask(self, instance: Any) -> ApiError | None:
        try:
            await instance.discover()
        except ApiError as error:
            return error
        finally:
            await instance.check_health()
        return None

    def _load(
        self, sections: Mapping[str, Mapping[str, Any]], folder: Path, environ: Mapping[str, str]
    ) -> Config:
        own = {name: {"provider": self.cls.name} | dict(section) for name, section in sections.items()}
        table = _CORE | {"data": {"dir": str(folder / "data")}, "providers": own}
        path = folder / "llm-proxy.toml"
        path.write_text(tomlkit.dumps(table), encoding="utf-8")
        path.chmod(0o600)
        theirs = {key: value for key, value in environ.items() if not _is_core(key)}
        config = load_config(path, theirs, {self.cls.name: self.cls.settings_class})
        wrong = [str(problem) for instance in config.instances.values() for problem in instance.problems]
        if wrong:
            raise AssertionError(
                "The settings that the test class gives cannot be used; override `settings()` in it. "
                + " ".join(wrong)
            )
        return config

    def _start(self) -> None:
        from gaud_core.app import create_app

        reason = objection_to(self.cls.name, self.cls)
        plugin = Plugin(self.cls.name, self.cls.__module__, "0", None if reason else self.cls, reason)
        self._stack.enter_context(self._listening_to_log())
        for name, token in self._tokens.items():
            store = TokenStore(self._config.data.folder / name / "token.json")
            asyncio.run(store.save(token))
        app = create_app(self._config, plugins=[plugin])
        self._gateway: Any = app.state.gateway
        port = self._stack.enter_context(self._served(self._watched(app)))
        url = f"http://127.0.0.1:{port}"
        self.http = self._stack.enter_context(
            httpx.Client(
                base_url=url,
                trust_env=False,
                verify=NO_TLS,
                timeout=5.0,
                limits=httpx.Limits(max_connections=None),
            )
        )
        self._wait_until_ready()

    @property
    def _instances(self) -> Mapping[str, Any]:
        registry = self._gateway.registry
        for name, reason in registry.broken.items():
            raise AssertionError(f"Gaud cannot make the instance `{name}`: {reason}. Look at __init__().")
        instances: Mapping[str, Any] = registry.instances
        return instances

    def _wait_until_ready(self) -> None:
        """Wait until the main instance was asked for models and health, so that no question comes later."""

        def ready() -> bool:
            known = [each for each in self._instances.values() if each.stage != "broken"]
            return all((e.discovered_at or e.discovery_failed) and e.health for e in known)

        if not eventually(ready, _START_SECS):
            stage = self._instances[self.name].stage
            raise AssertionError(
                f"`{self.name}` is not ready after {_START_SECS:g} s (its stage is `{stage}`): one of "
                "start(), models() and health() does not come to an end."
            )

    @contextlib.contextmanager
    def _served(self, app: Any) -> Iterator[int]:
        import uvicorn

        from gaud_core.gateway.http_protocol import protocol_with_limit

        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        config = uvicorn.Config(
            app,
            http=protocol_with_limit(self._config.server.max_header_bytes),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=lambda: server.run(sockets=[listening]), name="gaud under test", daemon=True
        )
        thread.start()
        try:
            if not eventually(lambda: server.started or not thread.is_alive(), _START_SECS):
                raise AssertionError(f"Gaud did not start within {_START_SECS:g} s.")
            if not server.started:
                raise AssertionError("Gaud did not start:\n" + "\n".join(self.log[-20:]))
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(_START_SECS)

    def _watched(self, app: Any) -> Any:
        """Keep the loop, watch over it, and look at what is left when the providers have been stopped."""

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "lifespan":
                await app(scope, receive, send)
                return
            self._loop = asyncio.get_running_loop()
            before = asyncio.all_tasks()

            async def send_last(message: Any) -> None:
                if message["type"] == "lifespan.shutdown.complete":
                    await self._look_at_the_end(before)
                await send(message)  # after this the loop may end at any moment

            async with LoopWatch() as self.loop_watch:
                await app(scope, receive, send_last)

        return watched

    async def _look_at_the_end(self, before: set[asyncio.Task[Any]]) -> None:
        await asyncio.sleep(0)  # what was cancelled just now may end
        self.left_after_stop = sorted({*_names(asyncio.all_tasks() - before), *self._evicted()})
        for _ in range(_SETTLING_LOOKS):
            if self.settled():
                return
            await asyncio.sleep(_LOOK_SECS)
        self.is_settled = False

    def _evicted(self) -> Iterator[str]:
        """Name the tasks that Gaud itself had to cancel when it stopped the providers."""
        for instance in self._instances.values():
            for note in instance.guard.conduct.notes.values():
                if note.kind == "leaked":
                    yield note.message.removeprefix("left a task behind: ")

    @contextlib.contextmanager
    def _listening_to_log(self) -> Iterator[None]:
        """Hear every logger at every level, apart from those that tell of each step of each request."""
        root, handler = logging.getLogger(), _Kept(self.log, self._calls)
        loggers = [root, *(logging.getLogger(name) for name in _CHATTY)]
        levels = [logger.level for logger in loggers]
        root.addHandler(handler)
        for logger in loggers:
            logger.setLevel(logging.DEBUG if logger is root else logging.WARNING)
        try:
            yield
        finally:
            root.removeHandler(handler)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class _Kept(logging.Handler):
    """Keeps each line with its traceback, and the fields of each call's line by the call's id."""

    def __init__(self, lines: list[str], calls: dict[str, Mapping[str, Any]]) -> None:
        super().__init__(logging.DEBUG)
        self.lines, self.calls = lines, calls
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", None) or {}
        self.lines.append(f"{self.format(record)} {fields or ''}")
        if record.name == "gaud.calls":
            self.calls[str(fields.get("id"))] = fields


def eventually(holds: Callable[[], object], seconds: float) -> bool:
    """Wait until something holds that another thread brings about; tell whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.003)
    return True


def _is_core(variable: str) -> bool:
    """Whether a variable belongs to Gaud itself: those of the machine must not change what is tested."""
    return any(variable.startswith(env_prefix(section)) for section in SECTIONS)


def _names(tasks: set[Any]) -> set[str]:
    running = [task for task in tasks if task is not None and not task.done()]
    return {f"{_where(task)} (task `{task.get_name()}`)" for task in running}


def _where(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", coroutine))
