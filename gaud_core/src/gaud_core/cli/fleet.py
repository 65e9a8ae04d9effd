"""Several workers behind one port: started one after the other, restarted when they die, stopped together.

The workers are forks: what was imported and read before is shared, and nothing is opened before. On Linux
each has a listening socket of its own, and the kernel deals the connections out; this process keeps all of
them open, so that connections wait, and are not refused, while a worker is replaced.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import attrs

from gaud_core.errors import ConfigError, GaudError

__all__ = ["Fleet", "Ready", "sockets_for"]

Ready = Callable[[], None]
"""What a worker calls when it serves."""

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_START_SECS = 60.0
_HEALTHY_SECS = 60.0
_FIRST_PAUSE_SECS, _LONGEST_PAUSE_SECS = 0.5, 30.0
_GRACE_SECS = 5.0
_BACKLOG = 2048

log = logging.getLogger("gaud")


def sockets_for(first: socket.socket, count: int) -> list[socket.socket]:
    """Give each worker a listening socket: its own where the kernel deals out evenly, else one for all."""
    if not sys.platform.startswith("linux"):
        return [first] * count
    family, address = first.family, first.getsockname()
    first.close()  # it was bound alone, so that a port in use is noticed
    made = []
    for _ in range(count):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        made.append(listening)
    return made


@attrs.define
class _Worker:
    """One place in the fleet, and the process that fills it now."""

    number: int
    pid: int = 0
    born: float = 0.0
    ready: int = -1
    """Where it says that it serves; -1 once it has."""
    pause: float = _FIRST_PAUSE_SECS
    due: float = 0.0


@attrs.define(eq=False)
class Fleet:
    """Runs `serve(number, ready)` in so many processes until a signal says to stop.

    A worker that ends before it has served for the first time ends the whole fleet with its exit code: what
    is wrong then is wrong for all.
    """

    count: int
    serve: Callable[[int, Ready], None]
    shutdown_secs: float
    lost: Callable[[int], None] = lambda number: None
    """Hears of a worker that has died, before another one takes its place."""
    clock: Callable[[], float] = time.monotonic
    _workers: list[_Worker] = attrs.field(init=False)
    _stopping: bool = False
    _failed: int = 0
    _wake: tuple[int, int] = (-1, -1)
    _alive: tuple[int, int] = (-1, -1)

    def run(self) -> int:
        """Supervise; give the exit code."""
        self._workers = [_Worker(number) for number in range(self.count)]
        self._wake, self._alive = _pipe(), os.pipe()
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (*_PASSED_ON, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        first, *others = self._workers
        self._start(first)
        while first.ready != -1 and not self._stopping:
            self._wait(_START_SECS)
        for worker in others:
            if not self._stopping:
                self._start(worker)
        while not self._stopping:
            self._wait(self._patience())
            self._replace()
        return self._stop()

    def _start(self, worker: _Worker) -> None:
        said, says = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(said)
            self._be(worker.number, says)
        os.close(says)
        worker.pid, worker.born, worker.ready = pid, self.clock(), said

    def _be(self, number: int, says: int) -> NoReturn:
        """Be a worker; never returns."""
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until whoever takes it is there
        os.setpgid(0, 0)  # Ctrl-C reaches the first process only, which passes it on once
        os.close(self._alive[1])
        threading.Thread(target=_leave_with_parent, args=(self._alive[0],), daemon=True).start()
        code = 0
        try:
            self.serve(number, lambda: os.close(says))
        except ConfigError as error:
            code = 2
            print(error, file=sys.stderr)
        except GaudError as error:
            code = 1
            print(error, file=sys.stderr)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            code = 1
            log.exception("worker %d failed", number)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _wait(self, seconds: float) -> None:
        """Wait for a signal or for a worker that serves now, and do what it asks for."""
        starting = {worker.ready: worker for worker in self._workers if worker.ready != -1}
        readable, _, _ = select.select([self._wake[0], *starting], [], [], seconds)
        if self._wake[0] in readable:
            for number in os.read(self._wake[0], 512):
                self._signalled(number)
        for said in readable:
            if said in starting:
                os.close(said)
                starting[said].ready = -1
        self._reap()

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stopping = True
        elif number == signal.SIGHUP:
            self._tell(signal.SIGHUP)

    def _tell(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                try:
                    os.kill(worker.pid, number)
                except ProcessLookupError:
                    worker.pid = 0

    def _reap(self) -> None:
        """Take the workers that have ended, and plan when others take their places."""
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid and not self._stopping:
                self._lost(worker, os.waitstatus_to_exitcode(status))
            elif pid:
                worker.pid = 0

    def _lost(self, worker: _Worker, code: int) -> None:
        lived = self.clock() - worker.born
        served = worker.ready == -1
        self.lost(worker.number)
        worker.pid = 0
        if not served:
            os.close(worker.ready)
            worker.ready = -1
        if not served and not worker.due:
            self._stopping, self._failed = True, code if code > 0 else 1
            return
        if lived >= _HEALTHY_SECS:
            worker.pause = _FIRST_PAUSE_SECS
        worker.due = self.clock() + worker.pause
        how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        log.error("worker %d ended %s; another one starts in %g s", worker.number, how, worker.pause)
        worker.pause = min(worker.pause * 2, _LONGEST_PAUSE_SECS)

    def _replace(self) -> None:
        for worker in self._workers:
            if not worker.pid and not self._stopping and worker.due <= self.clock():
                self._start(worker)

    def _patience(self) -> float:
        due = [worker.due - self.clock() for worker in self._workers if not worker.pid]
        return max(0.0, min(due, default=3600.0))

    def _stop(self) -> int:
        """Let all of them end in order; who takes too long is killed."""
        self._tell(signal.SIGTERM)
        until = self.clock() + self.shutdown_secs + _GRACE_SECS
        while any(worker.pid for worker in self._workers):
            left = until - self.clock()
            if left <= 0:
                self._tell(signal.SIGKILL)
                until = self.clock() + _GRACE_SECS
            self._wait(max(left, 0.1))
        signal.set_wakeup_fd(-1)
        return self._failed


def _leave_with_parent(alive: int) -> None:
    """Stop in order when the first process is gone, however it ended."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends
