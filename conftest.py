"""What all tests have in common: a busy machine is slow, and that is no mistake of what is tested."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import certifi
import pytest
from hypothesis import HealthCheck, settings

from gaud_core_pytest import asks_for_live

settings.register_profile("gaud", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gaud")

_END = "-----END CERTIFICATE-----\n"


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Take half more workers than xdist would: many a test waits for what it has started."""
    return 3 * (yield) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits long for others: at the end it would be waited for by everybody."""
    items.sort(key=lambda item: item.get_closest_marker("early") is None)


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
