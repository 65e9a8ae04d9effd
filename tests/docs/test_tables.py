"""The tables of settings in READMEs and docs say what the schema says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses.response_create_params import ResponseCreateParamsBase

import gaud_core
from gaud_core import Secret, option, settings
from gaud_provider_litellm import LiteLLMSettings

from . import bridge_samples, bridge_tables, reference
from .kit_tables import PAGE, with_kit_table

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path
    for path in [ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), *sorted(ROOT.glob("docs/**/*.md"))]
    if path.exists() and "<!-- settings:begin" in path.read_text(encoding="utf-8")
]


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """The generator beside this file."""
    spec = importlib.util.spec_from_file_location("tables", Path(__file__).with_name("tables.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@settings
class Sample:
    """Settings with one option of each look."""

    url: str = option(help="Address.", env="URL")
    key: Secret | None = option(default=None, help="Key.", env=None)
    flag: bool = option(default=True, help="A|B.")
    wait: float = option(default=2.0, help="Wait.", gt=0, unit="seconds")
    names: tuple[str, ...] = option(default=("a", "b"), help="Names.")


def test_a_table_shows_every_look(tables: ModuleType) -> None:
    """Required, unset, yes/no, bounded and list options, with the variables that set them."""
    assert tables.settings_table(Sample, "providers.my-acme").splitlines()[2:] == [
        "| `providers.my-acme.url` | Address. (text) | required | `GAUD_MY_ACME_URL` |",
        "| `providers.my-acme.key` | Key. (secret) | none |  |",
        "| `providers.my-acme.flag` | A\\|B. (yes/no) | `true` | `GAUD_MY_ACME_FLAG` |",
        "| `providers.my-acme.wait` | Wait. (number, in seconds, above 0) | `2` | `GAUD_MY_ACME_WAIT` |",
        '| `providers.my-acme.names` | Names. (list of text) | `["a", "b"]` | `GAUD_MY_ACME_NAMES` |',
    ]


def test_the_guides_variables_are_in_the_table(tables: ModuleType) -> None:
    """The names that the LiteLLM guide promises."""
    table = tables.settings_table(LiteLLMSettings, "providers.litellm")
    for name in ("URL", "API_KEY", "DISCOVER", "TIMEOUT"):
        assert f"`GAUD_LITELLM_{name}`" in table


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_agree_with_the_schema(tables: ModuleType, path: Path) -> None:
    """If this fails, run `python tests/docs/tables.py`."""
    text = path.read_text(encoding="utf-8")
    assert tables.blocks(text), f"{path.name} has a beginning without an end"
    assert text == tables.with_tables(text)


def test_the_readmes_of_providers_have_their_tables() -> None:
    """The test above cannot pass by finding nothing."""
    assert {ROOT / f"gaud_provider_{name}" / "README.md" for name in ("copilot", "litellm")} <= set(DOCUMENTS)


def test_the_table_of_the_kits_tests_is_true() -> None:
    """Run `python -m tests.docs.kit_tables` after a change of the kit."""
    text = PAGE.read_text(encoding="utf-8")
    assert with_kit_table(text) == text
    assert text.count("| `test_") > 60


def test_the_reference_is_true_and_whole() -> None:
    """Run `python -m tests.docs.reference` after a change of a public name or of its docstring."""
    assert reference.PAGE.read_text(encoding="utf-8") == reference.reference()
    grouped = {name for names in reference.GROUPS.values() for name in names.split()}
    assert grouped == set(gaud_core.__all__) - {"__version__"}


def test_the_tables_of_bridges_are_true() -> None:
    """Run `python -m tests.docs.bridge_tables` after a change of a bridge."""
    text = bridge_tables.PAGE.read_text(encoding="utf-8")
    assert bridge_tables.with_bridge_tables(text) == text


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("messages", MessageCreateParamsBase.__annotations__),
        ("responses", ResponseCreateParamsBase.__annotations__),
        ("chat/completions", CompletionCreateParamsBase.__annotations__),
    ],
)
def test_every_field_of_a_dialect_is_in_its_table(endpoint: str, fields: dict[str, object]) -> None:
    """What the vendor's own library can send has a row that says what becomes of it."""
    rows = {sample.name for sample in bridge_samples.SAMPLES[endpoint, "field"]}
    assert fields.keys() - rows == set()
