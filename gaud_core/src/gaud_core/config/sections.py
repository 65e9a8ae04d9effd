"""The core's sections of the file: one settings class each."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gaud_core.settings import Mistake, Secret, option, settings

__all__ = [
    "SECTIONS",
    "Auth",
    "Breaker",
    "Budget",
    "Data",
    "Database",
    "Ledger",
    "Logging",
    "Metrics",
    "Routing",
    "Server",
    "TLSClientCert",
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


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses such as `10.0.0.7`, or networks such as `10.0.0.0/8`."""
    try:
        return tuple(str(ipaddress.ip_network(value, strict=False)) for value in values)
    except ValueError:
        raise Mistake("must hold addresses or networks such as `10.0.0.7` or `10.0.0.0/8`.") from None


def header_name(value: str) -> str:
    """The name of an HTTP header, in lower case."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", value) or value.lower() in _TAKEN_HEADERS:
        raise Mistake("must be the name of a header that nothing else uses, such as `x-client-cert-dn`.")
    return value.lower()


_TAKEN_HEADERS: Final = frozenset(
    {"authorization", "content-length", "content-type", "cookie", "host", "transfer-encoding"}
    | {"x-api-key", "x-forwarded-for", "x-goog-api-key"}
)


@settings
class Server:
    """Settings of [server]: where Gaud listens and how much it takes."""

    host: str = option(
        default="127.0.0.1", help="Address to listen on; 0.0.0.0 is every one.", check=host_name, live=False
    )
    port: int = option(
        default=8400, help="Port to listen on; 0 takes a free one.", ge=0, le=65535, live=False
    )
    workers: int = option(
        default=1, help="Processes that serve; users, limits and books are common.", ge=1, le=256, live=False
    )
    max_body_bytes: int = option(
        default=32 * 1024 * 1024, help="Longest request body that is accepted.", ge=1, unit="bytes"
    )
    max_upload_bytes: int = option(
        default=1024 * 1024 * 1024,
        help="Longest form with a file that is accepted; it is passed on as it comes.",
        ge=1,
        unit="bytes",
    )
    max_header_bytes: int = option(
        default=65536, help="Longest request head that is accepted.", ge=1024, unit="bytes"
    )
    cors_origins: tuple[str, ...] = option(
        default=(), help="Web pages that may call Gaud from a browser; `*` is all of them.", check=origins
    )
    trusted_proxies: tuple[str, ...] = option(
        default=(),
        help="Addresses of reverse proxies: whose `x-forwarded-for` and client certificate are believed.",
        check=networks,
    )
    shutdown_secs: float = option(
        default=10.0, help="How long running calls may go on when Gaud is told to stop.", ge=0, unit="seconds"
    )
    drain_secs: float = option(
        default=600.0,
        help="How long running calls may go on with a provider's old settings after a change of them.",
        ge=0,
        unit="seconds",
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
class TLSClientCert:
    """Settings of [auth.tls_client_cert]: certificates that a TLS proxy has checked."""

    enabled: bool = option(
        default=False,
        help="Whether the user that a client certificate names may call without a key. "
        "Believed only from `server.trusted_proxies`.",
    )
    require_cert: bool = option(default=False, help="Whether a call needs a certificate even with a key.")
    header_name: str = option(
        default="x-client-cert-dn",
        help="Header in which the proxy sends the certificate's subject, as a name or as `CN=name,O=...`.",
        check=header_name,
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
        help="Folder for what Gaud keeps, from this file on if relative; else the platform's data folder.",
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
        default=None,
        help="SQLite file, from this file on if relative; without it `gaud.db` in the data folder.",
        live=False,
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


@settings
class Ledger:
    """Settings of [ledger]: how calls are booked."""

    on_disconnect: str = option(
        default="cancel",
        help="What becomes of a call whose client leaves: `cancel` ends it, `drain` reads on for its cost.",
        choices=("cancel", "drain"),
    )
    retention_days: int | None = option(
        default=None, help="Days after which a call's row is deleted; without it never.", ge=1, unit="days"
    )


@settings
class Budget:
    """Settings of [budget]: what holds for every user's budget."""

    unpriced: str = option(
        default="allow",
        help="Whether a model without a known price may be called under a budget.",
        choices=("allow", "refuse"),
    )
    warning_threshold_percent: int = option(
        default=80,
        help="Part of a budget from which on answers carry `X-Budget-Warning`.",
        ge=1,
        le=100,
        unit="percent",
    )


@settings
class Routing:
    """Settings of [routing]: how calls find their way."""

    strict: bool = option(
        default=False,
        help="Whether a call is refused when fields of it have no place on the endpoint that its model is "
        "served on; else they are left out and named in `x-gaud-dropped`.",
    )


@settings
class Metrics:
    """Settings of [metrics]."""

    key: Secret | None = option(
        default=None,
        help="Key that opens /metrics and nothing else, for Prometheus; an administrator's opens it too.",
        check=header_safe,
    )


SECTIONS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "server": Server,
        "auth": Auth,
        "auth.tls_client_cert": TLSClientCert,
        "logging": Logging,
        "breaker": Breaker,
        "data": Data,
        "database": Database,
        "ledger": Ledger,
        "budget": Budget,
        "routing": Routing,
        "metrics": Metrics,
    }
)
"""By name; a dot stands for a section inside another one."""
