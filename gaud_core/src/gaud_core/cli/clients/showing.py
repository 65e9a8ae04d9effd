"""What people see: a change before it is made, and lines to paste; no key is among them."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Iterator, Mapping

import attrs

from gaud_core.cli.clients.formats import changed
from gaud_core.cli.clients.targets import Target
from gaud_core.cli.clients.values import KEY_VARIABLE, Client, ClientFile, Facts
from gaud_core.cli.common import printable
from gaud_core.settings import Secret
from gaud_core.settings.secret import MASK

__all__ = ["diff", "exports", "for_file", "fresh", "hidden", "paste"]

# What stands behind a name that ends like that of a secret, unless it only says where the secret is.
_SECRET = re.compile(
    r"""((?:key|token|secret|password)["']?\s*[:=]\s*["']?)(?!GAUD_KEY|\$|\{|gaud["']?$)([^\s"',}]{4,})""",
    re.IGNORECASE,
)
_LOOKS_SECRET = re.compile(r"\bsk-[\w-]{8,}")


def diff(target: Target, after: str | None, key: Secret | None) -> str:
    """The change of a file as `diff -u` shows it, with a mask in the place of each secret."""
    old = [] if target.text is None else target.text.splitlines()
    new = [] if after is None else after.splitlines()
    was, is_ = (os.devnull if text is None else str(target.path) for text in (target.text, after))
    lines = difflib.unified_diff(old, new, was, is_, lineterm="")
    return "\n".join(printable(hidden(line, key)) for line in lines) + "\n"


def hidden(line: str, key: Secret | None = None) -> str:
    """A line without what looks like a secret in it."""
    if key:
        line = line.replace(key.reveal(), MASK)
    return _LOOKS_SECRET.sub(MASK, _SECRET.sub(rf"\g<1>{MASK}", line))


def paste(client: Client, facts: Facts, places: Mapping[ClientFile, str]) -> str:
    """Everything that `gaud connect NAME --print` shows."""
    return "\n".join(_pieces(client, facts, places)).rstrip()


def fresh(file: ClientFile, facts: Facts) -> str:
    """What a file holds that has nothing but Gaud in it."""
    template = file.content or file.keyed or {}
    return changed(file.fresh, facts.filled(template), file.format, file.under)


def exports(client: Client, facts: Facts) -> Iterator[str]:
    """The variables as a shell sets them."""
    for name, template in client.variables.items():
        value = facts.fill(template)
        yield f"export {name}=" + (f'"{value}"' if f"${KEY_VARIABLE}" in value else shlex.quote(value))


def _pieces(client: Client, facts: Facts, places: Mapping[ClientFile, str]) -> Iterator[str]:
    for file in client.files:
        text = fresh(file, for_file(facts, file))
        yield from [f"{places[file]}:", "", *_indented(text), ""]
    if client.variables and not client.files:
        yield from ["In the shell:", "", *_indented("\n".join(exports(client, facts))), ""]
    for snippet in client.snippets:
        yield from [f"{snippet.title}:", "", *_indented(facts.fill(snippet.code)), ""]
    yield from [f"- {facts.fill(note)}" for note in client.notes]


def for_file(facts: Facts, file: ClientFile) -> Facts:
    """A file that no shell reads has words in the key's place, not a variable."""
    return attrs.evolve(facts, key="your-gaud-key") if file.only_keyed else facts


def _indented(text: str) -> Iterator[str]:
    for line in text.rstrip("\n").split("\n"):
        yield f"    {line}" if line else ""
