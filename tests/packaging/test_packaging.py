"""What a person installs: each route of the README in a fresh environment, and what a release carries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import attrs
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("gaud_core", "gaud_provider_copilot", "gaud_provider_kiro", "gaud_provider_litellm")
PROVIDERS = {"copilot": "Copilot", "kiro": "Kiro", "litellm": "LiteLLM"}
CONSTRAINTS = ("constraints.txt", "constraints-litellm.txt")
SENTENCE = "run `pip install ./gaud_core ./gaud_provider_litellm`"
# Of `no-compile` pip wants to hear no when it is meant. What builds a wheel is installed by the same process.
_PIP = {"PIP_NO_COMPILE": "no", "PIP_USE_FEATURE": "inprocess-build-deps"}
# As it is before any test begins: pip needs all the certificates that there are, see conftest.py at the root.
_ENVIRONMENT = dict(os.environ)
# What an environment holds of ours: each distribution and where it came from, each provider and its class.
INVENTORY = """
import importlib.metadata as m, json
ours = [d for d in m.distributions() if d.name.startswith("gaud")]
points = [p for d in ours for p in d.entry_points if p.group == "gaud.providers.v1"]
print(json.dumps({
    "origins": {d.name: json.loads(d.read_text("direct_url.json"))["url"] for d in ours},
    "providers": {p.name: p.load().__name__ for p in points},
}))
"""


@attrs.frozen
class Environment:
    """A fresh virtual environment without pip; the test's own pip installs into it."""

    folder: Path

    def run(self, command: str, *arguments: str) -> str:
        """Run one of its commands outside the checkout and return what it printed."""
        return run(self.folder / "bin" / command, *arguments, cwd=self.folder)

    def install(self, *requirements: str, cwd: Path) -> None:
        """Install with the pins of the checkout."""
        pins = ("-c", str(ROOT / "constraints.txt"), "--build-constraint", str(ROOT / "constraints.txt"))
        python = str(self.folder / "bin" / "python")
        run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *pins, *requirements, cwd=cwd)


