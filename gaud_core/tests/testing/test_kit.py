"""What the kit asks of those who use it: overrides have a reason, newer tests are skipped and listed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from gaud_core.testing import (
    CONTRACT,
    Answer,
    ChatProviderTests,
    HTTPProviderTests,
    LiveProviderTests,
    ProviderTests,
    ScriptedUpstream,
    chat_completion,
    chat_stream,
)

KITS = (ProviderTests, HTTPProviderTests, ChatProviderTests, LiveProviderTests)

IMPORTS = """
import pytest
from acme import Acme
from gaud_core.testing import HTTPProviderTests, LiveProviderTests, ProviderTests, since
"""
PROVIDER = '''
from collections.abc import Mapping
from gaud_core import Call, HTTPProvider, Model, Secret, http_url, option, settings

@settings
class AcmeSettings:
    """Settings of [providers.acme]."""

    url: str = option(help="Base URL of Acme.", check=http_url)
    api_key: Secret = option(help="Key that Acme gave you.")
    timeout_secs: float = option(default=60.0, help="Longest time for an answer.", gt=0)

class Acme(HTTPProvider[AcmeSettings]):
    name = "acme"

    def headers(self, call: Call) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.settings.api_key.reveal()}"}

    def known_models(self):
        return [Model("small")]
'''
# Without the plugins that our own tests need and an author's do not: to import them takes seconds.
_STRANGERS = [point.name for point in entry_points(group="pytest11") if point.name != "gaud"]
PYTEST = [sys.executable, "-m", "pytest", *(word for name in _STRANGERS for word in ("-p", f"no:{name}"))]


def run(folder: Path, tests: str, *options: str, **variables: str) -> str:
    """Run pytest on these tests in a process and a folder of their own; give all that it says."""
    (folder / "acme.py").write_text(PROVIDER)
    (folder / "test_acme.py").write_text(IMPORTS + tests)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    done = subprocess.run(
        [*PYTEST, "-rsx", *options],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def names_of(kit: type) -> list[str]:
    """The tests of a class of the kit."""
    return [name for name in dir(kit) if name.startswith("test_")]


def make(base: type, **members: object) -> type:
    """Declare a class of tests as an author does."""
    return type("TestAcme", (base,), {"provider": object, **members})


@pytest.mark.parametrize("kit", KITS)
def test_every_test_says_its_level_and_what_to_look_at(kit: type) -> None:
    """Its docstring begins with where to look when it fails, and its level is one that the kit knows."""
    for name in names_of(kit):
        test = getattr(kit, name)
        assert test.__doc__.startswith("Look "), name
        assert test.gaud_since <= CONTRACT, name


@pytest.mark.parametrize("kit", KITS)
def test_no_test_of_the_kit_hides_another(kit: type) -> None:
    """The classes that make up a kit share no name of a test, so that none is lost."""
    for name in names_of(kit):
        assert len([base for base in kit.__mro__ if name in vars(base)]) == 1, name


def test_an_override_without_a_reason_is_refused() -> None:
    """The class cannot be created, and the sentence says what to write."""

    def test_garbage_is_502(self: object) -> None:
        """Nothing."""

    with pytest.raises(TypeError, match=r"TestAcme\.test_garbage_is_502 overrides .*xfail\(reason="):
        make(HTTPProviderTests, test_garbage_is_502=test_garbage_is_502)


@pytest.mark.parametrize(
    "mark",
    [pytest.mark.skip(reason="no"), pytest.mark.xfail, pytest.mark.xfail(reason=" ")],
    ids=["skip", "xfail", "xfail-empty"],
)
def test_other_marks_are_no_reason(mark: pytest.MarkDecorator) -> None:
    """A skip hides, and an xfail without words says nothing."""

    @mark
    def test_garbage_is_502(self: object) -> None:
        """Nothing."""

    with pytest.raises(TypeError, match="overrides a test of the kit"):
        make(HTTPProviderTests, test_garbage_is_502=test_garbage_is_502)


def test_removing_a_test_is_refused() -> None:
    """`test_x = None` is an override too."""
    with pytest.raises(TypeError, match="overrides a test of the kit"):
        make(ChatProviderTests, test_garbage_is_502=None)


def test_an_override_with_a_reason_is_taken() -> None:
    """A known failure is shown, with its reason, in every run."""

    @pytest.mark.xfail(reason="Acme answers garbage to garbage.")
    def test_garbage_is_502(self: object) -> None:
        """Nothing."""

    made = make(HTTPProviderTests, test_garbage_is_502=test_garbage_is_502)
    assert vars(made)["test_garbage_is_502"] is test_garbage_is_502


def test_a_class_without_a_provider_is_refused() -> None:
    """The sentence says what to write."""
    with pytest.raises(TypeError, match="write `provider = YourProvider`"):
        type("TestAcme", (HTTPProviderTests,), {})


def test_tests_of_ones_own_may_be_added() -> None:
    """Only the kit's names are the kit's."""
    assert "test_of_my_own" in vars(make(HTTPProviderTests, test_of_my_own=lambda self: None))


def test_one_line_is_enough_and_the_kit_itself_is_not_collected(tmp_path: Path) -> None:
    """Imported classes of the kit are no tests of the author's, even where every class is collected."""
    tests = "class TestAcme(HTTPProviderTests):\n    provider, installed = Acme, False\n"
    said = run(tmp_path, tests, "-o", "python_classes=*Tests Test*")
    assert f"{len(names_of(HTTPProviderTests)) - 1} passed, 1 skipped" in said


