"""The harness: nothing is lost, doubled, wrong or overshot; and every mistake that is planted is found."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from .__main__ import table
from .check import KINDS
from .in_worker.chaos_plants import PLANTS
from .run import Options, Result, run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="it reads /proc and limits processes by prlimit"
)

_ENDS: Final = {"kinds": {"kill at an answer's end": 1}, "per_fault": 12.0, "per_round": 90}
_KILLS: Final = {"kinds": {"kill": 1}, "per_round": 120}
_CALM: Final[dict[str, Any]] = {"kinds": {}}
_EACH = _CALM | {"per_round": 80}
"""Enough for what goes wrong at each call."""
_FEW: Final[dict[str, Any]] = {"trials": 2000, "per_round": 250, "seed": 5, "small_disk": False}
"""A run ends at the first round that finds something, which nearly always is the first."""

SEEN_AS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "settle_late": ("lost", _ENDS),
    "told_before_commit": ("lost", _ENDS),
    "unbooked": ("lost", _CALM),
    "recover_never": ("lost", _KILLS),
    "recover_settled": ("lost", _KILLS),
    "money_twice": ("doubled", _EACH),
    "money_half": ("wrong", _EACH),
    "leavers_unbooked": ("wrong", _CALM | {"calm": 0.2}),
    "leavers_free": ("wrong", _CALM | {"calm": 0.5}),
    "revoked_pass": ("wrong", {"kinds": {"revoke": 1, "rotate": 1}, "per_fault": 12.0}),
    "no_window": ("overshoot", _CALM),
    "short_window": ("overshoot", _CALM | {"per_round": 500, "think_secs": 0.6, "speed": 40}),
    "no_concurrency": ("overshoot", _CALM),
    "no_budget": ("overshoot", _CALM),
}
"""What each planted mistake is found as, and which faults bring it to light."""


def _run(folder: Path, options: Options) -> Result:
    result = asyncio.run(run(folder, options))
    if not result.findings:
        shutil.rmtree(folder / "kept", ignore_errors=True)
    return result


@pytest.mark.timeout(600)
def test_two_thousand_trials(tmp_path: Path) -> None:
    """Of 2,000 calls under all faults none is lost, doubled or wrong, and no limit is overshot."""
    result = _run(tmp_path, Options(2000, seed=20261123))
    print(table(result))  # noqa: T201 pytest shows it when something was found
    assert [str(finding) for finding in result.findings] == []
    assert result.trials >= 2000
    assert min(result.faults[kind] for kind in ("kill", "kill at an answer's end", "restart")) > 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plant", SEEN_AS)
def test_a_planted_mistake_is_found(plant: str, tmp_path: Path) -> None:
    """Within some hundred calls, and for what it is."""
    kind, options = SEEN_AS[plant]
    result = _run(tmp_path, Options(**_FEW | options, plant=plant))
    assert result.count(kind) > 0, {kind: result.count(kind) for kind in KINDS}


def test_every_plant_is_tried() -> None:
    """A plant that nobody runs proves nothing."""
    assert SEEN_AS.keys() == PLANTS.keys()
