"""What the core must not know, must not load, and must not leave out of its public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gaud_core

SOURCE = Path(gaud_core.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

PUBLIC = {
    "exceptions": "ApiError ConfigError GaudError LoginCancelled LoginFailed LoginNeeded PluginError "
    "ProviderError TokenFileError Unavailable UpstreamFailed UpstreamRefused UpstreamTimeout",
    "providers": "ChatProvider HTTPProvider Provider Context Health Model Price Quota Timeouts "
    "UpstreamRequest",
    "calls": "Body Call Reply Usage data_of events_of replace",
    "logins": "DeviceFlow LoginProvider PKCEFlow Screen Token TokenStore device_code pkce token_request",
    "events": "Event Finish Reasoning Text ToolCall",
    "settings": "Mistake Problem Secret http_url option settings",
    "version": "__version__",
}


def _loaded_by(statement: str) -> set[str]:
    script = f"{statement}\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_public_names_are_these() -> None:
    """A name that comes or goes is a change of the contract, and changes this list."""
    assert sorted(gaud_core.__all__) == sorted(name for names in PUBLIC.values() for name in names.split())


def test_public_names_are_all() -> None:
    """Everything that `import gaud_core` binds is public, a module of ours, or hidden by an underscore."""
    script = "import gaud_core, types; print(*[n for n, v in vars(gaud_core).items() "
    script += "if not n.startswith('_') and not isinstance(v, types.ModuleType)])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert set(done.stdout.split()) - {"annotations"} == set(gaud_core.__all__) - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_all_is_true(path: Path) -> None:
    """Each name in a module's `__all__` exists in it, once."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            assert len(names) == len(set(names))
            assert set(names) <= _bound(tree)


def _bound(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=asname):
                names.add(asname or name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def test_core_knows_no_provider() -> None:
    """No provider is named anywhere in the core, not even in a comment."""
    assert [
        path.relative_to(SOURCE).as_posix() for path in MODULES if "litellm" in path.read_text().lower()
    ] == []


def test_importing_the_contract_is_cheap() -> None:
    """Neither the server nor an HTTP client is loaded: plugins are imported by every command."""
    heavy = {
        "starlette",
        "uvicorn",
        "uvloop",
        "aiohttp",
        "httpx",
        "httptools",
        "click",
        "sqlalchemy",
        "asyncpg",
    }
    assert _loaded_by("import gaud_core") & heavy == set()


def test_the_command_is_cheap() -> None:
    """`gaud --version` and `--help` load no server either."""
    heavy = {"starlette", "uvicorn", "uvloop", "aiohttp", "httpx", "httptools"}
    assert _loaded_by("import gaud_core.cli") & heavy == set()


def test_the_core_does_not_need_its_testing_tools() -> None:
    """Pytest and hypothesis are for authors of tests."""
    loaded = _loaded_by("import gaud_core.app, gaud_core.cli.serve, gaud_core.cli.models")
    assert loaded & {"pytest", "hypothesis", "_pytest"} == set()


def test_no_import_touches_the_network() -> None:
    """Start to first answer needs no network: no socket is opened by any import."""
    script = "import socket\ndef no(*a, **k): raise SystemExit('network at import')\n"
    script += "socket.socket.connect = no; socket.getaddrinfo = no\n"
    script += "import gaud_core.app, gaud_core.cli.serve, gaud_core.gateway.http_protocol\n"
    assert "gaud_core" in _loaded_by(script)


def test_no_file_is_too_long() -> None:
    """No file over 400 lines."""
    long = {path.name: len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_no_function_is_too_long() -> None:
    """No function over 40 lines; `option` is its own parameters, one on each line."""
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 40 and node.name != "option":
                    long[f"{path.name}:{node.name}"] = lines
    assert long == {}


def test_everything_public_says_what_it_is() -> None:
    """Each public name has a docstring."""
    silent = [
        name
        for name in gaud_core.__all__
        if isinstance(getattr(gaud_core, name), type) and not getattr(gaud_core, name).__doc__
    ]
    assert silent == []
