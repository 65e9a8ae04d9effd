"""Uploads over real sockets: on their way before they are complete, bounded, and never half believed."""

from __future__ import annotations

import hashlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs
import pytest

from gaud_core.config import Server
from gaud_core.testing import Answer, Framing, ScriptedUpstream, Signal

from ..books import ADMIN, only, settled
from ..everything import Everything
from ..support import AcmeSettings, Served, Starter, eventually
from ..wire import Answered, head_of

MB = 1024 * 1024
PATH = "/v1/audio/transcriptions"
TEXT = Answer.json(b'{"text":"Hi","usage":{"input_tokens":5,"output_tokens":7}}')
FORM = [("content-type", "multipart/form-data; boundary=bound")]
MODEL = b'--bound\r\nContent-Disposition: form-data; name="model"\r\n\r\nacme:m\r\n'
FILE = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
END = b"\r\n--bound--\r\n"


@pytest.fixture
def gaud(serve: Starter, upstream: ScriptedUpstream) -> Served:
    """A gateway in front of an upstream that serves everything, with a low limit for uploads."""
    server = Server(max_upload_bytes=MB, max_body_bytes=100)
    return serve(acme=AcmeSettings(url=upstream.url), kind=Everything, server=server)


def _sent(gaud: Served, body: bytes, target: str = PATH) -> Answered:
    return gaud.send(head_of("POST", target, [*FORM, ("content-length", str(len(body)))]) + body)


def test_it_is_on_its_way_before_it_is_complete(serve: Starter) -> None:
    """Once the model is known, what has come is at the upstream while the rest is still to be sent."""
    with _Sink() as sink:
        gaud = serve(acme=AcmeSettings(url=sink.url), kind=Everything)
        rest = END
        begun = MODEL + FILE + b"x" * 1000
        with gaud.wire() as wire:
            length = str(len(begun) + len(rest))
            wire.send(head_of("POST", PATH, [*FORM, ("content-length", length)]) + begun)
            eventually(lambda: sink.got >= len(begun) - len(b"acme:"))
            assert not sink.done.is_set()
            wire.send(rest)
            assert wire.answer().status == 200
        assert sink.length == len(begun) + len(rest) - len(b"acme:")


