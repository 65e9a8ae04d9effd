"""What a configuration holds: the core's sections, the instances of providers, the origin of every value."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from gaud_core.errors import Problem
from gaud_core.settings import Mistake, Secret, Source, option, settings

__all__ = [
    "SECTIONS",
    "Auth",
    "Breaker",
    "Config",
    "Data",
    "Database",
    "Instance",
    "Logging",
    "Server",
    "env_prefix",
    "network_problem",
]


def host_name(value: str) -> str:
    """An address or a host name to listen on, without scheme and port."""
    bare = value.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value):
            return value
    raise Mistake("must be an address such as `127.0.0.1`, without `http://` and without a port.")


def origins(values: tuple[str, ...]) -> tuple[str, ...]:
    """Origins as a browser sends them: scheme, host and port, nothing after; or `*`."""
    cleaned = tuple(value.rstrip("/") for value in values)
    for value in cleaned:
        if value != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+", value):
            raise Mistake("must hold origins such as `https://app.example.com`, without a path, or `*`.")
    return cleaned


def header_safe(value: Secret) -> Secret:
    """A key that fits into an HTTP header: printable ASCII without spaces."""
    if not re.fullmatch(r"[\x21-\x7e]+", value.reveal()):
        raise Mistake("must be printable ASCII characters without spaces.")
    return value


@settings
class Server:
    """Settings of [server]: where Gaud listens and how much it takes."""

    host: str = option(
        default="127.0.0.1", help="Address to listen on; 0.0.0.0 is every one.", check=host_name, live=False
    )
    port: int = option(
        default=8400, help="Port to listen on; 0 takes a free one.", ge=0, le=65535, live=False
    )
    max_body_bytes: int = option(
        default=32 * 1024 * 1024, help="Longest request body that is accepted.", ge=1, unit="bytes"
    )
    max_header_bytes: int = option(
        default=65536, help="Longest request head that is accepted.", ge=1024, unit="bytes"
    )
    cors_origins: tuple[str, ...] = option(
        default=(), help="Web pages that may call Gaud from a browser; `*` is all of them.", check=origins
    )
    shutdown_secs: float = option(
        default=10.0, help="How long running calls may go on when Gaud is told to stop.", ge=0, unit="seconds"
    )


@settings
class Auth:
    """Settings of [auth]: who may call."""

    enabled: bool = option(default=True, help="Whether a call needs a key.")
    bootstrap_key: Secret | None = option(
        default=None, help="Key of the first administrator.", check=header_safe
    )
    allow_open_network: bool = option(
        default=False,
        help="Needed to serve without keys on an address that other machines reach: together with "
        "`enabled = false` it has been told twice, so no gateway is open to the world by one slip.",
    )


@settings
class Logging:
    """Settings of [logging]."""

    level: str = option(
        default="info", help="Least important lines to log.", choices=("debug", "info", "warning", "error")
    )
    json: bool = option(default=False, help="Whether to log one JSON object per line instead of text.")


@settings
class Breaker:
    """Settings of [breaker]: when a failing provider is left alone for a while."""

    failure_threshold: int = option(default=3, help="Failures in a row that open it.", ge=1)
    open_secs: float = option(default=30.0, help="How long it stays open.", gt=0, unit="seconds")
    success_threshold: int = option(default=2, help="Successful test calls that close it.", ge=1)


@settings
class Data:
    """Settings of [data]."""

    dir: Path | None = option(
        default=None,
        help="Folder for what Gaud keeps; without it the platform's data folder.",
        live=False,
    )

    @property
    def folder(self) -> Path:
        """The folder in use, which need not exist yet."""
        import platformdirs  # here, because most starts never need it

        return self.dir or platformdirs.user_data_path("gaud", appauthor=False)


def database_url(value: Secret) -> Secret:
    """A URL of PostgreSQL; it may hold a password, so it is never repeated."""
    if not re.match(r"postgresql(\+[a-z0-9]+)?://\S+$", value.reveal()):
        raise Mistake("must be a URL such as `postgresql://user:password@host/gaud`.")
    return value


@settings
class Database:
    """Settings of [database]: where users, keys and the ledger are kept."""

    path: Path | None = option(
        default=None, help="SQLite file; without it `gaud.db` in the data folder.", live=False
    )
    url: Secret | None = option(
        default=None,
        help="URL of a PostgreSQL database, instead of the SQLite file.",
        check=database_url,
        live=False,
    )

    def file(self, data: Data) -> Path:
        """The SQLite file in use, which need not exist yet."""
        return self.path or data.folder / "gaud.db"


SECTIONS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "server": Server,
        "auth": Auth,
        "logging": Logging,
        "breaker": Breaker,
        "data": Data,
        "database": Database,
    }
)


_FROM_FILE: Final = Source("file")


@attrs.frozen(kw_only=True)
class Instance:
    """One `[providers.<name>]`: the plugin that serves it, and its settings or why it has none."""

    name: str
    provider: str
    settings: Any = None
    problems: tuple[Problem, ...] = ()
    source: Source = _FROM_FILE


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@attrs.frozen(kw_only=True)
class Config:
    """A whole configuration, never changed; `Config()` is the one of an empty file.

    `sources` says by dotted key (`providers.acme.url`) where each value came from, for all sections and all
    instances that have settings.
    """

    path: Path | None = None
    server: Server = attrs.field(factory=Server)
    auth: Auth = attrs.field(factory=Auth)
    logging: Logging = attrs.field(factory=Logging)
    breaker: Breaker = attrs.field(factory=Breaker)
    data: Data = attrs.field(factory=Data)
    database: Database = attrs.field(factory=Database)
    instances: Mapping[str, Instance] = attrs.field(factory=dict, converter=_frozen)
    sources: Mapping[str, Source] = attrs.field(factory=dict, converter=_frozen)
    warnings: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The mistakes of all provider sections together."""
        return tuple(problem for instance in self.instances.values() for problem in instance.problems)


def env_prefix(section: str) -> str:
    """What stands before the variables of a section or an instance: `GAUD_MY_ACME_` for `my-acme`."""
    return f"GAUD_{section.upper().replace('-', '_')}_"


def network_problem(server: Server, auth: Auth) -> Problem | None:
    """The mistake of serving without keys where other machines can reach it, unless that was told twice."""
    if auth.enabled or auth.allow_open_network or _is_loopback(server.host):
        return None
    return Problem(
        "auth.enabled",
        f"is false, but server.host is `{server.host}`: whoever reaches it could use your providers.",
        "Switch it on, listen on 127.0.0.1, or say it twice with auth.allow_open_network = true.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
