"""The table of Gaud's own settings, made from the schema.

`python -m tests.docs.core_tables` writes it into README and docs again after a setting has changed;
`tables.py` beside it does the same for the settings of providers.
"""

from __future__ import annotations

import re
import sys

from gaud_core.config import SECTIONS

from .pages import PAGES, named
from .tables import settings_table

__all__ = ["core_table", "has_core_table", "with_core_tables"]

_BLOCK = re.compile(r"(<!-- core-settings:begin -->\n).*?(<!-- core-settings:end -->)", re.DOTALL)


def core_table() -> str:
    """The rows of all sections under one head."""
    tables = [settings_table(cls, name).splitlines(keepends=True) for name, cls in SECTIONS.items()]
    return "".join([*tables[0][:2], *(row for table in tables for row in table[2:])])


def has_core_table(text: str) -> bool:
    """Whether a document has the mark of such a table."""
    return _BLOCK.search(text) is not None


def with_core_tables(text: str) -> str:
    """A document with the table filled in."""
    return _BLOCK.sub(lambda found: f"{found[1]}{core_table()}{found[2]}", text)


def main() -> None:
    """Write the table into every document that has the mark."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (done := with_core_tables(text)) != text:
            page.write_text(done, encoding="utf-8")
            sys.stdout.write(f"wrote {named(page)}\n")


if __name__ == "__main__":
    main()