def test_a_known_failure_is_shown_with_its_reason(tmp_path: Path) -> None:
    """The override calls the kit's test, and the summary has the reason."""
    tests = """
class TestAcme(ProviderTests):
    provider, installed = Acme, True

    @pytest.mark.xfail(reason="Acme is not installed here.")
    def test_entry_point_leads_to_the_class(self):
        super().test_entry_point_leads_to_the_class()
"""
    said = run(tmp_path, tests)
    assert "1 xfailed" in said
    assert "Acme is not installed here." in said
    assert "failed" not in said.replace("xfailed", "")


def test_what_is_newer_than_the_claimed_contract_is_skipped_and_listed(tmp_path: Path) -> None:
    """A plugin that claims 1.0 stays green when the kit grows, and its author sees what there is to do."""
    tests = """
class Newer(ProviderTests):
    @since("1.1")
    def test_something_new(self):
        assert False

    @since("1.0")
    def test_something_old(self):
        assert True

class TestOld(Newer):
    provider, installed = Acme, False

class TestNew(Newer):
    provider, installed = type("AcmeTwo", (Acme,), {"contract": "1.10"}), False
"""
    said = run(tmp_path, tests, "-k", "something")
    assert "newer than the contract that the provider claims" in said
    assert "TestOld::test_something_new: came with level 1.1 of the contract, the provider claims 1.0" in said
    assert "TestNew::test_something_new: came" not in said
    assert "1 failed, 2 passed, 1 skipped" in said


LIVE = """
class TestLive(LiveProviderTests):
    provider, model = Acme, "small"
"""


def test_live_tests_run_only_when_asked_for(tmp_path: Path) -> None:
    """They cost money: a plain run skips them and says how to run them."""
    said = run(tmp_path, LIVE, GAUD_ACME_URL="http://127.0.0.1:9", GAUD_ACME_API_KEY="sk-test-acme")
    assert "5 skipped" in said
    assert "run it with `pytest -m live`" in said


def test_live_tests_name_the_variables_that_are_missing(tmp_path: Path) -> None:
    """Without credentials they are skipped, not failed."""
    said = run(tmp_path, LIVE, "-m", "live", GAUD_ACME_URL="", GAUD_ACME_API_KEY="")
    assert "5 skipped" in said
    assert "GAUD_ACME_API_KEY" in said


def test_live_tests_pass_on_a_good_upstream(tmp_path: Path) -> None:
    """Here the real upstream is a scripted one that knows one model."""

    def answer(seen: object) -> Answer:
        asked = seen.json  # type: ignore[attr-defined]
        if asked["model"] != "small":
            return Answer.error(404, "There is no such model.")
        return chat_stream() if asked.get("stream") else chat_completion()

    with ScriptedUpstream.in_thread(answer) as upstream:
        said = run(tmp_path, LIVE, "-m", "live", GAUD_ACME_URL=upstream.url, GAUD_ACME_API_KEY="sk-test-acme")
    assert "5 passed" in said, said


def test_the_kit_without_pytest_says_what_to_install() -> None:
    """The scripted upstream works without it; the classes name the extra."""
    script = (
        "import sys; sys.modules['pytest'] = None\n"
        "from gaud_core.testing import ScriptedUpstream\n"
        "try:\n    from gaud_core.testing import HTTPProviderTests\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 'pip install "gaud-core[testing]"' in done.stdout


def test_pytest_loads_nothing_of_gaud_without_its_tests(tmp_path: Path) -> None:
    """A project without a provider pays for one small module."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert 'gaud_core_pytest' in sys.modules\n    assert 'gaud_core' not in sys.modules\n"
    )
    done = subprocess.run(
        [*PYTEST, "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
