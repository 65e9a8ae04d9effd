"""The OpenAPI document is true: schemathesis asks everything that it allows, and much that it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from gaud_core.admin.openapi import openapi_document
from gaud_core.admin.operations import operations
from gaud_core.config import Config, Database
from gaud_core.store import Store, open_store

from ..clock import NOON
from .settings_support import gateway_on
from .support import Served, book, serving

EVERY = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _strict() -> Any:
    """The document with answers that may hold nothing but what it names."""
    document = json.loads(openapi_document())
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and name not in {"ModelAnswer", "ChatRequest"}:
            schema["additionalProperties"] = False
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith("/admin")}
    return document


schema = schemathesis.openapi.from_dict(_strict())


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API with calls in the books and changes of the settings."""
    folder = tmp_path_factory.mktemp("openapi")
    opened: Store = open_store(Config(database=Database(path=folder / "gaud.db")))
    with gateway_on(folder, opened) as acting, serving(opened, acting.behind) as served:
        for number in range(5):
            book(opened, f"req_{number}", user_id=served.root, cost_nanos=number, cost_source="priced")
        book(opened, "req_open", state="open", status=None, admitted_at=NOON + 1)
        for level in ("debug", "info"):  # so that there is something to go back to
            served.ok("PUT", "/admin/settings", json={"key": "logging.level", "value": level})
        yield served
    opened.close()


@pytest.fixture
def statuses() -> Iterator[dict[str, set[int]]]:
    """What a test's operation has answered: in the end all that it does, and each refusal that is its own."""
    answered: dict[str, set[int]] = {}
    yield answered
    assert len(answered) == 1
    for operation in operations():
        refusals = {400} if operation.query or operation.body else set()
        # schemathesis does not make the same name twice
        wanted = {operation.status, *refusals, *operation.errors} - {409}
        assert wanted <= answered.get(operation.name, wanted), operation.name


@schema.exclude(path_regex="^/admin/settings").parametrize()
@EVERY
def test_every_answer_is_as_documented(
    case: schemathesis.Case[Any], asked: Served, statuses: dict[str, set[int]]
) -> None:
    """Status, media type, headers and body of each answer, for good and for bad requests."""
    _hold(case, asked, statuses)


@schema.include(path_regex="^/admin/settings").parametrize()
@settings(EVERY, max_examples=15, phases=[Phase.generate])
def test_every_answer_about_settings_is_as_documented(
    case: schemathesis.Case[Any], asked: Served, statuses: dict[str, set[int]]
) -> None:
    """The same with fewer requests, because values of any kind take long to be made up."""
    _hold(case, asked, statuses)


def _hold(case: schemathesis.Case[Any], asked: Served, statuses: dict[str, set[int]]) -> None:
    """Ask, and hold the answer against the document."""
    _aim(case, asked)
    headers = {"authorization": str(asked.admin.headers["authorization"])}
    answer = case.call(base_url=asked.url, headers=headers)
    statuses.setdefault(str(case.operation.definition.raw["operationId"]), set()).add(answer.status_code)
    # Not held against it: a schema cannot say which dates there are, nor how many decimals are too many.
    case.validate_response(answer, headers=headers, excluded_checks=[checks.positive_data_acceptance])


def test_every_operation_is_asked() -> None:
    """The document, of which the tests above ask each operation, has every one."""
    asked = [item["operationId"] for path in _strict()["paths"].values() for item in path.values()]
    assert sorted(asked) == sorted(operation.name for operation in operations())


def _aim(case: schemathesis.Case[Any], served: Served) -> None:
    """Put an id of somebody made just now in the place of three in four made-up ones."""
    for name, made_up in case.path_parameters.items():
        if sum(str(made_up).encode()) % 4:
            user = served.user(f"User {len(served.people.users(deleted=True))}")
            case.path_parameters[name] = served.key(user) if "/keys/{" in case.path else user
    is_good = case.meta is not None and case.meta.generation.mode.is_positive
    if is_good and case.path.startswith("/admin/settings") and isinstance(case.body, dict):
        _aim_settings(case.path, case.body)


def _aim_settings(path: str, body: dict[str, Any]) -> None:
    """Put a change that can be made in the place of two in three made-up ones."""
    if sum(str(body).encode()) % 3 == 0:
        return
    change = ("logging.level", ("debug", "info")[len(str(body)) % 2])
    if set(body) == {"key", "value"}:
        body["key"], body["value"] = change
    elif path.endswith("/apply") and "base" not in body and len(body) == 1:
        body.pop("text", None)
        body["changes"] = dict([change])
    elif path.endswith("/rollback") and body.get("id"):
        body["id"] = 1


def test_the_document_says_that_nothing_else_is_taken() -> None:
    """Each body names all of its fields, as the check does; a client that is made from it sends no other."""
    schemas = json.loads(openapi_document())["components"]["schemas"]
    bodies = [operation.body.__name__ for operation in operations() if operation.body]
    assert len(bodies) >= 5
    assert [name for name in bodies if schemas[name].get("additionalProperties") is not False] == []