def run(command: str | Path, *arguments: str, cwd: Path, **extra: str) -> str:
    """Run a command to its end and return its output; a failure shows all that it said.

    What pip installs is compiled when it is imported, for most of it never is.
    """
    environment = _ENVIRONMENT | _PIP | extra
    done = subprocess.run(
        [str(command), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} {arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def fails(command: str | Path, *arguments: str, cwd: Path) -> str:
    """Run a command that must fail and return all that it said."""
    done = subprocess.run([str(command), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A fresh environment."""
    venv.create(tmp_path / "fresh", symlinks=True)
    return Environment(tmp_path / "fresh")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the builds read, in a folder whose name holds a space."""
    folder = tmp_path_factory.mktemp("check out")
    for name in ("pyproject.toml", "hatch_build.py", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    return folder


@pytest.mark.packaging
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("requirements", "providers"),
    [
        pytest.param(["."], {}, id="gaud"),
        pytest.param([".[litellm]"], {"litellm": "LiteLLM"}, id="gaud-litellm"),
        pytest.param([".[all]"], PROVIDERS, id="gaud-all"),
        pytest.param(["./gaud_core"], {}, id="core"),
        pytest.param(
            ["./gaud_core", "./gaud_provider_litellm"], {"litellm": "LiteLLM"}, id="core-and-provider"
        ),
    ],
)
def test_each_route_installs_a_gaud_that_runs(
    environment: Environment, checkout: Path, requirements: list[str], providers: dict[str, str]
) -> None:
    """The command runs, the providers asked for are found, and all that is ours came from the checkout."""
    environment.install(*requirements, cwd=checkout)
    found = json.loads(environment.run("python", "-c", INVENTORY))
    assert found["providers"] == providers
    assert all(url.startswith(checkout.as_uri()) for url in found["origins"].values())
    version = environment.run("gaud", "--version")
    assert version == environment.run("python", "-m", "gaud_core", "--version")
    assert "0.1.0" in version


@pytest.mark.parametrize("name", FOLDERS)
def test_an_import_at_the_root_without_an_install_says_what_to_run(name: str) -> None:
    """-S leaves out site-packages, so that nothing is installed for this Python."""
    assert SENTENCE in fails(sys.executable, "-S", "-c", f"import {name}", cwd=ROOT)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_import_at_the_root_gives_the_installed_package(name: str) -> None:
    """The package of that name is the installed one, and so are its modules."""
    code = f"import {name}, sys; print({name}.__file__ == sys.modules['{name}'].__file__, {name}.__file__)"
    same, file = run(sys.executable, "-c", code, cwd=ROOT).split(maxsplit=1)
    assert same == "True"
    assert Path(file.strip()).parent != ROOT / name


def test_python_m_at_the_root_runs_the_installed_package() -> None:
    """`python -m` looks into the working directory first as well."""
    assert "0.1.0" in run(sys.executable, "-m", "gaud_core", "--version", cwd=ROOT)


def test_the_folders_hand_over_in_the_same_way() -> None:
    """One text for every distribution's folder, so that one test holds for all."""
    assert len({(ROOT / name / "__init__.py").read_text() for name in FOLDERS}) == 1


@pytest.mark.packaging
def test_a_release_wheel_asks_for_version_ranges(checkout: Path, tmp_path: Path) -> None:
    """GAUD_RELEASE leaves no path of the machine in the metadata."""
    wheel = build(checkout, tmp_path, "--wheel", GAUD_RELEASE="1")
    assert requirements_of(wheel) == {
        "gaud-core<0.2,>=0.1.0",
        *(
            f"gaud-provider-{name}<0.2,>=0.1.0; extra == '{extra}'"
            for name in PROVIDERS
            for extra in (name, "all")
        ),
    }


@pytest.mark.packaging
def test_a_wheel_from_the_sdist_asks_for_version_ranges(checkout: Path, tmp_path: Path) -> None:
    """In an sdist there are no siblings, so GAUD_RELEASE is not needed any more."""
    sdist = build(checkout, tmp_path, "--sdist", GAUD_RELEASE="1")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    wheel = build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "second", "--wheel")
    assert "gaud-core<0.2,>=0.1.0" in requirements_of(wheel)


@pytest.mark.packaging
def test_an_sdist_of_a_checkout_is_refused(checkout: Path, tmp_path: Path) -> None:
    """It would carry the paths of this machine to other people."""
    command = ("-m", "build", "--no-isolation", "--sdist", "--outdir", str(tmp_path), str(checkout))
    assert "build it with GAUD_RELEASE=1" in fails(sys.executable, *command, cwd=tmp_path)


@pytest.mark.packaging
@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_holds_the_package_and_nothing_of_this_machine(
    name: str, checkout: Path, tmp_path: Path
) -> None:
    """Its types are marked as usable, its tests stay at home, and no file names the checkout."""
    wheel = build(checkout / name, tmp_path, "--wheel")
    with zipfile.ZipFile(wheel) as archive:
        files = {member: archive.read(member) for member in archive.namelist()}
    assert f"{name}/py.typed" in files
    ours = (f"{name}/", f"{name}-0.1.0.dist-info/", "gaud_core_pytest.py")  # the last is what pytest loads
    assert all(member.startswith(ours) for member in files)
    assert not [member for member, data in files.items() if str(checkout).encode() in data]


@pytest.mark.packaging
def test_the_wheel_of_the_core_holds_the_dashboard(checkout: Path, tmp_path: Path) -> None:
    """Every template and static file is in it, and the licence of what is not ours."""
    wheel = build(checkout / "gaud_core", tmp_path, "--wheel")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("gaud_core/ui/")}
    source = ROOT / "gaud_core" / "src"
    kept = {path.relative_to(source).as_posix() for path in (source / "gaud_core" / "ui").rglob("*.*")}
    wanted = {name for name in kept if Path(name).suffix in {".html", ".css", ".js", ".svg", ".txt"}}
    assert "gaud_core/ui/static/htmx-LICENSE.txt" in wanted
    assert wanted <= packed


def build(source: Path, target: Path, *options: str, **extra: str) -> Path:
    """Build one distribution with the hatchling at hand and return its file."""
    command = ("-m", "build", "--no-isolation", *options, "--outdir", str(target), str(source))
    run(sys.executable, *command, cwd=target.parent, **extra)
    (built,) = (path for path in target.iterdir() if path.suffix in {".whl", ".gz"})
    return built


def requirements_of(wheel: Path) -> set[str]:
    """Read the Requires-Dist lines of a wheel, with the quotes of markers made the same."""
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(member).decode().splitlines()
    prefix = "Requires-Dist: "
    return {line.removeprefix(prefix).replace('"', "'") for line in lines if line.startswith(prefix)}


@pytest.mark.parametrize("file", CONSTRAINTS)
def test_constraints_are_plain_pins(file: str) -> None:
    """Each package has one exact version; a line more may only forbid versions."""
    pinned = [item.name for item in constraints(file) if "==" in {part.operator for part in item.specifier}]
    assert len(pinned) == len(set(pinned))
    assert {item.name for item in constraints(file)} == set(pinned)
    assert not [item for item in constraints(file) if item.url]


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8", "1.107.0", "1.107.1", "1.107.12"])
def test_compromised_versions_of_litellm_are_impossible(version: str) -> None:
    """The second line forbids them, so that a careless change of the pin cannot bring them in."""
    lines = [item.specifier for item in constraints("constraints-litellm.txt") if item.name == "litellm"]
    ban = SpecifierSet(",".join(str(part) for line in lines for part in line if part.operator == "!="))
    assert "1.102.4" in ban
    assert version not in ban


def constraints(file: str) -> list[Requirement]:
    """Read the lines of a constraints file."""
    lines = (ROOT / file).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_no_file_names_a_registry_or_a_path_of_a_workplace() -> None:
    """Others install from where they like; the words are put together here, since this file is read too."""
    hosts = ("pypi org", "pythonhosted org", "npmjs org", "npmjs com", "yarnpkg com", "deb.debian org")
    folders = (" work main", " work shared", " opt pypi", " tmp spike", " root .pyenv")
    words = [host.replace(" ", ".") for host in hosts] + [folder.replace(" ", "/") for folder in folders]
    files = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
    assert not [(file, word) for file in files for word in words if word in text_of(ROOT / file)]


def text_of(path: Path) -> str:
    """The text of a file; nothing for one that is gone or binary."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
