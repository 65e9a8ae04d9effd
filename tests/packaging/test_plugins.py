"""A third party's way: the example plugins in a clean environment, and what `gaud new` writes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import venv
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import pytest

from gaud_core.testing import ScriptedUpstream, chat_completion

from .test_packaging import ROOT, Environment, build, run

EXAMPLES = ("parrot", "acme")
KEY = "sk-test-acme"
# Without the plugins that our own tests need and an author's do not: to import them takes seconds.
_STRANGERS = [point.name for point in entry_points(group="pytest11") if point.name != "gaud"]
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"-pno:{name}" for name in _STRANGERS))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The core and both examples, built."""
    folders = {"core": ROOT / "gaud_core"} | {
        name: ROOT / "examples" / f"gaud_provider_{name}" for name in EXAMPLES
    }
    return {
        name: build(folder, tmp_path_factory.mktemp("wheels") / name, "--wheel")
        for name, folder in folders.items()
    }


@pytest.fixture(scope="module")
def clean(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with nothing of this checkout in it but the built wheels."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "env", symlinks=True)
    environment = Environment(folder / "env")
    environment.install(f"{wheels['core']}[testing]", *(str(wheels[name]) for name in EXAMPLES), cwd=folder)
    return environment


@pytest.fixture
def overlay(tmp_path: Path) -> Environment:
    """An environment that sees what is installed for these tests: quick to make, and free to change."""
    venv.create(tmp_path / "overlay", symlinks=True)
    environment = Environment(tmp_path / "overlay")
    below = sysconfig.get_path("purelib", vars={"base": str(environment.folder)})
    here = sysconfig.get_path("purelib")
    Path(below, "below.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return environment


@contextlib.contextmanager
def serving(environment: Environment, folder: Path, config: str) -> Iterator[httpx.Client]:
    """Run the environment's own `gaud serve` on a free port, and give a client for it."""
    (folder / "llm-proxy.toml").write_text(f"[auth]\nenabled = false\n{config}")
    (folder / "llm-proxy.toml").chmod(0o600)
    process = subprocess.Popen(
        [str(environment.folder / "bin" / "gaud"), "serve", "--port", "0"],
        cwd=folder,
        env=os.environ | {"GAUD_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        found = None
        while found is None and (line := process.stdout.readline()):
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, "gaud serve did not say where it listens"
        with httpx.Client(base_url=found[0], trust_env=False, timeout=10) as client:
            yield client
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def ask(client: httpx.Client, model: str, text: str) -> str:
    """What a model says to a text."""
    asked = {"model": model, "messages": [{"role": "user", "content": text}]}
    answer = client.post("/v1/chat/completions", json=asked)
    while answer.status_code == 503:  # the provider is still starting
        time.sleep(0.05)
        answer = client.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 200, answer.text
    said: str = answer.json()["choices"][0]["message"]["content"]
    return said


@pytest.mark.packaging
@pytest.mark.timeout(300)
def test_the_examples_are_found_called_and_gone_again(clean: Environment, tmp_path: Path) -> None:
    """Installed from wheels they serve at once; uninstalled they leave a Gaud that works."""
    config = f'[providers.parrot]\ngreeting = "Kraa!"\n[providers.acme]\napi_key = "{KEY}"\n'
    with ScriptedUpstream.in_thread(chat_completion("Hello from Acme")) as upstream:
        with serving(clean, tmp_path, f'{config}url = "{upstream.url}"\n') as client:
            assert ask(client, "parrot:echo", "Good morning") == "Kraa! Good morning "
            assert ask(client, "acme:small", "Hi") == "Hello from Acme"
            assert ask(client, "acme-small", "Hi") == "Hello from Acme"
        assert upstream.calls[-1].header("authorization") == f"Bearer {KEY}"
    listed = clean.run("gaud", "providers")
    assert re.search(r"^acme +0\.1\.0 +installed", listed, re.MULTILINE)
    assert re.search(r"^parrot +0\.1\.0 +installed", listed, re.MULTILINE)


@pytest.mark.packaging
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_the_kit_where_it_is_installed(
    clean: Environment, name: str, tmp_path: Path
) -> None:
    """Its own tests, on the installed wheel and the installed kit."""
    tests = ROOT / "examples" / f"gaud_provider_{name}" / "tests"
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tests))
    said = clean.run("python", *command)
    assert " failed" not in said
    assert int(re.findall(r"(\d+) passed", said)[0]) > 30


@pytest.mark.packaging
@pytest.mark.timeout(300)
def test_an_example_can_be_uninstalled(clean: Environment, wheels: dict[str, Path], tmp_path: Path) -> None:
    """Its section is then told as what it is, and the other example serves on; afterwards it is back."""
    python = str(clean.folder / "bin" / "python")
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "uninstall", "-q", "-y", "gaud-provider-acme", cwd=tmp_path)
    try:
        assert "acme" not in clean.run("gaud", "providers")
        config = f'[providers.parrot]\n[providers.acme]\nurl = "http://127.0.0.1:9"\napi_key = "{KEY}"\n'
        with serving(clean, tmp_path, config) as client:
            assert ask(client, "parrot:echo", "Still here") == "Still here "
            assert "no provider `acme` is installed" in client.get("/health").text
    finally:
        run(*pip, "install", "-q", "--no-deps", str(wheels["acme"]), cwd=tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["http", "chat"])
def test_what_gaud_new_writes_passes_its_own_tests(overlay: Environment, kind: str, tmp_path: Path) -> None:
    """Written, installed, tested: green as generated, and Gaud finds it."""
    run(sys.executable, "-m", "gaud_core", "new", "bird-song", "--kind", kind, cwd=tmp_path)
    made, python = tmp_path / "gaud-provider-bird-song", overlay.folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "-q")
    run(*pip, "--no-deps", "--no-build-isolation", str(made), cwd=tmp_path)
    said = run(python, *PYTEST, cwd=made)
    assert " failed" not in said
    assert int(re.findall(r"(\d+) passed", said)[0]) > 50
    assert "bird-song  0.1.0" in run(python, "-m", "gaud_core", "providers", cwd=made)


@pytest.mark.parametrize("kind", ["http", "chat"])
def test_what_gaud_new_writes_is_typed_and_tidy(kind: str, types: Path, tmp_path: Path) -> None:
    """Strict types, sorted imports and format are good as generated."""
    run(sys.executable, "-m", "gaud_core", "new", "bird-song", "--kind", kind, cwd=tmp_path)
    made = tmp_path / "gaud-provider-bird-song"
    ruff = ("-m", "ruff")
    run(
        sys.executable,
        *ruff,
        "check",
        "--isolated",
        "--select",
        "E,F,I,UP,B",
        "--line-length",
        "110",
        ".",
        cwd=made,
    )
    run(sys.executable, *ruff, "format", "--isolated", "--check", "--line-length", "110", ".", cwd=made)
    run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(types), "src", cwd=made)


def test_the_examples_are_what_gaud_new_writes(tmp_path: Path) -> None:
    """Who reads the example of an HTTP provider has read the template too."""
    run(sys.executable, "-m", "gaud_core", "new", "acme", cwd=tmp_path)
    source = "src/gaud_provider_acme/__init__.py"
    written = (tmp_path / "gaud-provider-acme" / source).read_text()
    example = (ROOT / "examples" / "gaud_provider_acme" / source).read_text()
    assert _statements(written) == _statements(example)


def _statements(source: str) -> list[str]:
    """The lines that say what the provider does, without texts for people."""
    kept = [line for line in source.splitlines() if line.strip() and '"""' not in line]
    return [re.sub(r"default=[\d.]+", "default=…", line) for line in kept]
