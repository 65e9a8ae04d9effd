"""Every setting that there is, of the core and of each installed provider, for the API and the page."""

from __future__ import annotations

from typing import Any, Literal

import attrs

__all__ = ["Setting"]


@attrs.frozen(kw_only=True)
class Setting:
    """One setting and what it is now.

    `value` and `default` are JSON: text, numbers, true and false, lists of text, or None for nothing. A
    secret that is set is `********`, one that is not is None. `value` is what the file and the environment
    say; where it waits for a restart, `waits` is true and `running` is what is in force.
    """

    key: str
    """Dotted, as `change` takes it: `server.port`, `providers.litellm.url`."""
    section: str
    """`server`, `auth.tls_client_cert`, `providers.litellm`."""
    label: str
    help: str
    type: str
    """`text`, `secret`, `yes/no`, `whole number`, `number`, `path`, or `list of …` one of them."""
    value: Any
    default: Any
    required: bool
    secret: bool
    env: str | None
    """The variable that can set it, whether or not it does."""
    overridden: bool
    """The variable does set it, so that nothing else can."""
    source: Literal["default", "file", "env"]
    live: bool
    """A change applies at once; otherwise it waits for a restart."""
    waits: bool = False
    running: Any = None
    choices: tuple[str, ...] = ()
    bounds: str = ""
    """In words: `at least 1 and at most 65535`."""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    unit: str = ""
    creates: bool = False
    """Setting it alone makes the section; clearing it removes the section."""
    provider: str = ""
    """Of which provider it is; empty for the core's own."""
    instance: str = ""
    configured: bool = True
    """Whether its section is there; false for the settings of an installed provider without one."""
    problem: str = ""
    """What is wrong with the value now, if something is."""
