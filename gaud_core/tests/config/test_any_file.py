"""Whatever is in the file and the environment: a Config or a ConfigError, and no secret in either."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from gaud_core.config import SECTIONS, env_prefix, load_config
from gaud_core.config import load as loading
from gaud_core.config.files import ConfigFile
from gaud_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

MARK = "hunter2hunter2"
values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
keys = st.sampled_from(["url", "port", "host", "enabled", "provider", "timeout_secs", "level"]) | st.text(
    max_size=4
)
sections = values | st.dictionaries(keys, values, max_size=3)
names = st.sampled_from(["acme", "plain", "server", "a-b", "a_b"]) | st.text(max_size=4)
files = st.dictionaries(
    st.sampled_from([*SECTIONS, "providers", "acme"]) | st.text(max_size=4),
    sections | st.dictionaries(names, sections, max_size=3),
    max_size=4,
)
variables = st.dictionaries(
    st.sampled_from(
        ["GAUD_ACME_URL", "GAUD_SERVER_PORT", "GAUD_A_B_URL", "GAUD_AUTH_ENABLED", "GAUD_X", "GAUD_"]
    ),
    st.text(max_size=8),
    max_size=3,
)


@tuned(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    table=files,
    environ=variables,
    where=st.sampled_from(["auth.bootstrap_key", "providers.acme.api_key", "environ"]),
)
def test_any_file_is_a_config_or_a_config_error_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch,
    table: dict[str, Any],
    environ: dict[str, str],
    where: str,
    schemas: Mapping[str, Any],
) -> None:
    """No other exception, and the secret is in no message, no warning and no repr."""
    if where == "environ":
        environ = environ | {"GAUD_AUTH_BOOTSTRAP_KEY": MARK, "GAUD_ACME_API_KEY": MARK}
    elif where == "auth.bootstrap_key":
        table = table | {"auth": {"bootstrap_key": MARK}}
    else:
        table = table | {
            "providers": {"acme": {"api_key": MARK, "url": "http://x"}, "x": table.get("providers")}
        }
    monkeypatch.setattr(loading, "find_file", lambda *_: (Path("x"), ""))
    monkeypatch.setattr(loading, "read_file", lambda *_: ConfigFile(Path("x"), table, 0o644))
    try:
        text = repr(load_config(None, environ, schemas))
    except ConfigError as wrong:
        text = str(wrong) + repr(wrong.problems)
    assert MARK not in text
    assert text.encode()


def test_prefixes_follow_the_name() -> None:
    """A dash is no character of a variable."""
    assert env_prefix("work-eu") == "GAUD_WORK_EU_"
