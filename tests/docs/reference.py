"""The reference of every public name of `gaud_core`, made from signatures and docstrings.

`python -m tests.docs.reference` writes docs/reference.md again after one of them has changed.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import gaud_core

from .pages import ROOT

__all__ = ["GROUPS", "PAGE", "reference"]

PAGE = ROOT / "docs" / "reference.md"
GROUPS = {
    "What a provider is": "Provider HTTPProvider ChatProvider LoginProvider Context Model Price Health Quota "
    "Timeouts UpstreamRequest",
    "What crosses the boundary": "Call Body Reply Usage replace events_of data_of",
    "What a chat yields": "Event Text Reasoning ToolCall Usage Finish",
    "Settings": "settings option Secret http_url Mistake Problem",
    "Logins": "Screen Token TokenStore DeviceFlow PKCEFlow device_code pkce token_request",
    "Errors": "GaudError ApiError ProviderError UpstreamRefused LoginNeeded UpstreamFailed Unavailable "
    "UpstreamTimeout LoginFailed LoginCancelled TokenFileError ConfigError PluginError",
}
_HEAD = """# Reference

Every public name of `gaud_core`, from its own docstring. How they go together is in
[Writing a provider](writing-a-provider.md).
"""
_LONGEST_LINE = 88


def reference() -> str:
    """The whole page."""
    parts, seen = [_HEAD], set[str]()
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        new = [name for name in names.split() if name not in seen]
        seen.update(new)
        parts += [_entry(name) for name in new]
    return "\n".join(parts)


def _entry(name: str) -> str:
    value: Any = getattr(gaud_core, name)
    if inspect.isclass(value):
        return "\n".join(_class(name, value))
    if inspect.isfunction(value):
        return f"### {name}\n\n```py\n{_signature(name, value)}\n```\n\n{_text(value)}\n"
    return f"### {name}\n\n`{_tidy(str(value))}`\n"


def _class(name: str, cls: type) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__bases__ if base.__name__ in gaud_core.__all__]
    yield f"### {name}\n"
    if bases:
        yield f"A {' and a '.join(f'`{base}`' for base in bases)}.\n"
    yield f"{_text(cls)}\n"
    if rows := [*_attributes(cls)]:
        yield "| Attribute | Type | Default | Meaning |\n|---|---|---|---|"
        yield "\n".join(rows) + "\n"
    for method, function in _methods(cls):
        yield f"```py\n{_signature(method, function)}\n```\n\n{_text(function)}\n"


def _methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(cls).items():
        function = getattr(value, "__func__", value)
        ours = inspect.isfunction(function) and str(function.__module__).startswith("gaud_core")
        if ours and not name.startswith("_"):
            yield name, function


def _attributes(cls: type) -> Iterator[str]:
    """Class attributes, fields and properties, with their types, defaults and docstrings."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for node, after in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                yield _row(name, ast.unparse(node.annotation), _default(node.value), _docstring(after))
            case ast.FunctionDef(name=name, returns=kind, decorator_list=[ast.Name(id="property")]):
                yield _row(name, ast.unparse(kind) if kind else "", "", ast.get_docstring(node) or "")


def _default(value: ast.expr | None) -> str:
    """What an attribute is without being set; nothing where it must be, or is made anew each time."""
    match value:
        case ast.Call(keywords=keywords):
            given = {word.arg: word.value for word in keywords}
            return ast.unparse(given["default"]) if "default" in given else ""
        case None:
            return ""
    return ast.unparse(value)


def _docstring(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return ""


def _row(name: str, kind: str, default: str, text: str) -> str:
    kind = re.sub(r"^ClassVar\[(.*)\]$", r"\1", kind)
    cells = (f"`{name}`", f"`{kind}`", f"`{default}`" if default else "", " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _signature(name: str, function: Any) -> str:
    """One line, or one for each parameter if that is too long."""
    signature = inspect.signature(function)
    own = [value for key, value in signature.parameters.items() if key not in {"self", "cls"}]
    head = f"{'async ' if _is_async(function) else ''}def {name}"
    short = _tidy(f"{head}{signature.replace(parameters=own)}")
    if len(short) <= _LONGEST_LINE:
        return short
    lines = []
    for parameter in own:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "    *," not in lines:
            lines.append("    *,")
        text = str(inspect.Signature([parameter]))[1:-1].removeprefix("*, ")
        lines.append(f"    {text},")
    returned = str(signature.replace(parameters=[])).removeprefix("()")
    return _tidy("\n".join([f"{head}(", *lines, f"){returned}"]))


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _tidy(text: str) -> str:
    """Leave out quotes around types, addresses of objects and paths of modules."""
    text = re.sub(r"'((?:[\w.\[\], |]|\.\.\.)+)'(?=[,)\]\n]| =|$)", r"\1", text)
    text = re.sub(r"<(?:function|built-in function|class) '?([\w.]+)'?(?: at 0x[0-9a-f]+)?>", r"\1", text)
    return re.sub(r"\b(?:gaud_core|collections\.abc|typing)\.[a-z_.]*(?=[A-Z])", "", text)


def _text(value: Any) -> str:
    """A docstring as Markdown: what it indents is code."""
    text = inspect.getdoc(value) or ""
    return re.sub(r"(?m)^(?=    )", "", text)


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
