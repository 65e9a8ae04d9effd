"""`llm-proxy.toml` and the environment become one `Config`, with the origin of every value.

`load_config` is the way in; `sections.py` declares the core's settings, `model.py` holds what comes out.
Nothing here knows a provider: their settings classes are handed in by name.
"""

from __future__ import annotations

from gaud_core.config.document import edited
from gaud_core.config.edits import edits_of
from gaud_core.config.files import (
    FILE_NAME,
    ConfigFile,
    find_file,
    new_place,
    parse_file,
    read_file,
    version_of,
)
from gaud_core.config.history import History, Version
from gaud_core.config.instances import Plugins
from gaud_core.config.listing import Setting, list_settings
from gaud_core.config.load import config_of, load_config
from gaud_core.config.lock import locked
from gaud_core.config.model import Config, Instance, env_prefix, network_problem
from gaud_core.config.plan import Change, Plan, in_force, make_plan, same_instance
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
from gaud_core.config.write import changed_meanwhile, replace_file, why_not_writable

__all__ = [
    "FILE_NAME",
    "SECTIONS",
    "Auth",
    "Breaker",
    "Budget",
    "Change",
    "Config",
    "ConfigFile",
    "Data",
    "Database",
    "History",
    "Instance",
    "Ledger",
    "Logging",
    "Plan",
    "Plugins",
    "Routing",
    "Server",
    "Setting",
    "TLSClientCert",
    "Version",
    "changed_meanwhile",
    "config_of",
    "edited",
    "edits_of",
    "env_prefix",
    "find_file",
    "in_force",
    "list_settings",
    "load_config",
    "locked",
    "make_plan",
    "network_problem",
    "new_place",
    "parse_file",
    "read_file",
    "replace_file",
    "same_instance",
    "version_of",
    "why_not_writable",
]
