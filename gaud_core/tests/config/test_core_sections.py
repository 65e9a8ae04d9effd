"""The core's own sections: their defaults, their checks, and all mistakes of a file at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import pytest

from gaud_core.config import SECTIONS, Config, Server, load_config, network_problem
from gaud_core.settings import Secret, Source, describe


def test_the_defaults_are_those_of_the_guide() -> None:
    """A gateway without any setting listens on 127.0.0.1:8400 and asks for keys."""
    config = load_config(None, {"GAUD_CONFIG": ""}, {})
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8400)
    assert (config.server.max_body_bytes, config.server.max_header_bytes) == (33_554_432, 65_536)
    assert (config.server.cors_origins, config.server.shutdown_secs) == ((), 10.0)
    assert (config.auth.enabled, config.auth.bootstrap_key, config.auth.allow_open_network) == (
        True,
        None,
        False,
    )
    assert (config.logging.level, config.logging.json) == ("info", False)
    breaker = config.breaker
    assert (breaker.failure_threshold, breaker.open_secs, breaker.success_threshold) == (3, 30.0, 2)
    assert config.data.dir is None


def test_an_empty_config_needs_no_file() -> None:
    """Tests and tools can start from Config()."""
    assert Config(server=Server(port=0)).server.port == 0
    assert Config() == Config()


def test_only_address_and_places_of_data_wait_for_a_restart() -> None:
    """Everything else promises to apply live."""
    waiting = {f"{name}.{o.name}" for name, cls in SECTIONS.items() for o in describe(cls) if not o.live}
    server = {"server.host", "server.port", "server.workers"}
    assert waiting == server | {"data.dir", "database.path", "database.url"}


def test_file_and_environment_come_together_with_their_origins(config_of: Any) -> None:
    """Every value of every section says where it came from."""
    config = config_of(
        "[server]\nport = 1\n[logging]\nlevel = 'DEBUG'\n",
        GAUD_SERVER_PORT="2",
        GAUD_AUTH_BOOTSTRAP_KEY="sk-1",
    )
    assert config.server.port == 2
    assert config.logging.level == "debug"
    assert config.auth.bootstrap_key == Secret("sk-1")
    assert config.sources["server.port"] == Source("env", "GAUD_SERVER_PORT")
    assert config.sources["logging.level"] == Source("file")
    assert config.sources["server.host"] == Source("default")
    assert config.path.name == "llm-proxy.toml"
    assert not config.warnings
    wanted = {f"{name}.{o.name}" for name, cls in SECTIONS.items() for o in describe(cls)}
    assert config.sources.keys() == wanted


def test_the_data_folder_is_the_platforms_or_the_users(config_of: Any, tmp_path: Path) -> None:
    """GAUD_DATA_DIR moves it."""
    assert config_of("").data.folder == platformdirs.user_data_path("gaud", appauthor=False)
    assert config_of("", GAUD_DATA_DIR=str(tmp_path)).data.folder == tmp_path


def test_relative_paths_of_the_file_count_from_the_file(config_of: Any, tmp_path: Path) -> None:
    """So `gaud users` finds the database of `gaud serve` wherever it is called."""
    config = config_of('[data]\ndir = "kept"\n[database]\npath = "../books.db"')
    assert config.data.folder == tmp_path / "kept"
    assert config.database.file(config.data).resolve() == tmp_path.parent / "books.db"
    assert config_of('[database]\npath = "/srv/books.db"').database.path == Path("/srv/books.db")
    assert config_of("", GAUD_DATABASE_PATH="books.db").database.path == Path("books.db")


def test_every_mistake_of_the_whole_file_is_told_at_once(mistakes_of: Any) -> None:
    """Those of provider sections too, since the file has to be opened anyway."""
    found = mistakes_of(
        """
        port = 80
        [sever]
        [acme]
        [zzz]
        [server]
        hots = "x"
        port = 70000
        cors_origins = ["https://a/b"]
        [auth]
        bootstrap_key = "with space"
        [providers.acme]
        url = "localhost:4000"
        [providers.other]
        """,
        GAUD_BREAKER_OPEN_SECS="soon",
    )
    assert found == [
        "port: must not stand at the top of the file. Put it below the line [server].",
        "sever: is not a known section. Did you mean [server]?",
        "acme: is a provider, not a section of Gaud itself. Write [providers.acme].",
        (
            "zzz: is not a known section. "
            "Known are `server`, `auth`, `auth.tls_client_cert`, `logging`, `breaker`, `data`, `database`, "
            "`ledger`, `budget`, `routing` and `providers`."
        ),
        "server.hots: is not a known setting. Did you mean `host`?",
        "server.port: must be at least 0 and at most 65535, not 70000.",
        "server.cors_origins: must hold origins such as `https://app.example.com`, without a path, or `*`.",
        "auth.bootstrap_key: must be printable ASCII characters without spaces.",
        "breaker.open_secs: the variable GAUD_BREAKER_OPEN_SECS must be a number, not `soon`.",
        "providers.acme.url: must start with `http://` or `https://`. Did you mean `http://localhost:4000`?",
        (
            "providers.other: no provider `other` is installed, only `acme` and `plain`. "
            "Install the distribution that brings `other`."
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server = 1", "server: must be a section, not a whole number. Write [server] above its settings."),
        ("[[server]]", "server: must be a section, not a list. Write [server] above its settings."),
        (
            "providers = 'acme'",
            "providers: must hold sections, not text. Write one [providers.<name>] for each.",
        ),
        (
            "[[providers]]",
            "providers: must hold sections, not a list. Write one [providers.<name>] for each.",
        ),
    ],
)
def test_a_section_must_be_one(mistakes_of: Any, text: str, message: str) -> None:
    """Values and double brackets in the place of a section are told as such."""
    assert mistakes_of(text) == [message]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "[::1]", "localhost", "gaud.example.com"])
def test_addresses_and_names_can_be_listened_on(config_of: Any, host: str) -> None:
    """With keys required, any of them is fine; brackets are taken off."""
    assert config_of(f"[server]\nhost = '{host}'").server.host == host.strip("[]")


@pytest.mark.parametrize("host", ["", "http://localhost", "localhost:8400", "127.0.0.1:80", "a b", "[x]"])
def test_anything_else_cannot(mistakes_of: Any, host: str) -> None:
    """A URL or a port in the host is the usual slip."""
    assert mistakes_of(f"[server]\nhost = '{host}'") == [
        "server.host: must be an address such as `127.0.0.1`, without `http://` and without a port."
    ]


def test_origins_lose_their_slash(config_of: Any) -> None:
    """Browsers send none, and comparing is exact."""
    config = config_of("", GAUD_SERVER_CORS_ORIGINS="https://app.example.com/, *, tauri://localhost")
    assert config.server.cors_origins == ("https://app.example.com", "*", "tauri://localhost")


OPEN = "[server]\nhost = '{}'\n[auth]\nenabled = false\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "gaud.example.com"])
def test_an_open_gateway_has_to_be_told_twice(config_of: Any, mistakes_of: Any, host: str) -> None:
    """Without keys, an address that others reach needs a second yes."""
    (message,) = mistakes_of(OPEN.format(host))
    assert message == (
        f"auth.enabled: is false, but server.host is `{host}`: whoever reaches it could use your providers. "
        "Switch it on, listen on 127.0.0.1, or say it twice with auth.allow_open_network = true."
    )
    config = config_of(OPEN.format(host), GAUD_AUTH_ALLOW_OPEN_NETWORK="yes")
    assert not config.auth.enabled
    assert network_problem(config.server, config.auth) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_keys_may_be_switched_off(config_of: Any, host: str) -> None:
    """A developer's own machine needs no ceremony."""
    assert not config_of(OPEN.format(host)).auth.enabled


