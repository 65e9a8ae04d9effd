"""What all tests have in common: a busy machine is slow, and that is no mistake of what is tested."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import certifi
import pytest
from hypothesis import HealthCheck, settings

from gaud_core_pytest import asks_for_live

settings.register_profile("gaud", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gaud")

_FIRST = (
    ("tests/browser/", "tests/e2e/"),
    ("tests/chaos/",),
    ("gaud_core/tests/testing/test_planted_bugs.py", "tests/packaging/", "tests/typed/"),
)
"""What takes minutes; what stands together shares what is costly to start."""

_END = "-----END CERTIFICATE-----\n"


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Take half more workers than xdist would: many a test waits for what it has started."""
    return 3 * (yield) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each of xdist's workers, which get equal parts of the list, begin with what takes minutes.

    So it is the short ones that are left to be shared at the end.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    rest: list[pytest.Item] = []
    for item in items:
        first = next((number for number, names in enumerate(_FIRST) if item.nodeid.startswith(names)), None)
        (rest if first is None else shares[first % workers]).append(item)
    left, others = len(items), iter(rest)
    for number, share in enumerate(shares):
        share.extend(itertools.islice(others, max(left // (workers - number) - len(share), 0)))
        left -= len(share)
    items[:] = [*itertools.chain(*shares), *others]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector leave what is read before the first test alone, for nothing of it is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def one_certificate(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one authority only: each gateway loads all that there are, and needs none on loopback.

    Live tests leave it, so they need the others as well.
    """
    if asks_for_live(pytestconfig):
        yield
        return
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition(_END)
    path.write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield
