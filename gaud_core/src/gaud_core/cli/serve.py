"""`gaud serve`: start the gateway and say where it listens."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import attrs
import click

from gaud_core._version import __version__
from gaud_core.cli.common import Setup, config_option, read_setup, secrets_of
from gaud_core.cli.worker import make_server, run, serve_as_worker, signals_end_well
from gaud_core.config import env_prefix, in_force, network_problem
from gaud_core.errors import ConfigError, GaudError, Problem
from gaud_core.gateway.guests.plugins import Plugin
from gaud_core.observe.logs import mask_too, set_up_logging
from gaud_core.settings import OptionInfo, describe

if TYPE_CHECKING:
    from gaud_core.cli.fleet import Ready
    from gaud_core.store import Store

__all__ = ["command"]

_BACKLOG = 2048

log = logging.getLogger("gaud")


@click.command("serve")
@config_option
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of server.port.")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes that serve, instead of server.workers."
)
def command(config_path: str | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Start the gateway; Ctrl-C stops it after the running calls."""
    flags = {"server.host": host, "server.port": port, "server.workers": workers}

    def read() -> Setup:
        return _with_flags(read_setup(config_path), flags)

    setup = read()
    _refuse_useless(setup)
    config = setup.config
    set_up_logging(config.logging.level, as_json=config.logging.json, secrets=secrets_of(config))
    listening = _listen(config.server.host, config.server.port)
    with closing(listening):
        from gaud_core.access import bootstrap
        from gaud_core.store import open_store

        store = open_store(config)
        made = bootstrap(store, config) if config.auth.enabled else None
        if config.server.workers > 1:
            store.close()  # each worker opens it for itself
            code = _serve_together(setup, read, listening, made)
        else:
            code = _serve_alone(setup, store, listening, made)
        log.info("stopped")
    sys.exit(code)


def _serve_alone(setup: Setup, store: Store, listening: socket.socket, made_key: str | None) -> int:
    app, server = make_server(setup, store)  # before the greeting: its imports take most of the start
    with signals_end_well():
        _tell(setup, listening, made_key)
        run(server, app, listening)
    return 0


def _serve_together(
    setup: Setup, read: Callable[[], Setup], listening: socket.socket, made_key: str | None
) -> int:
    """Serve in several processes; this one only looks after them."""
    import gaud_core.app
    import gaud_core.gateway.http_protocol  # noqa: F401  imported once, before the workers are forked
    from gaud_core.cli.fleet import Fleet, sockets_for
    from gaud_core.observe.metrics import Board, Meter

    server = setup.config.server
    listeners = sockets_for(listening, server.workers)
    _tell(setup, listeners[0], made_key)
    sys.stdout.flush()
    board = Board(server.workers)

    def serve(number: int, ready: Ready) -> None:
        serve_as_worker(_as_of_now(setup, read), listeners[number], ready, Meter(board, number))

    return Fleet(server.workers, serve, server.shutdown_secs, board.forget_gauges).run()


def _as_of_now(setup: Setup, read: Callable[[], Setup]) -> Setup:
    """Give a worker what is configured now, which may be more than what the first ones began with.

    What waits for a restart of all still waits. From a file that is refused the watch keeps away later.
    """
    try:
        now = read()
    except ConfigError as wrong:
        log.warning("a worker starts on what the first ones began with: %s", wrong)
        return setup
    mask_too(now.config.secrets())
    return attrs.evolve(now, config=in_force(now.config, setup.config))


def _with_flags(setup: Setup, flags: Mapping[str, str | int | None]) -> Setup:
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