@pytest.mark.parametrize("model_first", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
def test_only_the_models_value_changes(
    gaud: Served, upstream: ScriptedUpstream, model_first: bool, chunked: bool
) -> None:
    """Whether the model comes before the file or behind it, and with or without a length."""
    upstream.add(TEXT)
    content = FILE + b"\x00\xff\r\n--boun\r\n" * 50_000 + b"\r\n"
    body = (MODEL + content if model_first else content + MODEL)[:-2] + END
    if chunked:
        pieces = [body[at : at + 70_000] for at in range(0, len(body), 70_000)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        answered = gaud.send(head_of("POST", PATH, [*FORM, ("transfer-encoding", "chunked")]) + framed)
    else:
        answered = _sent(gaud, body)
    assert (answered.status, answered.body) == (200, TEXT.steps[0])  # type: ignore[index]
    seen = upstream.wait_call()
    assert seen.body == body.replace(b"acme:m", b"m")
    assert (seen.header("content-length") is None) == (chunked and model_first)
    row = only(gaud)
    assert (row.input_tokens, row.output_tokens, row.model) == (5, 7, "m")


def test_an_upload_without_model_goes_through(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Files name none, and nothing in them is changed."""
    upstream.add(Answer.json({"id": "file-1"}))
    body = FILE + b'name="model"\r\n\r\nacme:m' + END
    assert _sent(gaud, body, "/files").status == 200
    assert upstream.wait_call().body == body


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (FILE + b"x" + END, 400, "missing_model"),
        (MODEL + FILE + b"x\r\n" + MODEL + END[2:], 400, "invalid_form"),
        (FILE + b"x\r\n" + MODEL + MODEL + END[2:], 400, "invalid_form"),
        (MODEL + FILE + b"x", 400, "invalid_form"),
        (FILE + b"x", 400, "invalid_form"),
        (MODEL.replace(b"acme:m", b"") + END[2:], 400, "missing_model"),
        (MODEL.replace(b"acme:m", b"nobody:m") + END[2:], 404, "model_not_found"),
        (MODEL + FILE + b"x" * MB + END, 413, "body_too_large"),
        (b"{}", 400, "invalid_form"),
        (b"", 400, "invalid_form"),
    ],
)
def test_refused(gaud: Served, upstream: ScriptedUpstream, body: bytes, status: int, code: str) -> None:
    """With the sentence that says why; the upstream never gets a form that is complete."""
    answered = _sent(gaud, body)
    assert (answered.status, answered.error["code"]) == (status, code)
    assert upstream.calls == []


def test_too_long_without_a_length(gaud: Served, upstream: ScriptedUpstream) -> None:
    """Also one that does not say how long it is ends at the limit."""
    piece = b"x" * 65536
    chunks = b"".join([b"%x\r\n%b\r\n" % (len(p), p) for p in [MODEL + FILE, *[piece] * 17]])
    answered = gaud.send(head_of("POST", PATH, [*FORM, ("transfer-encoding", "chunked")]) + chunks)
    assert (answered.status, answered.error["code"]) == (413, "body_too_large")
    assert upstream.calls == []
    assert only(gaud).cost_nanos == 0


@pytest.mark.parametrize("target", [PATH, "/v1/files"])
def test_the_client_leaves_in_the_middle(gaud: Served, upstream: ScriptedUpstream, target: str) -> None:
    """The upstream's connection ends as well, and the call is booked as his leaving."""
    begun = MODEL + FILE + b"x" * 100_000
    with gaud.wire() as wire:
        wire.send(head_of("POST", target, [*FORM, ("content-length", "900000")]) + begun)
        eventually(lambda: upstream.open_connections)
        wire.leave()
    assert only(gaud).status == 499
    eventually(lambda: not upstream.open_connections)
    assert gaud.is_well()


def test_an_early_refusal_arrives(serve: Starter) -> None:
    """An upstream that refuses after the head is heard, though the client still sends."""
    with _Sink(refuses=True) as sink:
        gaud = serve(acme=AcmeSettings(url=sink.url), kind=Everything)
        with gaud.wire() as wire:
            wire.send(head_of("POST", PATH, [*FORM, ("content-length", "900000")]) + MODEL + FILE)
            answered = wire.answer()
    assert (answered.status, answered.json) == (401, {"error": {"message": "no"}})


def test_time_runs_for_the_upstream_alone(serve: Starter) -> None:
    """How long an upload takes is not its fault; once it has all of it, or takes nothing more, it is."""
    with _Sink() as sink:
        settings = AcmeSettings(url=sink.url, first_byte_secs=0.3)
        gaud = serve(acme=settings, kind=Everything)
        with gaud.wire() as wire:
            length = str(len(MODEL + FILE + END))
            wire.send(head_of("POST", PATH, [*FORM, ("content-length", length)]) + MODEL + FILE)
            eventually(lambda: sink.got)
            time.sleep(0.5)  # the client's own slowness, which no clock of ours can stand for
            wire.send(END)
            assert wire.answer().status == 200
    with _Sink(deaf=True) as sink:
        gaud = serve(acme=AcmeSettings(url=sink.url, first_byte_secs=0.3), kind=Everything)
        assert _sent(gaud, MODEL + FILE + END).status == 504


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=b", "multipart/form-data", "text/plain"]
)
def test_nobody_uploads_without_a_key(serve: Starter, upstream: ScriptedUpstream, content_type: str) -> None:
    """The key is looked at before anything else, also before the rest of the form has come."""
    gaud = serve(acme=AcmeSettings(url=upstream.url), kind=Everything, key=ADMIN)
    head = head_of("POST", "/v1/files", [("content-type", content_type), ("content-length", "900000")])
    with gaud.wire() as wire:
        wire.send(head + FILE)
        assert wire.answer().status == 401


def test_json_where_a_form_is_wanted(gaud: Served) -> None:
    """Files take forms alone, and say so."""
    answered = gaud.send(head_of("POST", "/v1/files", [("content-length", "2")]) + b"{}")
    assert (answered.status, answered.error["code"]) == (415, "form_expected")


def test_a_file_that_is_long_passes(serve: Starter) -> None:
    """200 MB up and 200 MB down, while gateway, client and upstream together grow by less than 20."""
    with _Sink() as sink:
        gaud = serve(acme=AcmeSettings(url=sink.url), kind=Everything)
        _grown(gaud, sink, 5)  # warm
        for path in (PATH, "/v1/files"):
            assert _grown(gaud, sink, 200, path) < 20 * MB


def _grown(gaud: Served, sink: _Sink, megabytes: int, path: str = PATH) -> int:
    """Send so much, compare what arrives, and give how much the process has grown at most."""
    before, most = _resident(), 0
    piece, length = b"\r\n--boun" * (MB // 8), len(MODEL + FILE + END) + megabytes * MB
    sent = hashlib.sha256(MODEL + FILE)
    with gaud.wire(timeout=60) as wire:
        wire.send(head_of("POST", path, [*FORM, ("content-length", str(length))]) + MODEL + FILE)
        for _ in range(megabytes):
            wire.send(piece)
            sent.update(piece)
            most = max(most, _resident() - before)
        wire.send(END)
        sent.update(END)
        assert wire.answer().status == 200
    if path != PATH:
        assert sink.digest == sent.hexdigest()
    assert sink.got == length - (len(b"acme:") if path == PATH else 0)
    return most


@pytest.mark.parametrize("path", ["/v1/files/file-1/content"])
@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
def test_a_long_download_passes(
    gaud: Served, upstream: ScriptedUpstream, path: str, framing: Framing
) -> None:
    """200 MB of a file, while the process grows by less than 20."""
    endless = Answer.endless(b"x" * 262144, 200 * MB, framing)
    upstream.add(attrs.evolve(endless, headers=(("content-type", "audio/mpeg"),)))
    before, most, got = _resident(), 0, 0
    with gaud.wire(timeout=60) as wire:
        wire.send(head_of("GET", path, []))
        for number, piece in enumerate(wire.pieces(wire.head())):
            got += len(piece)
            if number % 64 == 0:
                most = max(most, _resident() - before)
    assert got == 200 * MB
    assert most < 20 * MB
    assert settled(gaud)[0].status == 200


def test_speech_comes_as_it_is_made(gaud: Served, upstream: ScriptedUpstream) -> None:
    """The first bytes of a file are at the client before the last are at the gateway."""
    gate = Signal()
    upstream.add(Answer.stream([b"ID3", gate, b"end"], content_type="audio/mpeg"))
    body = b'{"model":"acme:m","input":"Hi"}'
    with gaud.wire() as wire:
        wire.send(head_of("POST", "/v1/audio/speech", [("content-length", str(len(body)))]) + body)
        # the last piece is held back until the call is booked
        pieces = wire.pieces(wire.head())
        gate.set()
        assert b"".join(pieces) == b"ID3end"


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class _Sink:
    """An upstream that counts what it gets and keeps none of it."""

    def __init__(self, *, refuses: bool = False, deaf: bool = False) -> None:
        self.got = self.length = 0
        self.digest = ""
        self.done = threading.Event()
        self._refuses = refuses
        self._deaf = deaf
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self._listening.close()

    def _serve(self) -> None:
        for peer in self._accepted():
            with peer:
                self._one(peer)

    def _accepted(self) -> Iterator[socket.socket]:
        while True:
            try:
                yield self._listening.accept()[0]
            except OSError:
                return

    def _one(self, peer: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.recv(65536)
        head, _, data = data.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self.length, self.got, hashed = int(lines[b"content-length"]), 0, hashlib.sha256()
        if self._refuses:
            self._answer(peer, b"401 Unauthorized", b'{"error":{"message":"no"}}')
            return
        while True:
            self.got += len(data)
            hashed.update(data)
            if self.got >= self.length or not (data := peer.recv(65536)):
                break
        if self._deaf:
            self.done.wait(5)
            return
        self.digest = hashed.hexdigest()
        self.done.set()
        self._answer(peer, b"200 OK", b'{"text":"Hi"}')

    def _answer(self, peer: socket.socket, status: bytes, body: bytes) -> None:
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d" % len(body)
        peer.sendall(b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n\r\n" + body)
