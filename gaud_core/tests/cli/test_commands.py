"""The commands: what they say, where, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaud_core import __version__

from .conftest import Run

GOOD = '[providers.acme]\nurl = "http://acme.test"\n'
MISTAKES = """
[server]
port = "eight"
hots = "127.0.0.1"
[logging]
level = "loud"
[providers.acme]
url = "no address"
timeout_secs = -1
"""


def _file(folder: Path, text: str, name: str = "llm-proxy.toml") -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["-h"], ["check", "--help"], ["models", "-h"]])
def test_help_and_version(gaud: Run, words: list[str]) -> None:
    """Exit code 0, on standard output."""
    ran = gaud(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out


def test_version(gaud: Run) -> None:
    """The version that is installed."""
    assert gaud("--version").out == f"gaud {__version__}\n"


@pytest.mark.parametrize("command", ["check", "login", "logout", "models", "providers", "serve"])
def test_each_command_is_listed_and_explains_itself(gaud: Run, command: str) -> None:
    """The list and the command's own help agree that it exists, and it has `--config`."""
    assert command in gaud("--help").out
    ran = gaud(command, "--help")
    assert ran.code == 0
    assert "--config FILE" in ran.out


@pytest.mark.parametrize(
    "words", [["nonsense"], ["check", "--nonsense"], ["serve", "--port", "x"], ["serve", "--port", "70000"]]
)
def test_wrong_words(gaud: Run, words: list[str]) -> None:
    """Exit code 2 and a word about it on standard error."""
    ran = gaud(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Error:" in ran.err


def test_check_of_nothing(gaud: Run) -> None:
    """No file is no mistake."""
    ran = gaud("check")
    assert (ran.code, ran.err) == (0, "")
    assert "The configuration is good (no file, defaults and environment only). Providers: none." in ran.out


def test_check_of_a_good_file(gaud: Run, folder: Path) -> None:
    """It says which file and which providers."""
    path = _file(folder, GOOD)
    ran = gaud("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"The configuration is good ({path}). Providers: acme.\n"


def test_check_reports_all_mistakes_at_once(gaud: Run, folder: Path) -> None:
    """Each with its path, and with what was probably meant; exit code 2."""
    _file(folder, MISTAKES)
    ran = gaud("check")
    assert (ran.code, ran.out) == (2, "")
    for path in (
        "server.port",
        "server.hots",
        "logging.level",
        "providers.acme.url",
        "providers.acme.timeout_secs",
    ):
        assert f"  - {path}: " in ran.err
    assert ran.err.startswith("5 mistakes in ")
    assert "Did you mean `host`?" in ran.err
    assert "Traceback" not in ran.err


def test_check_of_a_bad_provider_section(gaud: Run, folder: Path) -> None:
    """What `serve` would start without is a mistake for `check`."""
    _file(folder, GOOD + '[providers.work]\nprovider = "acme"\n')
    ran = gaud("check")
    assert ran.code == 2
    assert "providers.work.url: is missing." in ran.err


def test_check_warns(gaud: Run, folder: Path) -> None:
    """A warning is no mistake: exit code 0, on standard error."""
    path = Path(_file(folder, GOOD + 'api_key = "sk-test-open"\n'))
    path.chmod(0o644)
    ran = gaud("check")
    assert ran.code == 0
    assert "warning: " in ran.err
    assert "chmod 600" in ran.err
    assert "sk-test-open" not in ran.out + ran.err


FILES = {
    "missing": (None, "does not exist"),
    "folder": ("", "is a folder"),
    "binary": (b"\xff\xfe\x00", "not UTF-8"),
    "no toml": (b"[server\nport = 1", "Line 1"),
    "twice": (b"[server]\n[server]\n", "Line 2"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["check", "providers", "models", "serve"])
def test_unreadable_file(gaud: Run, folder: Path, name: str, command: str) -> None:
    """Each command says in a sentence why the file cannot be read; exit code 2."""
    content, said = FILES[name]
    path = folder / "named.toml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    ran = gaud(command, "--config", str(path))
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_file_from_the_environment(gaud: Run, folder: Path) -> None:
    """GAUD_CONFIG names it, and `--config` counts more."""
    one, two = _file(folder, GOOD, "one.toml"), _file(folder, "", "two.toml")
    assert "Providers: acme." in gaud("check", GAUD_CONFIG=one).out
    assert "Providers: none." in gaud("check", "--config", two, GAUD_CONFIG=one).out


def test_provider_from_the_environment(gaud: Run) -> None:
    """The URL alone creates the configuration."""
    assert "Providers: acme." in gaud("check", GAUD_ACME_URL="http://acme.test").out


def test_providers_lists_what_is_installed(gaud: Run) -> None:
    """Name, version, state, prefix, endpoints."""
    ran = gaud("providers")
    assert ran.code == 0
    assert ran.out.splitlines()[1].split() == ["acme", "1.5", "installed", "-", "chat/completions"]


def test_providers_lists_instances(gaud: Run, folder: Path) -> None:
    """Each with its prefix; a broken one with its reason, a missing one as such."""
    _file(folder, GOOD + '[providers.work]\nprovider = "acme"\n[providers.other]\nurl = "x"\n')
    out = gaud("providers").out
    rows = [line.split() for line in out.split("\n\n")[0].splitlines()[1:]]
    assert ["acme", "1.5", "configured", "acme:", "chat/completions"] in rows
    assert ["acme", "1.5", "broken", "work:", "chat/completions"] in rows
    assert any(row[0] == "other" and "installed" in " ".join(row) for row in rows)
    assert "work: providers.work.url: is missing." in out
    assert "other: providers.other: no provider `other` is installed" in out


def test_providers_lists_broken_imports(gaud: Run, plugins: Path) -> None:
    """A distribution that cannot be imported is listed with its reason, and the others all the same."""
    (plugins / "gaud_acme_test.py").write_text("raise RuntimeError('no luck')")
    ran = gaud("providers")
    assert ran.code == 0
    assert "its import fails: RuntimeError: no luck (distribution gaud-acme-test)" in ran.out


def test_strict_raises(gaud: Run, plugins: Path) -> None:
    """With GAUD_STRICT=1 it is an error; exit code 1."""
    (plugins / "gaud_acme_test.py").write_text("raise RuntimeError('no luck')")
    ran = gaud("providers", GAUD_STRICT="1")
    assert ran.code == 1
    assert "provider `acme` failed at import" in ran.err


def test_no_provider_installed(gaud: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where to find one."""
    monkeypatch.setattr("gaud_core.gateway.guests.plugins.metadata.distributions", lambda: iter(()))
    assert "No provider is installed." in gaud("providers", GAUD_PLUGINS="").out


def test_gaud_plugins_names_nothing(gaud: Run, folder: Path) -> None:
    """It is said, with the name that was probably meant; and of a section, that its provider is left out."""
    _file(folder, GOOD)
    out = gaud("providers", GAUD_PLUGINS="acne").out
    rows = [line.split() for line in out.split("\n\n")[0].splitlines()[1:]]
    assert rows == [
        ["acme", "-", "not", "installed", "acme:", "-"],
        ["acne", "-", "not", "installed", "-", "-"],
    ]
    assert (
        "acne: GAUD_PLUGINS names it, but no installed distribution has a provider of this name. "
        "Did you mean `acme`?" in out
    )
    assert "acme: providers.acme: cannot be used: provider `acme` does not start: GAUD_PLUGINS leaves" in out


def test_models(gaud: Run, folder: Path) -> None:
    """A table of full names with limits; unknown prices are unknown, not free."""
    _file(folder, GOOD)
    ran = gaud("models")
    assert ran.code == 0
    assert ran.out.splitlines()[1].split() == ["acme:big", "?", "?", "128,000"]


def test_models_of_one_that_cannot_be_asked(gaud: Run, folder: Path) -> None:
    """The others are listed, the failure is told with its cure, and the exit code is 1."""
    _file(folder, GOOD + '[providers.work]\nprovider = "acme"\nurl = "http://down.test"\n')
    ran = gaud("models")
    assert ran.code == 1
    assert "acme:big" in ran.out
    assert "work: Acme is not there. Start it." in ran.err
    assert "Traceback" not in ran.err


def test_models_of_nothing(gaud: Run) -> None:
    """It says what to do."""
    ran = gaud("models")
    assert (ran.code, ran.out) == (
        0,
        "No provider is configured; `gaud providers` lists the installed ones.\n",
    )
