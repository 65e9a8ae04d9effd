"""Plugins that were built at an earlier level of the contract still run, as they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.running import Gaud

from gaud_core.testing import ScriptedUpstream, chat_completion

HERE = Path(__file__).parent
WHEELS = {
    "acme": "3b43abd12559af294b16dcb420282a21faf495167e5733027d1110945418b33e",
    "parrot": "95a4c047bf0b92d8d0e1b0bdc36e9ed0f041e3a9b3cfe806ecb6a84d5999367d",
}
"""What was built, and its SHA-256: a wheel that is built anew proves nothing."""
TOML = '[providers.acme]\nurl = "{url}"\napi_key = "sk-test-acme"\n[providers.parrot]\ngreeting = "Kraa!"\n'


def _wheel(name: str) -> Path:
    return HERE / f"gaud_provider_{name}-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the old wheels installed, and nothing else."""
    folder = tmp_path_factory.mktemp("old")
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target")
    subprocess.run([*pip, str(folder), *(str(_wheel(name)) for name in WHEELS)], check=True)
    return folder


@pytest.fixture(scope="module")
def gaud(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gaud]:
    """A Gaud of today with yesterday's plugins."""
    with ScriptedUpstream.in_thread(chat_completion("Hello from Acme")) as upstream:
        toml = TOML.format(url=upstream.url)
        with Gaud.start(tmp_path_factory.mktemp("run"), toml, PYTHONPATH=str(site)) as running:
            yield running


@pytest.mark.parametrize("name", WHEELS)
def test_it_is_the_wheel_of_then(name: str) -> None:
    """Byte for byte."""
    assert hashlib.sha256(_wheel(name).read_bytes()).hexdigest() == WHEELS[name]


@pytest.mark.parametrize(
    ("model", "said"),
    [("acme:small", "Hello from Acme"), ("acme-small", "Hello from Acme"), ("parrot:echo", "Kraa! Hi ")],
)
def test_an_old_plugin_answers(gaud: Gaud, model: str, said: str) -> None:
    """Whole; the stream holds the same words."""
    messages = [{"role": "user", "content": "Hi"}]
    answer = gaud.chat(model=model, messages=messages)
    assert answer.json()["choices"][0]["message"]["content"] == said


def test_an_old_plugin_streams(gaud: Gaud) -> None:
    """To its end."""
    streamed = gaud.chat(model="parrot:echo", messages=[{"role": "user", "content": "Hi"}], stream=True)
    assert '"content":"Hi "' in streamed.text
    assert streamed.text.endswith("data: [DONE]\n\n")


def test_an_old_plugin_is_well(gaud: Gaud) -> None:
    """Nothing is said against it."""
    providers = gaud.ask("GET", "/health").json()["providers"]
    assert {p["name"]: (p["stage"], p["warnings"]) for p in providers} == {
        "acme": ("serving", []),
        "parrot": ("serving", []),
    }
