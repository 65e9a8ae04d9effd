"""`llm-proxy.toml` and the environment become one `Config`, with the origin of every value.

`load_config` is the way in; `sections.py` declares the core's settings, `model.py` holds what comes out.
Nothing here knows a provider: their settings classes are handed in by name.
"""

from __future__ import annotations

from gaud_core.config.files import FILE_NAME, ConfigFile, find_file, read_file
from gaud_core.config.load import load_config
from gaud_core.config.model import Config, Instance, env_prefix, network_problem
from gaud_core.config.sections import (
    SECTIONS,
    Auth,
    Breaker,
    Budget,
    Data,
    Database,
    Ledger,
    Logging,
    Routing,
    Server,
    TLSClientCert,
)

__all__ = [
    "FILE_NAME",
    "SECTIONS",
    "Auth",
    "Breaker",
    "Budget",
    "Config",
    "ConfigFile",
    "Data",
    "Database",
    "Instance",
    "Ledger",
    "Logging",
    "Routing",
    "Server",
    "TLSClientCert",
    "env_prefix",
    "find_file",
    "load_config",
    "network_problem",
    "read_file",
]
