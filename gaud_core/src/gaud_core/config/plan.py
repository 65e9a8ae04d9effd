"""What a change of the configuration would do, for people: a diff, and which providers start and stop."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from gaud_core.errors import Problem

__all__ = ["Change", "Plan"]


@attrs.frozen(kw_only=True)
class Change:
    """One setting that changes; values are JSON, secrets are `********` on both sides.

    A section that is added or removed is one change of each of its settings that was set.
    """

    kind: Literal["added", "changed", "removed"]
    key: str
    before: Any = None
    after: Any = None
    live: bool = True
    """False: it waits for a restart."""
    secret: bool = False


@attrs.frozen(kw_only=True)
class Plan:
    """What would happen; with `problems` nothing would, and each of them says what is wrong and its cure."""

    changes: tuple[Change, ...] = ()
    starts: tuple[str, ...] = ()
    """Instances that are new."""
    replaces: tuple[str, ...] = ()
    """Instances that start anew with other settings; their running calls end on the old ones."""
    stops: tuple[str, ...] = ()
    """Instances that end, after their running calls."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    base: str = ""
    """The version that it starts from; give it back to `apply` so that nobody's change is lost in between."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.changes or self.starts or self.replaces or self.stops)
