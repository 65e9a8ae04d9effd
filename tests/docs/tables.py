"""Tables of settings for READMEs and docs, made from the settings classes.

`python tests/docs/tables.py` writes them into the files again after a setting has changed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gaud_core.settings import OptionInfo, describe
from gaud_provider_copilot import CopilotSettings
from gaud_provider_kiro import KiroSettings
from gaud_provider_litellm import LiteLLMSettings

__all__ = ["TABLES", "blocks", "settings_table", "with_tables"]

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(<!-- settings:begin (\S+ )?-->\n).*?(<!-- settings:end -->)", re.DOTALL)

TABLES: Mapping[str, type] = {
    "providers.copilot": CopilotSettings,
    "providers.kiro": KiroSettings,
    "providers.litellm": LiteLLMSettings,
}
"""The settings class of each section; a block without a section's name is `providers.litellm`."""


def settings_table(cls: type, prefix: str) -> str:
    """A Markdown table of a settings class; `prefix` is its section, such as `providers.litellm`."""
    head = "| Setting | Meaning | Default | Variable |\n|---|---|---|---|\n"
    return head + "".join(_row(info, prefix) for info in describe(cls))


def blocks(text: str) -> list[str]:
    """The sections whose tables a document holds."""
    return [_section(found[2]) for found in BLOCK.finditer(text)]


def with_tables(text: str) -> str:
    """A document with each marked block filled from the schema."""
    return BLOCK.sub(lambda found: f"{found[1]}{_table(found[2])}{found[3]}", text)


def _table(name: str | None) -> str:
    section = _section(name)
    return settings_table(TABLES[section], section)


def _section(name: str | None) -> str:
    return (name or "providers.litellm").strip()


def _row(info: OptionInfo, prefix: str) -> str:
    variable = f"`{_variable_prefix(prefix)}{info.env}`" if info.env else ""
    cells = (f"`{prefix}.{info.name}`", _meaning(info), _default(info), variable)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _variable_prefix(section: str) -> str:
    return f"GAUD_{section.removeprefix('providers.').upper().replace('-', '_').replace('.', '_')}_"


def _meaning(info: OptionInfo) -> str:
    details = [info.type, info.unit and f"in {info.unit}", info.bounds, " or ".join(info.choices)]
    return f"{info.help} ({', '.join(filter(None, details))})"


def _default(info: OptionInfo) -> str:
    if info.required:
        return "required"
    if info.default is None or info.default == ():
        return "none"
    return f"`{_toml(info.default)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def main() -> None:
    """Write the tables into every README that has a block."""
    for path in [ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("docs/**/*.md")]:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if (done := with_tables(text)) != text:
            path.write_text(done, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
