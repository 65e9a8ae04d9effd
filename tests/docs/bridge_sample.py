"""One thing that a request in a dialect may hold, for the tables of what crosses a bridge."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["JSON", "Sample"]

JSON = dict[str, Any]


@attrs.frozen
class Sample:
    """Something in a request: what it is called, what is sent, how it crosses, and what then arrives."""

    name: str
    asked: JSON
    how: str = ""
    arrives: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Its name, as code unless that is words."""
        return self.name if " " in self.name else f"`{self.name}`"
