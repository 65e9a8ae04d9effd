"""Who gets in and who does not, and that nobody learns more from a refusal than that he is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from gaud_core.access.patience import Patience
from gaud_core.access.values import shown_of
from gaud_core.config import Server
from gaud_core.testing import ScriptedUpstream, chat_completion

from ..clock import Clock as WallClock
from .books import ADMIN, at, bearer, key_id, member, orphan, people, priced, rows, store_of
from .support import Served, Starter
from .wire import Answered, HeaderLines, Wire, head_of

FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WRONG = "sk-prx-test-wrong"


class Sleeper:
    """A clock, which goes on by `step` whenever it is looked at, and a way to sleep; nothing really waits."""

    def __init__(self) -> None:
        self.now, self.step = 1000.0, 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Give the time."""
        self.now += self.step
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Note that somebody would sleep."""
        self.slept.append(seconds)


def _with_patience(gaud: Served) -> Sleeper:
    """Let a gateway lose its patience by a clock that stands still."""
    sleeper, gateway = Sleeper(), gaud.gateway
    door = attrs.evolve(gateway.door, patience=Patience(sleeper.clock, sleeper.sleep))
    gateway.current = attrs.evolve(gateway.current, door=door)
    return sleeper


@pytest.fixture
def gaud(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway with keys that makes nobody wait."""
    upstream.default = chat_completion()
    served = priced(serve, upstream.url)
    _with_patience(served)
    return served


def _seen(answered: Answered) -> tuple[Any, ...]:
    """What a client can tell apart."""
    changing = {"x-request-id", "date"}
    return answered.status, answered.body, sorted(h for h in answered.headers if h[0] not in changing)


@contextmanager
def _statements(gaud: Served) -> Iterator[list[str]]:
    """Collect the statements that the store executes."""
    found: list[str] = []

    def note(_: Any, __: Any, statement: str, *more: Any) -> None:
        found.append(statement)

    store = store_of(gaud)
    event.listen(store.engine, "before_cursor_execute", note)
    glances: Any = store._glances
    rows = glances.rows

    def noted(prepared: Any, values: Any) -> Any:
        found.append(prepared.sql)
        return rows(prepared, values)

    glances.rows = noted
    try:
        yield found
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
        del glances.rows


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer {}")],
        [("Authorization", "bearer  {}  ")],
        [("x-api-key", "{}")],
        [("X-Goog-Api-Key", "{}")],
        [("authorization", "Basic eDp5"), ("x-api-key", "{}")],
        [("authorization", "Bearer "), ("x-goog-api-key", "{}")],
        [("x-api-key", ""), ("x-goog-api-key", "{}")],
    ],
)
@pytest.mark.parametrize("page", [False, True])
def test_every_way_to_send_a_key(gaud: Served, headers: list[tuple[str, str]], page: bool) -> None:
    """OpenAI's, Anthropic's and Google's, for calls and for pages."""
    key = member(gaud)
    sent = [(name, value.format(key)) for name, value in headers]
    answered = gaud.get("/v1/models", sent) if page else gaud.chat(headers=sent)
    assert answered.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "{}")],
        [("authorization", "Basic {}")],
        [("authorization", "Bearer")],
        [("proxy-authorization", "Bearer {}")],
        [("api-key", "{}")],
        [("cookie", "key={}")],
        [("x-api-key", "   ")],
    ],
)
def test_what_is_no_way_to_send_a_key(gaud: Served, headers: list[tuple[str, str]]) -> None:
    """It is 401 with the way that it is done, and makes nobody suspicious."""
    answered = gaud.chat(headers=[(name, value.format(ADMIN)) for name, value in headers])
    assert (answered.status, answered.error["code"]) == (401, "missing_api_key")
    assert "Authorization: Bearer sk-prx-..." in answered.message


def test_a_key_in_the_address_is_none(gaud: Served) -> None:
    """An address stands in logs."""
    assert gaud.get(f"/v1/models?key={ADMIN}&api_key={ADMIN}").status == 401


def test_a_wrong_bearer_is_not_made_good_by_another_header(gaud: Served) -> None:
    """One key is looked at, the one of `authorization`."""
    assert gaud.chat(headers=[("x-api-key", ADMIN), *bearer(WRONG)]).status == 401


def _dead_keys(gaud: Served, wall: WallClock) -> dict[str, str]:
    """Keys that open nothing any more, each for a reason of its own."""
    register = people(gaud)
    names = ("revoked", "expired", "deleted", "rotated", "orphan")
    keys = {name: member(gaud, name=name, expires_at=wall() if name == "expired" else None) for name in names}
    register.revoke_key(key_id(gaud, "revoked"), actor="test")
    register.rotate_key(key_id(gaud, "rotated"), actor="test")
    (user,) = (user for user in register.users() if user.name == "deleted")
    register.delete_user(user.id, actor="test")
    orphan(gaud, "orphan")
    return keys | {"almost": keys["rotated"][:-1], "prefix": shown_of(keys["rotated"]), "none": WRONG}


@pytest.mark.parametrize("target", ["/v1/models", "/v1/models/acme:m", "/health", "call"])
def test_no_answer_tells_a_dead_key_from_one_that_never_was(gaud: Served, target: str) -> None:
    """Status, body and headers are the same, and so is the work that the store has with them."""
    wall = WallClock()
    at(gaud, wall)
    work, answers = {}, {}
    for name, key in _dead_keys(gaud, wall).items():
        with _statements(gaud) as found:
            sent = bearer(key)
            answers[name] = _seen(gaud.chat(headers=sent) if target == "call" else gaud.get(target, sent))
        work[name] = found
    assert len({str(answer) for answer in answers.values()}) == 1
    assert answers["none"][0] == (200 if target == "/health" else 401)
    assert len({tuple(statements) for statements in work.values()}) == 1
    assert len(work["none"]) == 1  # one look at the index


