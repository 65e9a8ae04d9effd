"""`LifeTests`: a provider from its start to its stop, and what it leaves behind."""

from __future__ import annotations

import contextlib
from pathlib import Path

import attrs
import httpx
import pytest

from .answers import Answer
from .calls import PIECES, Calls
from .kit import since
from .reading import held
from .served import ServedGateway, eventually
from .signal import Signal
from .upstream import ScriptedUpstream

__all__ = ["LifeTests"]

_BLOCKED_SECS = 0.2
_TASKS_SECS = 0.5
_LIVES = 2


@attrs.define
class Life:
    """What was seen of a provider that was started, called and stopped, twice in one process."""

    statuses: list[int] = attrs.field(factory=list)
    """Of a good call in each life."""
    blocked: list[tuple[float, str]] = attrs.field(factory=list)
    """Of each life, the longest time in seconds that the event loop stood still, and where it stood."""
    tasks_of_calls: set[str] = attrs.field(factory=set)
    tasks_after_stop: set[str] = attrs.field(factory=set)
    connection_left: bool = False
    """Whether a connection to the upstream was open after the stop."""
    log: list[str] = attrs.field(factory=list)
    failure: str = ""
    secrets: list[str] = attrs.field(factory=list)


class LifeTests(Calls):
    """Started and stopped twice, a provider leaves nothing behind, and blocks nobody meanwhile."""

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, tmp_path_factory: pytest.TempPathFactory) -> Life:
        """Two lives of the provider, one after the other, with one folder and one upstream of their own."""
        life, folder = Life(), tmp_path_factory.mktemp("life")
        with ScriptedUpstream.in_thread() as upstream:
            cls().show_pages(upstream)
            for _ in range(_LIVES):
                try:
                    cls()._live(life, upstream, folder)
                except AssertionError as error:
                    life.failure = str(error)
                    break
        return life

    @since("1.0")
    def test_starts_and_stops_twice(self, life: Life) -> None:
        """Look at what start() and stop() keep outside of `self`: a change of settings does just this."""
        assert not life.failure, f"Started a second time in the same process, it fails: {life.failure}"
        assert life.statuses == [200] * _LIVES, (
            f"A good call after each of {_LIVES} starts had the statuses {life.statuses}: is something of "
            "the first life closed, or still held?"
        )
        bad = [line for line in life.log if "did not stop as it should" in line]
        assert not bad, f"stop() failed: {bad[0]}\n{_crash(life)}"

    @since("1.0")
    def test_stop_leaves_no_task(self, life: Life) -> None:
        """Look at stop(): what start() began, stop() cancels and awaits."""
        assert not life.tasks_after_stop, (
            f"After stop() there still runs {', '.join(sorted(life.tasks_after_stop))}: cancel it in stop() "
            "and await it."
        )

    @since("1.0")
    def test_stop_leaves_no_connection(self, life: Life) -> None:
        """Look at the clients that the provider makes for itself: stop() closes them."""
        self.need_upstream()
        assert not life.connection_left, (
            "After stop() a connection to the upstream is still open: close your client in stop(), or take "
            "`self.ctx.send` and `self.ctx.http()`, which Gaud closes."
        )

    @since("1.0")
    def test_calls_leave_no_task(self, life: Life) -> None:
        """Look at asyncio.create_task() in send() or chat(): an ended call leaves nothing running."""
        assert not life.tasks_of_calls, (
            f"After the calls had ended there still ran {', '.join(sorted(life.tasks_of_calls))}: await or "
            "cancel it in a `finally`."
        )

    @since("1.0")
    def test_event_loop_is_not_blocked(self, life: Life) -> None:
        """Look at the last line of the stack: everybody waits for it; use `await` or asyncio.to_thread()."""
        if not life.blocked:
            pytest.skip(f"the provider could not be started: {life.failure}")
        seconds, where = min(life.blocked)  # a busy machine is slow once, a provider each time
        assert seconds < _BLOCKED_SECS, (
            f"The event loop stood still for {seconds * 1000:.0f} ms, and with it the calls of all users. "
            f"It was here:\n{where or '(not seen)'}"
        )

    @since("1.0")
    def test_secrets_do_not_show_in_the_log(self, life: Life) -> None:
        """Look at what is logged, and at the texts of exceptions: many people read logs."""
        for secret in life.secrets:
            line = next((line for line in life.log if secret in line), "")
            assert not line, f"A secret is in the log: {line.replace(secret, '********')[:500]}"

    def _live(self, life: Life, upstream: ScriptedUpstream, folder: Path) -> None:
        """One life: start, a good call, a stream, a failure, a client who leaves, stop."""
        upstream.reset()
        sections = {self.provider.name: self.settings(upstream.url)}
        tokens = self.tokens(dict.fromkeys(sections, upstream.url))
        gateway = ServedGateway(self.provider, sections, folder, tokens=tokens)
        gateway.settled = lambda: upstream.open_connections == 0
        try:
            with gateway:
                life.secrets = self.secrets(gateway)
                before = gateway.tasks()
                self._use(life, gateway, upstream)
                eventually(lambda: not gateway.tasks() - before, _TASKS_SECS)
                life.tasks_of_calls |= gateway.tasks() - before
        finally:
            life.log += gateway.log
        life.blocked.append((gateway.loop_watch.worst, gateway.loop_watch.culprit))
        life.tasks_after_stop |= set(gateway.left_after_stop)
        life.connection_left |= not gateway.is_settled

    def _use(self, life: Life, gateway: ServedGateway, upstream: ScriptedUpstream) -> None:
        self.says(upstream, stream=False)
        life.statuses.append(self.ask(gateway).status_code)
        self.says(upstream, stream=True)
        self.ask_streamed(gateway)
        if not self.has_upstream:
            return
        for bad in (self.upstream_error(401, "No."), self.upstream_error(500, "It broke."), Answer.reset()):
            upstream.reset(bad)
            self.ask(gateway)
            self.ask_streamed(gateway)
        upstream.reset(held(self.upstream_answer(PIECES, stream=True), Signal()))
        with (
            contextlib.suppress(httpx.TimeoutException),
            gateway.stream(gateway.body("Leave me.", self.model, stream=True), timeout=0.2) as answer,
        ):
            next(answer.iter_raw(), b"")


def _crash(life: Life) -> str:
    return next((line for line in reversed(life.log) if "Traceback" in line), "")
