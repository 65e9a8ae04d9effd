"""What a configuration holds: the core's sections, the instances of providers, the origin of every value."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from gaud_core.config.files import ConfigFile
from gaud_core.config.sections import (
    Auth,
    Breaker,
    Budget,
    Data,
    Database,
    Ledger,
    Logging,
    Metrics,
    Routing,
    Server,
    TLSClientCert,
)
from gaud_core.errors import Problem
from gaud_core.settings import Secret, Source

__all__ = ["Config", "Instance", "certificate_problem", "env_prefix", "network_problem", "section_of"]

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
    instances that have settings. One that was `loaded` from a file or the environment can be loaded again.
    """

    path: Path | None = None
    file: ConfigFile | None = attrs.field(default=None, repr=False, eq=False)
    loaded: bool = attrs.field(default=False, eq=False)
    flags: Mapping[str, Any] = attrs.field(factory=dict, converter=_frozen, eq=False)
    """What the command line holds by dotted key, against the file and the environment, until the end."""
    server: Server = attrs.field(factory=Server)
    auth: Auth = attrs.field(factory=Auth)
    tls_client_cert: TLSClientCert = attrs.field(factory=TLSClientCert)
    logging: Logging = attrs.field(factory=Logging)
    breaker: Breaker = attrs.field(factory=Breaker)
    data: Data = attrs.field(factory=Data)
    database: Database = attrs.field(factory=Database)
    ledger: Ledger = attrs.field(factory=Ledger)
    budget: Budget = attrs.field(factory=Budget)
    routing: Routing = attrs.field(factory=Routing)
    metrics: Metrics = attrs.field(factory=Metrics)
    instances: Mapping[str, Instance] = attrs.field(factory=dict, converter=_frozen)
    sources: Mapping[str, Source] = attrs.field(factory=dict, converter=_frozen)
    warnings: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The mistakes of all provider sections together."""
        return tuple(problem for instance in self.instances.values() for problem in instance.problems)

    def with_flags(self, flags: Mapping[str, Any]) -> Config:
        """Let the command line win, as `--port` does; ValueError if a value cannot be."""
        given = {key.removeprefix("server."): value for key, value in flags.items()}
        server: Any = self.server
        return attrs.evolve(self, server=attrs.evolve(server, **given), flags=flags)

    def table_of(self, instance: str) -> Mapping[str, Any]:
        """What the file says below `[providers.<instance>]`, unread; empty if it says nothing."""
        providers = self.file.table.get("providers") if self.file else None
        found = providers.get(instance) if isinstance(providers, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def secrets(self) -> Iterator[str]:
        """Give every secret in it, so that the log can mask them."""
        configured = (instance.settings for instance in self.instances.values())
        holders = [self.auth, self.database, self.metrics, *configured]
        for holder in holders:
            if holder is not None and attrs.has(type(holder)):
                values = [getattr(holder, field.name) for field in attrs.fields(type(holder))]
                many = [value if isinstance(value, tuple) else (value,) for value in values]
                yield from (one.reveal() for some in many for one in some if isinstance(one, Secret))


def section_of(config: Config, name: str) -> Any:
    """A section of the core by its name in the file: `auth.tls_client_cert`."""
    return getattr(config, name.rpartition(".")[2])


def env_prefix(section: str) -> str:
    """What stands before the variables of a section or an instance: `GAUD_MY_ACME_` for `my-acme`."""
    return f"GAUD_{section.upper().replace('-', '_').replace('.', '_')}_"


def network_problem(server: Server, auth: Auth) -> Problem | None:
    """The mistake of serving without keys where other machines can reach it, unless that was told twice."""
    if auth.enabled or auth.allow_open_network or _is_loopback(server.host):
        return None
    return Problem(
        "auth.enabled",
        f"is false, but server.host is `{server.host}`: whoever reaches it could use your providers.",
        "Switch it on, listen on 127.0.0.1, or say it twice with auth.allow_open_network = true.",
    )


def certificate_problem(server: Server, certificates: TLSClientCert) -> Problem | None:
    """The mistake of asking for certificates that nobody is trusted to have checked."""
    asked = [name for name in ("enabled", "require_cert") if getattr(certificates, name)]
    if not asked or server.trusted_proxies:
        return None
    return Problem(
        f"auth.tls_client_cert.{asked[0]}",
        "is true, but nobody is trusted to send certificates.",
        "List your TLS proxy's address in server.trusted_proxies.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
