"""`gaud serve`: start the gateway and say where it listens."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import click

from gaud_core._version import __version__
from gaud_core.cli.common import Setup, config_option, read_setup, secrets_of
from gaud_core.config import Server, env_prefix, network_problem
from gaud_core.errors import ConfigError, GaudError, Problem
from gaud_core.gateway.plugins import Plugin
from gaud_core.observe.logs import set_up_logging
from gaud_core.settings import OptionInfo, describe

if TYPE_CHECKING:
    import uvicorn

    from gaud_core.gateway.http_protocol import LimitedProtocol
    from gaud_core.store import Store

__all__ = ["command"]

_KEEP_ALIVE_SECS = 75  # longer than the pools of clients and proxies, so that they close first
_BACKLOG = 2048

log = logging.getLogger("gaud")


@click.command("serve")
@config_option
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of server.port.")
def command(config_path: str | None, host: str | None, port: int | None) -> None:
    """Start the gateway; Ctrl-C stops it after the running calls."""
    setup = _with_flags(read_setup(config_path), host, port)
    _refuse_useless(setup)
    config = setup.config
    set_up_logging(config.logging.level, as_json=config.logging.json, secrets=secrets_of(config))
    listening = _listen(config.server.host, config.server.port)
    with closing(listening):
        from gaud_core.access import bootstrap
        from gaud_core.store import open_store

        store = open_store(config)
        made = bootstrap(store, config) if config.auth.enabled else None
        app, server = _server(setup, store)  # before the greeting: its imports take most of the start
        with _signals_end_well():
            _tell(setup, listening, made)
            _run(server, app, listening)
        log.info("stopped")


def _with_flags(setup: Setup, host: str | None, port: int | None) -> Setup:
    flags = {"server.host": host, "server.port": port}
    try:
        config = setup.config.with_flags({key: value for key, value in flags.items() if value is not None})
    except ValueError as wrong:
        raise ConfigError([Problem("--host", str(wrong).removeprefix("`host` "))]) from None
    problem = network_problem(config.server, config.auth)
    if problem:
        raise ConfigError([problem])
    return attrs.evolve(setup, config=config)


def _refuse_useless(setup: Setup) -> None:
    """Refuse to start when mistakes in the configuration leave nothing to serve.

    One bad section among good ones is left out and reported. A provider whose import fails is no mistake of
    the configuration, and a gateway without any provider starts and says what to do.
    """
    instances = setup.config.instances.values()
    broken = {plugin.name for plugin in setup.plugins if plugin.reason}
    mistaken = [i for i in instances if i.problems and i.provider not in broken]
    if mistaken and not any(instance.settings is not None for instance in instances):
        raise ConfigError(setup.config.problems, source=str(setup.config.path or "the environment"))


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else, so that a port in use is one sentence and not a traceback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise GaudError(_cannot_listen(host, port, error)) from None
    return listening


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    said = f"Gaud cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}."
    if error.errno == errno.EADDRINUSE:
        return f"{said} Stop what listens there, or take another port: gaud serve --port {port % 65535 + 1}"
    if error.errno == errno.EACCES:
        return f"{said} Ports below 1024 need rights that Gaud should not have; take 8400."
    return f"{said} Check server.host."


def _tell(setup: Setup, listening: socket.socket, made_key: str | None) -> None:
    """Say on standard output what a person wants to know now; the log goes to standard error."""
    config = setup.config
    host, port = listening.getsockname()[:2]
    click.echo(f"Gaud {__version__} listens on http://{f'[{host}]' if ':' in host else host}:{port}")
    if made_key:
        click.echo(_banner(made_key))
    if not config.auth.enabled:
        log.warning("auth.enabled is false: whoever reaches this address can spend your money")
    for warning in config.warnings:
        log.warning("%s", warning)
    for plugin in setup.plugins:
        if plugin.reason or plugin.warning:
            origin = f" ({plugin.distribution})" if plugin.distribution else ""
            log.warning("provider %s%s: %s", plugin.name, origin, plugin.reason or plugin.warning)
    if not config.instances:
        click.echo(_first_steps(setup.plugins))


def _banner(key: str) -> str:
    lines = ["Your administrator's key. It is shown this once; keep it safe:", "", key]
    width = max(len(line) for line in lines)
    edge = "+" + "-" * (width + 2) + "+"
    return "\n".join([edge, *(f"| {line.ljust(width)} |" for line in lines), edge])


def _first_steps(plugins: Iterable[Plugin]) -> str:
    usable = [plugin for plugin in plugins if plugin.provider]
    if not usable:
        return "No provider is installed, so there is nothing to call yet. The README lists them."
    steps = ["No provider is configured, so there is nothing to call yet. Write to ./llm-proxy.toml:"]
    return "\n".join([*steps, *(_example(plugin) for plugin in usable), "Then start Gaud again."])


def _example(plugin: Plugin) -> str:
    if plugin.provider is None:
        return ""
    needed = [option for option in _described(plugin.provider.settings_class) if option.required]
    lines = [f'    {option.name} = "..."    # {option.help}' for option in needed]
    variables = [f"{env_prefix(plugin.name)}{option.env}" for option in needed if option.env]
    instead = [f"or set {' and '.join(variables)}."] if variables else []
    return "\n".join(["", f"    [providers.{plugin.name}]", *lines, "", *instead])


def _described(settings_class: type) -> Sequence[OptionInfo]:
    try:
        return describe(settings_class)
    except Exception:  # protects the start from a plugin's broken settings class; its section will say so
        return ()


@contextmanager
def _signals_end_well() -> Iterator[None]:
    """End with exit code 0 after a signal: uvicorn shuts down and then raises the signal once more."""
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _run(server: uvicorn.Server, app: _Refusable, listening: socket.socket) -> None:
    try:
        server.run(sockets=[listening])
    except SystemExit:
        if app.refusal is not None:
            raise app.refusal from None
        raise


def _server(setup: Setup, store: Store) -> tuple[_Refusable, uvicorn.Server]:
    import uvicorn

    from gaud_core.app import create_app
    from gaud_core.gateway.http_protocol import protocol_with_limit

    server = setup.config.server
    inner = create_app(setup.config, plugins=setup.plugins, store=store)
    app, http = _Refusable(inner), protocol_with_limit(server.max_header_bytes)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=http,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whom to believe is said in server.trusted_proxies
        timeout_keep_alive=_KEEP_ALIVE_SECS,
        timeout_graceful_shutdown=round(server.shutdown_secs),
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    inner.state.gateway.changed.append(lambda changed: _take_limits(changed.server, config, http))
    return app, uvicorn.Server(config)


def _take_limits(server: Server, config: uvicorn.Config, http: type[LimitedProtocol]) -> None:
    """Take the limits of the server itself from a changed configuration."""
    http.max_head_bytes = server.max_header_bytes
    config.timeout_graceful_shutdown = round(server.shutdown_secs)


@attrs.define
class _Refusable:
    """Keeps why the application refused to start: Starlette would have the server print a traceback."""

    app: Callable[[Any, Any, Any], Awaitable[None]]
    refusal: ConfigError | None = None

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Stand in the way of nothing but the start and the stop."""
        answer = self._lifespan if scope["type"] == "lifespan" else self.app
        return answer(scope, receive, send)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        failures: list[Any] = []

        async def send_all_but_failures(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                failures.append(message)
            else:
                await send(message)

        try:
            await self.app(scope, receive, send_all_but_failures)
        except ConfigError as error:
            self.refusal = error
            await send({"type": "lifespan.startup.failed", "message": ""})
        except BaseException:
            for failure in failures:
                await send(failure)
            raise
