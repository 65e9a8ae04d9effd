"""`llm-proxy.toml` and the environment become one `Config`, with the origin of every value.

`load_config` is the way in; `model.py` holds what comes out. Nothing here knows a provider: their settings
classes are handed in by name.
"""

from __future__ import annotations

from gaud_core.config.files import FILE_NAME, ConfigFile, find_file, read_file
from gaud_core.config.load import load_config
from gaud_core.config.model import (
    SECTIONS,
    Auth,
    Breaker,
    Config,
    Data,
    Database,
    Instance,
    Logging,
    Server,
    env_prefix,
    network_problem,
)

__all__ = [
    "FILE_NAME",
    "SECTIONS",
    "Auth",
    "Breaker",
    "Config",
    "ConfigFile",
    "Data",
    "Database",
    "Instance",
    "Logging",
    "Server",
    "env_prefix",
    "find_file",
    "load_config",
    "network_problem",
    "read_file",
]
