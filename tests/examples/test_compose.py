"""The compose example and the Dockerfile, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "compose"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
FLOATING = re.compile(r"(latest|stable|main|edge|nightly|\d+|\d+-.*)")
REQUIRED = ("GAUD_AUTH_BOOTSTRAP_KEY", "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "POSTGRES_PASSWORD")


def read_yaml(name: str) -> Any:
    """A YAML file of the example."""
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of that name in the Dockerfile."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(f"{name} ")]


@pytest.fixture
def compose() -> dict[str, Any]:
    """The compose file."""
    parsed: dict[str, Any] = read_yaml("docker-compose.yml")
    return parsed


def test_the_four_services_of_the_guide_are_there(compose: dict[str, Any]) -> None:
    """Gaud, LiteLLM, PostgreSQL and Prometheus, each with its data in a volume."""
    assert set(compose["services"]) == {"gaud", "litellm", "db", "prometheus"}
    assert set(compose["volumes"]) == {"gaud_data", "postgres_data", "prometheus_data"}


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    """Floating tags of LiteLLM were compromised in 2026; a version has at least two numbers."""
    images = [service["image"] for service in compose["services"].values()]
    images += [argument.split()[0] for argument in instructions("FROM")]
    for image in images:
        _, colon, tag = image.rpartition(":")
        assert colon, f"{image} has no tag"
        assert not FLOATING.fullmatch(tag), f"{image} floats"
        assert re.match(r"v?\d+\.\d+", tag), f"{image} names no version"


def test_litellm_is_the_version_that_is_tested(compose: dict[str, Any]) -> None:
    """The image and the tests of this repository agree."""
    pinned = re.search(r"^litellm==(\S+)$", (ROOT / "constraints-litellm.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert compose["services"]["litellm"]["image"].endswith(f":v{pinned[1]}")


def test_only_gaud_is_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    """A gateway is not open to the network by copying an example."""
    published = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}
    assert published == {"gaud": ["${GAUD_BIND:-127.0.0.1}:8400:8400"]}


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    """Compose refuses to start without them, and no file holds one."""
    text = json.dumps(compose)
    for name in REQUIRED:
        assert f"${{{name}:?" in text
        assert not re.search(rf"\$\{{{name}(\}}|:-|-)", text)


def test_the_example_environment_is_complete_and_fake(compose: dict[str, Any]) -> None:
    """Each variable that the file uses is in .env.example, with a value that looks like no secret."""
    lines = (FOLDER / ".env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(re.findall(r"\$\{(\w+)", json.dumps(compose))) == set(given)
    assert all("replace-me" in given[name] for name in REQUIRED)
    assert (FOLDER / ".gitignore").read_text(encoding="utf-8").split() == ["/.env"]


def test_every_mounted_file_exists(compose: dict[str, Any]) -> None:
    """Docker would make a folder of a missing one."""
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (FOLDER / source).is_file() if source.startswith(".") else source in compose["volumes"]


def test_every_service_has_a_health_check(compose: dict[str, Any]) -> None:
    """Gaud's is in its image."""
    assert {n for n, s in compose["services"].items() if "healthcheck" not in s} == {"gaud"}
    assert instructions("HEALTHCHECK")


def test_the_other_configurations_fit_together(compose: dict[str, Any]) -> None:
    """LiteLLM reads only variables that it gets, Prometheus and Gaud know its address."""
    litellm = compose["services"]["litellm"]
    config = read_yaml("proxy_server_config.yaml")
    assert set(re.findall(r"os\.environ/(\w+)", json.dumps(config))) <= set(litellm["environment"])
    assert config["litellm_settings"]["require_auth_for_metrics_endpoint"] is False
    jobs = read_yaml("prometheus.yml")["scrape_configs"]
    scraped = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert scraped == {"gaud": ["gaud:8400"], "litellm": ["litellm:4000"]}
    assert jobs[0]["authorization"]["credentials_file"].rpartition("/")[2] in compose["secrets"]
    gaud = tomllib.loads((FOLDER / "llm-proxy.toml").read_text(encoding="utf-8"))
    assert (
        gaud["providers"]["litellm"]["url"] == compose["services"]["gaud"]["environment"]["GAUD_LITELLM_URL"]
    )


def test_gaud_takes_the_configuration_of_the_example() -> None:
    """`gaud check` finds no mistake in it, with the variables that compose sets."""
    given = {"GAUD_AUTH_BOOTSTRAP_KEY": "sk-prx-test", "GAUD_LITELLM_API_KEY": "sk-test"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GAUD_")}
    command = [sys.executable, "-m", "gaud_core", "check", "--config", str(FOLDER / "llm-proxy.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=kept | given)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_copies_what_exists() -> None:
    """And .dockerignore lets it through."""
    copied = [source for copy in instructions("COPY") if "--from" not in copy for source in copy.split()[:-1]]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")]
    readme = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("readme")
    providers = {"gaud_provider_copilot", "gaud_provider_litellm"}
    needed = {"gaud_core", *providers, "pyproject.toml", readme} - {None}
    assert needed <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), source


def test_the_image_installs_an_extra_that_exists() -> None:
    """The default of the build argument is one of pyproject.toml's."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = metadata["tool"]["hatch"]["metadata"]["hooks"]["custom"]["extras"]
    assert instructions("ARG")[0].removeprefix("GAUD_EXTRAS=") in extras


def test_the_image_does_not_run_as_root() -> None:
    """The last USER counts; a number, so that Kubernetes can check it."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instructions("USER")[-1])
    assert instructions("VOLUME") == ["/app/data"]
    assert "GAUD_DATA_DIR=/app/data" in DOCKERFILE


class _Health(BaseHTTPRequestHandler):
    """Answers /health as it is told."""

    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A web server on loopback."""
    with HTTPServer(("127.0.0.1", 0), _Health) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def check_health(port: int) -> int:
    """Run the image's health check as Docker would, and return its exit code."""
    [check] = instructions("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[0] == "python"
    env = {**os.environ, "GAUD_SERVER_PORT": str(port), "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": ""}
    return subprocess.run(
        [sys.executable, *command[1:]], env=env, capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_works(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    """It asks the real path and port, and fails when the answer is an error."""
    monkeypatch.setattr(_Health, "status", status)
    assert check_health(server.server_port) == code


def test_the_health_check_fails_without_a_server(server: HTTPServer) -> None:
    """A port where nobody listens is not healthy."""
    server.server_close()
    assert check_health(server.server_port) == 1


def test_the_readme_starts_what_is_here() -> None:
    """Its commands use the files beside it, and its call uses a model of the configuration."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    commands = [shlex.split(line, comments=True) for line in readme.splitlines() if line.startswith("cp ")]
    assert commands == [["cp", ".env.example", ".env"]]
    names = {model["model_name"] for model in read_yaml("proxy_server_config.yaml")["model_list"]}
    assert {"demo", "gpt-4o", "anthropic/*"} == names
    assert '"model": "litellm:demo"' in readme


def test_docker_compose_accepts_the_file() -> None:
    """`docker compose config` reads it, where that exists: no engine is needed for it."""
    docker = shutil.which("docker")
    if (
        not docker
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Docker client with Compose is here, so its own check of the file was not run")
    command = [
        docker,
        "compose",
        "--env-file",
        ".env.example",
        "-f",
        "docker-compose.yml",
        "config",
        "--quiet",
    ]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command[3] = os.devnull
    kept = {name: value for name, value in os.environ.items() if name not in REQUIRED}
    refused = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, env=kept)
    assert refused.returncode != 0
    assert "set it in .env" in refused.stderr