def test_a_wrong_key_is_repeated_nowhere(gaud: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the answer nor in the log."""
    caplog.set_level(0)
    answered = gaud.chat(headers=bearer(WRONG))
    assert WRONG not in str(answered) + caplog.text


def test_repeated_wrong_keys_are_slowed_down(gaud: Served) -> None:
    """Ten are free; then each is answered later than the one before, and too many are 429."""
    sleeper = _with_patience(gaud)
    statuses = [gaud.chat(headers=bearer(WRONG)).status for _ in range(20)]
    assert statuses[:10] == [401] * 10
    assert sleeper.slept == sorted(sleeper.slept)
    assert sleeper.slept[0] == pytest.approx(0.1)
    last = gaud.chat(headers=bearer(WRONG))
    assert (last.status, last.error["code"]) == (429, "too_many_wrong_keys")
    assert int(last.header("retry-after") or 0) >= 15
    sleeper.now += 3600
    assert gaud.chat(headers=bearer(WRONG)).status == 401


def test_good_keys_never_wait(gaud: Served) -> None:
    """Whatever else comes from their address; nor do requests without a key and looks at the health."""
    sleeper = _with_patience(gaud)
    for _ in range(30):
        gaud.get("/v1/models", bearer(WRONG))
    before = len(sleeper.slept)
    assert gaud.chat(headers=bearer(ADMIN)).status == 200
    assert gaud.get("/v1/models", bearer(ADMIN)).status == 200
    assert gaud.get("/v1/models").error["code"] == "missing_api_key"
    assert gaud.get("/health").status == 200
    assert len(sleeper.slept) == before


@pytest.mark.parametrize(("trusted", "waits"), [((), True), (("127.0.0.1",), False), (("10.0.0.0/8",), True)])
def test_whom_the_patience_is_lost_with(
    serve: Starter, upstream: ScriptedUpstream, trusted: tuple[str, ...], waits: bool
) -> None:
    """With the client that a trusted proxy names; from anybody else, `x-forwarded-for` is his own writing."""
    gaud = priced(serve, upstream.url, server=Server(trusted_proxies=trusted))
    sleeper = _with_patience(gaud)
    for number in range(15):
        forged = [("x-forwarded-for", f"203.0.113.{number}")]
        gaud.chat(headers=[*bearer(WRONG), *forged])
    assert bool(sleeper.slept) is waits


def test_forged_hops_before_the_proxys_own(serve: Starter, upstream: ScriptedUpstream) -> None:
    """What a client writes into `x-forwarded-for` himself changes nothing: the proxy's entry is the last."""
    gaud = priced(serve, upstream.url, server=Server(trusted_proxies=("127.0.0.1",)))
    sleeper = _with_patience(gaud)
    for number in range(12):
        told: HeaderLines = [("x-forwarded-for", f"198.51.100.{number}, 203.0.113.7")]
        gaud.chat(headers=[*bearer(WRONG), *told])
        gaud.chat(headers=[*bearer(WRONG), ("x-forwarded-for", f"10.1.1.{number}"), *told])
    assert len(sleeper.slept) > 0


def test_without_keys_everybody_is_let_in(serve: Starter) -> None:
    """Whatever he sends; no key is looked up."""
    gaud = serve(acme=None)
    with _statements(gaud) as found:
        for sent in ([], bearer(WRONG), [("x-api-key", "' OR 1=1")]):
            assert gaud.get("/v1/models", sent).status == 200
    assert found == []


HOSTILE = [
    b"' OR '1'='1",
    b"sk-prx-' UNION SELECT digest FROM keys --",
    b'"; DROP TABLE keys; --',
    b"%",
    b"sk-prx-%",
    b"*",
    b"null",
    b"\xff\xfe\xfd",
    "ѕk-рrх-test-administrator".encode(),  # Cyrillic letters
    "ｓｋ-prx-test-administrator".encode(),
    ADMIN.upper().encode(),
    ADMIN[:-1].encode(),
    ADMIN.encode() + b"x",
    ADMIN.encode() + b"\xc2\xa0",
    ADMIN.encode() + b"\xe2\x80\x8b",
    b"\xef\xbb\xbf" + ADMIN.encode(),
    ADMIN.encode() + b", " + ADMIN.encode(),
    b"Bearer " + ADMIN.encode(),
    b'"' + ADMIN.encode() + b'"',
    b"x" * 60_000,
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
def test_hostile_keys(gaud: Served, name: str, value: bytes) -> None:
    """They are 401 in the words of any wrong key, and the keys stay what they were."""
    answered = gaud.chat(headers=[(name, b"Bearer " + value if name == "authorization" else value)])
    assert (answered.status, answered.message) == (401, "This key is not valid.")
    assert gaud.chat(headers=bearer(ADMIN)).status == 200


@pytest.mark.parametrize("raw", [b"\x00", b"sk-prx\x00-test", ADMIN.encode() + b"\x00", b"\x01", b"a\rb"])
def test_bytes_that_no_header_may_hold(gaud: Served, raw: bytes) -> None:
    """They are no HTTP: 400, the connection ends, and nobody is let in."""
    with Wire(gaud.port) as wire:
        wire.send(head_of("GET", "/v1/models", [("authorization", b"Bearer " + raw)]))
        got = wire.rest()
    assert got.startswith(b"HTTP/1.1 400 ")
    assert gaud.is_well()


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-client-cert-dn", "x-forwarded-for"])
def test_a_header_of_a_megabyte(gaud: Served, name: str) -> None:
    """It is 431 before it fills the memory."""
    with Wire(gaud.port) as wire:
        try:
            wire.send(head_of("GET", "/v1/models", [(name, b"x" * 1_000_000)]))
            got = wire.rest()
        except (BrokenPipeError, ConnectionResetError):
            got = b"HTTP/1.1 431 "  # it was refused faster than it could be sent
    assert got.startswith(b"HTTP/1.1 431 ")
    assert gaud.is_well()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, stopping: Any) -> Iterator[Served]:
    """One gateway for all the random keys, which makes nobody wait."""
    with ExitStack() as stack:
        start = Starter(tmp_path_factory.mktemp("door"), stack, stopping)
        served = start(key=ADMIN)
        _with_patience(served).step = 60.0
        yield served


KEYS = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.tuples(st.integers(0, len(ADMIN)), st.binary(max_size=3)).map(
        lambda cut: ADMIN[: cut[0]].encode() + cut[1] + ADMIN[cut[0] :].encode()
    ),
    st.sampled_from([ADMIN.swapcase(), ADMIN[::-1], ADMIN * 2]).map(str.encode),
)
SCHEMES = st.sampled_from([b"", b"Bearer ", b"bearer\t", b"Basic "])
NAMES = st.sampled_from(["authorization", "x-api-key", "x-goog-api-key"])


@FUZZ
@given(
    st.lists(st.tuples(NAMES, st.sampled_from([b"", b"Bearer ", b"bearer\t", b"Basic "]), KEYS), max_size=4)
)
def test_random_keys(fuzzed: Served, sent: list[tuple[str, bytes, bytes]]) -> None:
    """No bytes but the key's own open, and none are an error of Gaud's."""
    headers = [(name, scheme + key) for name, scheme, key in sent]
    clean = [(n, bytes(b for b in v if b >= 0x20 and b != 0x7F)) for n, v in headers]
    answered = fuzzed.get("/v1/models", clean)
    is_real = any(value.split(b" ")[-1].strip() == ADMIN.encode() for _, value in clean)
    assert answered.status == 401 or (is_real and answered.status == 200)
    assert rows(fuzzed) == []
