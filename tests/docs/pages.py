"""The documents of this repository, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from sybil import Document
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

__all__ = ["CLIENTS", "GUIDES", "PAGES", "ROOT", "Block", "anchors", "blocks", "named", "params", "prose"]

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
"""What users read: every message that these show is one that Gaud says."""
CLIENTS = [page for page in GUIDES if page.parent.name == "clients" and page.name != "README.md"]
"""The pages of clients; what stands in them is not Gaud's own, and has tests of its own."""
PAGES = sorted({*GUIDES, *ROOT.glob("*.md"), *ROOT.glob("gaud_*/*.md"), *ROOT.glob("examples/**/*.md")})
"""Every document."""

_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_LEXER = FencedCodeBlockLexer(r"[a-z]+")


@attrs.frozen
class Block:
    """A fenced block; `line` is where its fence stands."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        """Its place, as editors take it: `docs/routing.md:12`."""
        return f"{named(self.page)}:{self.line}"


def blocks(*languages: str, pages: list[Path] = PAGES) -> list[Block]:
    """Every block in one of these languages."""
    return [block for page in pages for block in _blocks(page) if block.language in languages]


def params(found: list[Block]) -> list[object]:
    """The blocks as parameters of a test, named by their places."""
    return [pytest.param(block, id=block.where) for block in found]


def named(page: Path) -> str:
    """A document's path in the repository."""
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of a document's headings, as the sites that show Markdown make them."""
    headings = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(page: Path) -> str:
    """A document without its blocks of code."""
    document = Document(page.read_text(encoding="utf-8"), str(page))
    text, at = "", 0
    for region in _LEXER(document):
        text, at = text + document.text[at : region.start], region.end
    return text + document.text[at:]


def _blocks(page: Path) -> Iterator[Block]:
    document = Document(page.read_text(encoding="utf-8"), str(page))
    for region in _LEXER(document):
        line = document.text.count("\n", 0, region.start) + 1
        yield Block(page, line, str(region.lexemes["language"]), str(region.lexemes["source"]))
