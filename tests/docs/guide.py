"""The providers that a document shows, as a distribution that can be found."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from types import ModuleType

from gaud_core import Provider

from .pages import ROOT, blocks

__all__ = ["GUIDE", "install", "joined", "project", "providers"]

GUIDE = ROOT / "docs" / "writing-a-provider.md"


def joined(page: Path) -> str:
    """All Python of a document as one program, each line where it stands in the document."""
    lines: list[str] = []
    for block in blocks("python", pages=[page]):
        lines += [""] * (block.line - len(lines))
        lines += block.text.splitlines()
    return "\n".join([*lines, ""])


def providers(page: Path) -> list[type[Provider[object]]]:
    """The provider classes that a document declares, or the example that it stands beside."""
    sources = list(page.parent.glob("src/gaud_provider_*/__init__.py")) if "examples" in page.parts else []
    if page != GUIDE and not sources:
        return []
    program = sources[0].read_text(encoding="utf-8") if sources else joined(page)
    module = ModuleType("gaud_guide")
    sys.modules[module.__name__] = module  # types in the classes' bodies are looked up there
    exec(compile(program, str(page), "exec"), module.__dict__)  # noqa: S102 - our own document
    found = [
        value for value in vars(module).values() if isinstance(value, type) and Provider in value.__mro__
    ]
    return [cls for cls in found if cls.__module__ == module.__name__]


def project() -> dict[str, object]:
    """The `[project]` table that the guide shows."""
    texts = [block.text for block in blocks("toml", pages=[GUIDE]) if "[project]" in block.text]
    table: dict[str, object] = tomllib.loads(texts[0])["project"]
    return table


def install(folder: Path, entry_points: dict[str, str]) -> Path:
    """Put the guide's providers into a folder as pip would; it goes on PYTHONPATH."""
    told = project()
    package = folder / "gaud_provider_acme"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(joined(GUIDE), encoding="utf-8")
    info = folder / "gaud_provider_acme.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n"
    (info / "METADATA").write_text(head, encoding="utf-8")
    points = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[gaud.providers.v1]\n{points}", encoding="utf-8")
    return folder