def test_a_section_inside_another_is_read_from_file_and_environment(config_of: Any) -> None:
    """`[auth.tls_client_cert]` is no setting of `[auth]`."""
    text = (
        '[server]\ntrusted_proxies = ["10.1.2.3", "10.0.0.1/8"]\n[auth]\nenabled = true\n'
        "[auth.tls_client_cert]\nenabled = true\n"
    )
    config = config_of(text, GAUD_AUTH_TLS_CLIENT_CERT_HEADER_NAME="X-Client-DN")
    assert config.server.trusted_proxies == ("10.1.2.3/32", "10.0.0.0/8")
    assert (config.tls_client_cert.enabled, config.tls_client_cert.header_name) == (True, "x-client-dn")
    assert str(config.sources["auth.tls_client_cert.enabled"]) == "file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[auth.tls_client_cert]\nrequire_cert = true",
            (
                "auth.tls_client_cert.require_cert: is true, but nobody is trusted to send certificates. "
                "List your TLS proxy's address in server.trusted_proxies."
            ),
        ),
        (
            "[auth]\ntls_client_cert = 3",
            (
                "auth.tls_client_cert: must be a section, not a whole number. "
                "Write [auth.tls_client_cert] above its settings."
            ),
        ),
        (
            '[auth.tls_client_cert]\nheader_name = "Authorization"',
            (
                "auth.tls_client_cert.header_name: must be the name of a header that nothing else uses, "
                "such as `x-client-cert-dn`."
            ),
        ),
        (
            '[server]\ntrusted_proxies = ["proxy"]',
            "server.trusted_proxies: must hold addresses or networks such as `10.0.0.7` or `10.0.0.0/8`.",
        ),
    ],
)
def test_mistakes_about_proxies_and_certificates(mistakes_of: Any, text: str, expected: str) -> None:
    """Each in one sentence with its cure."""
    assert mistakes_of(text) == [expected]
