"""Several processes and one token: one of them renews, and none is left with a dead one."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gaud_core import Token, TokenStore
from gaud_core.testing import ScriptedOAuth, ScriptedUpstream

WORKER = """
import asyncio, json, sys
from pathlib import Path
import httpx
from gaud_core import TokenStore, token_request

path, url, refused = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "refused"

async def main():
    store = TokenStore(path, "acme")
    async with httpx.AsyncClient(trust_env=False) as http:
        async def renew(old):
            fields = {"grant_type": "refresh_token", "refresh_token": old.refresh_token.reveal()}
            return await token_request(http, url, {**fields, "client_id": "client-test"})
        old = store.load() if refused else None
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        given = await asyncio.gather(*(store.fresh(renew, force_if=old) for _ in range(50)))
    print(json.dumps([each.access_token.reveal() for each in given]))

asyncio.run(main())
"""
HOLDER = """
import asyncio, sys
from pathlib import Path
from gaud_core.provider.login.lock import locked

async def main():
    async with locked(Path(sys.argv[1])):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("why", ["ended", "refused"])
def test_fifty_calls_in_each_of_two_processes(tmp_path: Path, why: str) -> None:
    """One renewal at the server, which would refuse a second with the same refresh token."""
    oauth, path = ScriptedOAuth(), tmp_path / "token.json"
    refresh = oauth.issue()["refresh_token"]
    asyncio.run(TokenStore(path).save(Token("access-test-0", refresh, 1.0 if why == "ended" else None)))
    with ScriptedUpstream.in_thread() as upstream:
        oauth.install(upstream)
        command = [sys.executable, "-c", WORKER, str(path), f"{upstream.url}/token", why]
        workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        given = [text for worker in workers for text in json.loads(worker.communicate(timeout=30)[0])]
    assert len(given) == 100
    assert len(set(given)) == 1
    assert oauth.knows(given[0])
    assert (oauth.renewals, oauth.refusals) == (1, [])


def test_lock_of_a_process_that_was_killed(tmp_path: Path) -> None:
    """The kernel gives it to the next one."""
    path = tmp_path / "token.json"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    paused = 0

    async def kill_then_sleep(seconds: float) -> None:
        nonlocal paused
        paused += 1
        holder.send_signal(signal.SIGKILL)
        await asyncio.to_thread(holder.wait)

    store = TokenStore(path, sleep=kill_then_sleep)
    asyncio.run(store.save(Token("access-test-1")))
    holder.communicate()
    assert paused >= 1
    assert store.load() == Token("access-test-1")
