"""Finding and reading `llm-proxy.toml`; whatever can be wrong with the file itself has its sentence."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from gaud_core.errors import ConfigError, Problem

__all__ = ["FILE_NAME", "ConfigFile", "find_file", "new_place", "parse_file", "read_file", "version_of"]

FILE_NAME: Final = "llm-proxy.toml"
_VERSION_DIGITS: Final = 16

_POSITION: Final = re.compile(
    r"(?P<what>.*) \(at (?P<where>line \d+, column \d+|end of document)\)", re.DOTALL
)
_QUOTED: Final = re.compile(r"'([^']*)'")
_DOTTED: Final = re.compile(r"\((?:'[^']*'(?:, )?)+,?\)")
_CURES: Final = {
    "Invalid value": "Text needs quotes; true and false are written small.",
    "Cannot overwrite a value": "The same name is there twice; keep one of them.",
    "Expected '=' after a key": "Write `name = value`.",
    "Unescaped '\\'": "In double quotes write `\\\\`, or put the text in single quotes.",
    "Unterminated": "A quote is not closed.",
    "Unclosed": "A bracket is not closed.",
    'Expected "': "A quote is not closed.",
    "Illegal character '\\n'": "A quote is not closed on this line.",
    "Cannot declare": "The same section is there twice; make one of them.",
}


@attrs.frozen
class ConfigFile:
    """A file as read: its table and the bits of its mode that say who may read it.

    `content` is the very bytes; like the table it may hold secrets.
    """

    path: Path
    table: Mapping[str, Any] = attrs.field(repr=False)
    mode: int = 0o600
    content: bytes = attrs.field(default=b"", repr=False)

    @property
    def version(self) -> str:
        """What tells this content from another."""
        return version_of(self.content)

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8-sig")


def find_file(path: str | Path | None, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file to read and what named it: `--config`, `GAUD_CONFIG`, or nothing for one of the usual places.

    No path at all means that there is no file; a file that was named is returned even if it does not exist.
    """
    if path is not None:
        return _absolute(path), "--config"
    if named := environ.get("GAUD_CONFIG", "").strip():
        return _absolute(named), "GAUD_CONFIG"
    return next((_absolute(place) for place in _usual_places() if os.path.lexists(place)), None), ""


def new_place() -> Path:
    """Where the file is made when there is none: in the platform's folder, found from everywhere."""
    return _usual_places()[-1].absolute()


def read_file(path: Path, named_by: str = "") -> ConfigFile:
    """Read a TOML file; ConfigError says in one sentence why it cannot be used."""
    try:
        with path.open("rb") as file:
            content, mode = file.read(), os.fstat(file.fileno()).st_mode
    except (OSError, ValueError) as wrong:
        raise _error(path, *_unreadable(wrong, named_by)) from None
    return parse_file(path, content, mode & 0o777)


def version_of(content: bytes) -> str:
    """Give what tells one content from another; nothing for an empty one."""
    return hashlib.sha256(content).hexdigest()[:_VERSION_DIGITS] if content else ""


def parse_file(path: Path, content: bytes, mode: int = 0o600) -> ConfigFile:
    """Make a file of what it holds or is to hold; ConfigError if that is not TOML."""
    return ConfigFile(path, _parsed(path, _decoded(path, content)), mode, content)


def _usual_places() -> list[Path]:
    import platformdirs  # here, because a file that is named needs no search

    return [Path(FILE_NAME), platformdirs.user_config_path("gaud", appauthor=False) / FILE_NAME]


def _absolute(path: str | Path) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except (RuntimeError, OSError):  # no such home, or the working directory is gone: reading it will say so
        return Path(path)


def _unreadable(wrong: OSError | ValueError, named_by: str) -> tuple[str, str]:
    if isinstance(wrong, FileNotFoundError | NotADirectoryError):
        named = f", but {named_by} names it" if named_by else ""
        return f"The file does not exist{named}.", "Correct the path, or create the file."
    if isinstance(wrong, IsADirectoryError):
        return "This is a folder, not a file.", f"Name the file in it, such as `{FILE_NAME}`."
    if isinstance(wrong, PermissionError):
        return "The file may not be read.", "Make it readable for the user that runs Gaud."
    reason = wrong.strerror if isinstance(wrong, OSError) else str(wrong)
    return f"The file cannot be read: {reason}.", ""


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        raise _error(path, f"The file is not UTF-8 text: see line {line}.", "Save it as UTF-8.") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as wrong:
        raise _error(path, *_in_words(str(wrong))) from None
    except RecursionError:
        raise _error(path, "The file nests lists or tables too deeply.") from None
    except ValueError:  # what Python says of a number with more than 4,300 digits
        raise _error(path, "The file holds a number that is too long.") from None


def _in_words(raw: str) -> tuple[str, str]:
    match = _POSITION.fullmatch(raw)
    what, where = (match["what"], match["where"]) if match else (raw, "")
    cure = next((cure for start, cure in _CURES.items() if what.startswith(start)), "")
    what = _DOTTED.sub(lambda m: f"[{'.'.join(_QUOTED.findall(m[0]))}]", what)
    at = where.replace("end of document", "the end of the file").capitalize()
    return f"{at}: this is not TOML. {what}." if at else f"This is not TOML. {what}.", cure


def _error(path: Path, message: str, cure: str = "") -> ConfigError:
    return ConfigError([Problem("", message, cure)], source=str(path))
