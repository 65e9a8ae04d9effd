"""The kit on providers with a bug in them: each is found by the test that is meant for it, and by no other.

The providers are in `planted/`; the kit runs on them in processes of their own, as it does for an author.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "planted"
PARTS = 3  # most of their time is waiting, so they are more than there are processors
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # to import the plugins of our own tests takes seconds

pytestmark = pytest.mark.timeout(600)

Outcomes = Mapping[str, Mapping[str, str]]
"""By class of tests and by test: `passed`, `skipped` or what the failure says."""


@pytest.fixture(scope="module")
def bugs() -> Iterator[Any]:
    """The list of planted bugs, imported the way the processes do."""
    known = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    try:
        import bugs  # type: ignore[import-not-found, unused-ignore]

        yield bugs
    finally:
        sys.path.remove(str(FOLDER))
        for name in set(sys.modules) - known:
            if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What the kit says of each planted bug."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "gaud_core_pytest", "-p", "no:cacheprovider"]
    command += ["-c", str(folder / "pytest.ini"), "--rootdir", str(FOLDER), "--confcutdir", str(FOLDER)]
    command.append(str(FOLDER / "planted_cases.py"))
    started = [
        subprocess.Popen(
            [*command, f"--junitxml={folder / str(part)}.xml"],
            env=os.environ | ALONE | {"PLANTED": f"{part}/{PARTS}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for part in range(1, PARTS + 1)
    ]
    try:
        said = [process.communicate(timeout=580)[0] for process in started]
    finally:
        for process in started:  # a failure here must not become one of the next test's
            process.kill()
            process.communicate()
    assert [process.returncode for process in started] == [1] * PARTS, said
    told: dict[str, dict[str, str]] = {}
    for part in range(1, PARTS + 1):
        for case in ET.parse(folder / f"{part}.xml").iter("testcase"):  # noqa: S314 - our own pytest wrote it
            told.setdefault(case.attrib["classname"].rpartition(".")[2], {})[case.attrib["name"]] = _outcome(
                case
            )
    return told


def _outcome(case: ET.Element) -> str:
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return f"{kind}: {found.attrib.get('message', '')}"
    return "skipped" if case.find("skipped") is not None else "passed"


def failed(tests: Mapping[str, str]) -> dict[str, str]:
    """The tests that did not pass, with what they said."""
    return {name: said for name, said in tests.items() if said not in {"passed", "skipped"}}


def test_a_good_provider_passes_everything(bugs: Any, outcomes: Outcomes) -> None:
    """One of each kind, and only what it says it cannot do is skipped."""
    for good in bugs.GOOD:
        tests = outcomes[good.kit.__name__]
        assert failed(tests) == {}
        assert {name for name, said in tests.items() if said == "skipped"} == {
            "test_entry_point_leads_to_the_class"
        }


def test_each_bug_is_found_by_the_test_that_is_meant_for_it(
    bugs: Any, outcomes: Outcomes, capsys: pytest.CaptureFixture[str]
) -> None:
    """No bug is missed; the count is printed."""
    missed = [
        f"{bug.provider.__name__} by {bug.found_by}"
        for bug in bugs.BUGS
        if bug.found_by not in failed(outcomes[bug.kit.__name__])
    ]
    with capsys.disabled():
        print(f"\nplanted bugs: {len(bugs.BUGS) - len(missed)}/{len(bugs.BUGS)} found")  # noqa: T201 - for people
    assert missed == []


def test_no_other_test_fails_for_a_bug(bugs: Any, outcomes: Outcomes) -> None:
    """A failure leads to its cause: what else may fail with a bug is listed, with the reason."""
    others = {}
    for bug in bugs.BUGS:
        told = failed(outcomes[bug.kit.__name__])
        more = told.keys() - {bug.found_by, *bug.also}
        if more and bugs.ANY not in bug.also:
            others[bug.provider.__name__] = {name: told[name] for name in sorted(more)}
    assert others == {}


def test_what_else_may_fail_does_fail(bugs: Any, outcomes: Outcomes) -> None:
    """The list of exceptions holds nothing that is not needed."""
    idle = {}
    for bug in bugs.BUGS:
        passing = set(bug.also) - failed(outcomes[bug.kit.__name__]).keys() - {bugs.ANY}
        if passing:
            idle[bug.provider.__name__] = sorted(passing)
    assert idle == {}


def test_each_failure_is_a_sentence(bugs: Any, outcomes: Outcomes) -> None:
    """The message of a failing test says what was seen, and not only which comparison was false."""
    for bug in bugs.BUGS:
        said = failed(outcomes[bug.kit.__name__]).get(bug.found_by, "")
        message = said.split("\n")[0].removeprefix("failure: ").removeprefix("AssertionError: ")
        assert message.removeprefix("Failed: ").count(" ") >= 5, (bug.provider.__name__, said[:300])
        assert message.rstrip().endswith((".", ":", "}", "]", "'", ")")) or " " in message


def test_every_test_of_the_kit_can_fail(bugs: Any, outcomes: Outcomes) -> None:
    """For each test there is a bug that it finds: one that nothing can fail proves nothing."""
    tests = {name for good in bugs.GOOD for name in outcomes[good.kit.__name__]}
    assert tests - {bug.found_by for bug in bugs.BUGS} == set()
