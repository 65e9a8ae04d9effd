"""The table of the conformance kit's tests, made from their docstrings.

`python -m tests.docs.kit_tables` writes it into the docs again after a test has changed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from gaud_core.testing import ChatProviderTests, HTTPProviderTests, LiveProviderTests, LoginProviderTests

from .pages import ROOT

__all__ = ["PAGE", "with_kit_table"]

PAGE = ROOT / "docs" / "conformance-kit.md"
_BLOCK = re.compile(r"(<!-- kit-tests:begin -->\n).*?(<!-- kit-tests:end -->)", re.DOTALL)
_GROUPS = {
    "ProviderTests": "every provider",
    "AnswerTests": "calls that go well",
    "FailureTests": "calls that go wrong",
    "LifeTests": "start and stop",
    "ChatProviderTests": "`ChatProviderTests` only",
    "HTTPProviderTests": "`HTTPProviderTests` only",
    "LoginProviderTests": "logins",
    "LiveProviderTests": "the real upstream",
}


def with_kit_table(text: str) -> str:
    """The document with the table filled in."""
    rows = ["| About | Test | When it fails | Level |\n|---|---|---|---|\n", *_rows()]
    return _BLOCK.sub(lambda found: f"{found[1]}{''.join(rows)}{found[2]}", text)


def _rows() -> Iterator[str]:
    classes = (ChatProviderTests, HTTPProviderTests, LoginProviderTests, LiveProviderTests)
    known = {base.__name__: base for cls in classes for base in cls.__mro__}
    for name, about in _GROUPS.items():
        for test, function in vars(known[name]).items():
            if test.startswith("test_"):
                said = " ".join((inspect.getdoc(function) or "").split()).replace("|", "\\|")
                yield f"| {about} | `{test}` | {said} | {function.gaud_since} |\n"


def main() -> None:
    """Write the table."""
    PAGE.write_text(with_kit_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
