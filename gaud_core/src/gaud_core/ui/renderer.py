"""Templates to text: every value is escaped, and a name that is missing is an error and not a gap."""

from __future__ import annotations

import asyncio
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from gaud_core._version import __version__
from gaud_core.ui.static_files import StaticFiles
from gaud_core.ui.words import FILTERS

if TYPE_CHECKING:
    import jinja2

__all__ = ["Renderer"]

_TICKED = re.compile(r"`([^`]+)`")
_FOLDER = Path(__file__).parent / "templates"


@attrs.define(eq=False, slots=False)
class Renderer:
    """Makes pages from templates; the first loads Jinja2, which a gateway that nobody looks at never does."""

    static: StaticFiles

    async def render(self, template: str, values: dict[str, Any]) -> str:
        """Fill a template in, in a thread: a long page must not hold up the calls."""
        return await asyncio.to_thread(self._render, template, values)

    def _render(self, template: str, values: dict[str, Any]) -> str:
        return self._environment.get_template(template).render(values)

    @cached_property
    def _environment(self) -> jinja2.Environment:
        import jinja2
        import markupsafe

        def ticks(text: object) -> markupsafe.Markup:
            """Show what stands between backticks as code; everything is escaped before."""
            return markupsafe.Markup(_TICKED.sub(r"<code>\1</code>", str(markupsafe.escape(text))))  # noqa: S704

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters.update(FILTERS, ticks=ticks)
        environment.globals.update(asset=self.static.address, version=__version__)
        return environment
