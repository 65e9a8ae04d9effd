"""What is known of a client: its variables, its files, the lines to paste, and where that was read."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any

import attrs

__all__ = ["KEY_VARIABLE", "Client", "ClientFile", "Facts", "Snippet"]

KEY_VARIABLE = "GAUD_KEY"
"""The variable that holds the key of whoever uses a client; files and printed lines name it, not the key."""


@attrs.frozen(kw_only=True)
class Facts:
    """What stands in for the words of a template: `$root`, `$base`, `$model`, `$key` and `$context`."""

    root: str
    """Address of the gateway, without a slash at its end."""
    model: str
    key: str = f"${KEY_VARIABLE}"
    context: int = 128_000
    """The model's context window in tokens; 128,000 where the gateway does not know it."""

    def fill(self, template: str) -> str:
        """Give a text with the facts in their places; `$$` is a dollar sign."""
        words = {"root": self.root, "base": f"{self.root}/v1", "model": self.model, "key": self.key}
        return Template(template).substitute(words)

    def filled(self, content: Any) -> Any:
        """Fill every text of a structure, keys too; the text `$context` becomes the number."""
        if isinstance(content, Mapping):
            return {self.fill(key): self.filled(value) for key, value in content.items()}
        if isinstance(content, list | tuple):
            return [self.filled(item) for item in content]
        if content == "$context":
            return self.context
        return self.fill(content) if isinstance(content, str) else content


@attrs.frozen(kw_only=True, eq=False)
class ClientFile:
    """A file of a client, and what Gaud puts there.

    `format` is `json`, `toml`, `yaml` or `env`. In YAML `under` names the list that gets `content` as an
    item; `-` is a list that is the whole file.
    """

    path: str
    """Below the home, or below the folder that one of `folders` names."""
    format: str
    content: Mapping[str, Any]
    folders: tuple[tuple[str, str], ...] = ()
    """Variables that move the file: each with what the path below its folder is."""
    instead: tuple[str, ...] = ()
    """Other names that the client reads: whichever is there is changed."""
    mac_path: str = ""
    """Its path on macOS, where that is another one."""
    fresh: str = ""
    """What a new file begins with."""
    under: str = ""
    keyed: Mapping[str, Any] | None = None
    """The content that holds the key itself, for `--write-key`."""

    @property
    def only_keyed(self) -> bool:
        """Whether the file is written only when the key itself may be."""
        return not self.content


@attrs.frozen
class Snippet:
    """Lines to paste into a program of one's own."""

    language: str
    title: str
    code: str


@attrs.frozen(kw_only=True, eq=False)
class Client:
    """One client. Templates are those of `Facts`; variables are for one process, or for a shell's profile."""

    name: str
    label: str
    kind: str
    """`agent`, `editor`, `tool` or `library`."""
    endpoint: str
    """What it calls, such as `messages`."""
    sources: tuple[str, ...]
    """The pages of documentation that this was read in."""
    tried: str = ""
    """`tests` where they start the real client, or the version that somebody tried once by hand."""
    program: str = ""
    install: str = ""
    arguments: tuple[str, ...] = ()
    """Put before the user's own arguments by `gaud run`."""
    variables: Mapping[str, str] = attrs.field(factory=dict)
    removed: tuple[str, ...] = ()
    """Variables that `gaud run` takes away, because they would win over the ones above."""
    files: tuple[ClientFile, ...] = ()
    snippets: tuple[Snippet, ...] = ()
    notes: tuple[str, ...] = ()
    wants_files: bool = False
    """Whether `gaud run` is of use only after `gaud connect` has written the files."""

    @property
    def runs(self) -> bool:
        """Whether `gaud run` can start it."""
        return bool(self.program) or self.kind == "library"
