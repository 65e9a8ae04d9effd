"""Settings as classes: declared once, read from the file and the environment, described to people.

A provider declares all of its own; the core knows none of them::

    @settings
    class AcmeSettings:
        \"\"\"Settings of [providers.acme].\"\"\"

        url: str = option(env="URL", help="Base URL of the Acme server.", check=http_url, creates=True)
        api_key: Secret | None = option(default=None, env="API_KEY", help="Key that Acme gave you.")
        timeout_secs: float = option(default=120.0, env="TIMEOUT", help="Time limit.", gt=0, unit="seconds")

An option without a default is required. The metadata feeds `load`, the docs, the settings API and its page.
"""

from __future__ import annotations

from gaud_core.settings.checks import http_url
from gaud_core.settings.declare import OptionInfo, describe, option, options_of, settings
from gaud_core.settings.loading import Loaded, Source, coerce_text, load
from gaud_core.settings.option import REQUIRED, Option
from gaud_core.settings.secret import MASK, Secret
from gaud_core.settings.words import Mistake

__all__ = [
    "MASK",
    "REQUIRED",
    "Loaded",
    "Mistake",
    "Option",
    "OptionInfo",
    "Secret",
    "Source",
    "coerce_text",
    "describe",
    "http_url",
    "load",
    "option",
    "options_of",
    "settings",
]
