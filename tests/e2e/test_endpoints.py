"""Every endpoint with OpenAI's and Anthropic's own SDKs through Gaud and the real LiteLLM."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from gaud_core.testing import Answer, ScriptedUpstream, Seen, sse

from .clients import HI, claude_sdk
from .gaud_server import KEY, Gaud

pytestmark = pytest.mark.litellm

USAGE = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
OUTPUT = [
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Grüße", "annotations": []}],
    }
]
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1790000000, "status": "completed", "model": "m",
    "output": OUTPUT, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": USAGE,
}  # fmt: skip
FILE = {
    "id": "file-1", "object": "file", "bytes": 3, "created_at": 1790000000, "filename": "b.jsonl",
    "purpose": "batch", "status": "processed",
}  # fmt: skip
BATCH = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
    "completion_window": "24h", "status": "validating", "created_at": 1790000000,
}  # fmt: skip
LINE = (
    b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-x","messages":[]}}'
)
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "Grüße"}],
    "usage": {"input_tokens": 5, "output_tokens": 7},
}  # fmt: skip


@pytest.fixture
def claude(gaud: Gaud) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK on the session's gateway."""
    with claude_sdk(gaud.url) as made:
        yield made


def _booked(gaud: Gaud, endpoint: str) -> dict[str, Any]:
    """The newest call on an endpoint in the books."""
    rows = gaud.get("/admin/usage?per_page=20").json()["data"]
    found: dict[str, Any] = next(row for row in rows if row["endpoint"] == endpoint)
    return found


def test_embeddings(client: openai.OpenAI, gaud: Gaud) -> None:
    """A mocked one has its vector and its tokens."""
    answer = client.embeddings.create(model="litellm:mock-embedding", input=["Hi", "Ho"])
    assert answer.data[0].embedding == [0.5, -1.5]
    assert _booked(gaud, "embeddings")["input_tokens"] == answer.usage.prompt_tokens > 0


def test_completions(client: openai.OpenAI, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Whole and streamed."""
    choice = {"index": 0, "text": "Grüße", "logprobs": None, "finish_reason": "stop"}
    whole = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "scripted",
        "choices": [choice],
    }
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    upstream.add(Answer.json(whole | {"usage": usage}))
    answer = client.completions.create(model="litellm:scripted-text", prompt="Hi", max_tokens=9)
    assert answer.choices[0].text == "Grüße"
    assert _booked(gaud, "completions")["output_tokens"] == 7
    events = [sse(whole), sse(whole | {"choices": [], "usage": usage}), sse("[DONE]")]
    upstream.add(Answer.stream(events))
    chunks = client.completions.create(model="litellm:scripted-text", prompt="Hi", stream=True)
    assert "".join(chunk.choices[0].text or "" for chunk in chunks if chunk.choices) == "Grüße"


def test_responses(client: openai.OpenAI, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Made, streamed, asked for again, continued, listed, cancelled and deleted."""
    upstream.default = _responses
    made = client.responses.create(model="litellm:scripted", input="Hi")
    assert made.output_text == "Grüße"
    assert _booked(gaud, "responses")["output_tokens"] == 7
    assert client.responses.retrieve(made.id).output_text == "Grüße"
    assert client.responses.input_items.list(made.id).data[0].id == "msg_0"
    more = client.responses.create(model="litellm:scripted", input="And?", previous_response_id=made.id)
    assert more.output_text == "Grüße"
    with client.responses.stream(model="litellm:scripted", input="Hi") as stream:
        assert stream.get_final_response().output_text == "Grüße"
    assert client.responses.cancel(made.id).status == "completed"
    client.responses.delete(made.id)
    assert _booked(gaud, "responses")["cost_usd"] == 0


def _responses(seen: Seen) -> Answer:
    """Play OpenAI's Responses."""
    if seen.path.endswith("/input_items"):
        return Answer.json(
            {"object": "list", "data": [{"id": "msg_0", "type": "message"}], "has_more": False}
        )
    if seen.method == "DELETE":
        return Answer.json({"id": "resp_1", "object": "response", "deleted": True})
    if seen.method == "POST" and seen.body and seen.json.get("stream"):
        return Answer.stream(_response_events())
    return Answer.json(RESPONSE)


def _response_events() -> list[bytes]:
    begun = RESPONSE | {"status": "in_progress", "output": [], "usage": None}
    item = OUTPUT[0] | {"content": [], "status": "in_progress"}
    part = {"type": "output_text", "text": "", "annotations": []}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **at, "part": part},
        {"type": "response.output_text.delta", **at, "delta": "Grüße", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": OUTPUT[0]},
        {"type": "response.completed", "response": RESPONSE},
    ]
    return [sse(event | {"sequence_number": number}) for number, event in enumerate(events)]


def test_messages(claude: anthropic.Anthropic, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Whole, streamed with `ping`, counted; the headers of Anthropic reach the upstream behind LiteLLM."""
    upstream.add(Answer.json(MESSAGE), Answer.stream(_message_events()), Answer.json({"input_tokens": 9}))
    ask: dict[str, Any] = {"model": "litellm:claude-scripted", "messages": HI}
    answer = claude.messages.create(max_tokens=16, extra_headers={"anthropic-beta": "x-2026"}, **ask)
    assert answer.content[0].to_dict()["text"] == "Grüße"
    assert "x-2026" in (upstream.calls[0].header("anthropic-beta") or "")
    row = _booked(gaud, "messages")
    assert (row["input_tokens"], row["output_tokens"]) == (5, 7)
    with claude.messages.stream(max_tokens=16, **ask) as stream:
        assert stream.get_final_text() == "Grüße"
    assert _booked(gaud, "messages")["output_tokens"] == 7
    assert claude.messages.count_tokens(**ask).input_tokens > 0
    assert _booked(gaud, "messages/count_tokens")["cost_usd"] == 0


def _message_events() -> list[bytes]:
    begun = MESSAGE | {"content": [], "stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüße"}}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        delta,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\n".encode() + sse(event) for event in events]


def test_errors_of_messages(claude: anthropic.Anthropic, upstream: ScriptedUpstream) -> None:
    """Each is the class that Anthropic's SDK has for it, whoever raises it."""
    ask: dict[str, Any] = {"max_tokens": 16, "messages": HI}
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="nobody:x", **ask)
    upstream.add(Answer.json({"type": "error", "error": {"type": "rate_limit_error", "message": "no"}}, 429))
    with pytest.raises(anthropic.RateLimitError) as refused:
        claude.messages.create(model="litellm:claude-scripted", **ask)
    body: Any = refused.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "rate_limit_error")
    upstream.add(Answer.unterminated(_message_events()[:4]))
    with (
        pytest.raises(anthropic.APIError),
        claude.messages.stream(model="litellm:claude-scripted", **ask) as stream,
    ):
        stream.until_done()


def test_anthropic_models(claude: anthropic.Anthropic) -> None:
    """The list is Anthropic's, page by page."""
    names = [model.id for model in claude.models.list(limit=7)]
    assert len(names) > 7
    assert "litellm:claude-scripted" in names
    assert claude.models.retrieve("litellm:claude-scripted").type == "model"


def test_images(client: openai.OpenAI, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Made and edited: counted as images, with their tokens."""
    details = {"input_tokens_details": {"image_tokens": 0, "text_tokens": 5}}
    made = {"created": 1, "data": [{"b64_json": "aGk="}], "usage": USAGE | details}
    upstream.add(Answer.json(made), Answer.json(made))
    answer = client.images.generate(model="litellm:scripted-image", prompt="A parrot")
    assert answer.data
    assert answer.data[0].b64_json == "aGk="
    row = _booked(gaud, "images/generations")
    assert (row["quantity"], row["unit"], row["output_tokens"]) == (1, "images", 7)
    edited = client.images.edit(
        model="litellm:scripted-image", prompt="x", image=("a.png", b"PNG", "image/png")
    )
    assert edited.data
    assert b"PNG" in upstream.calls[-1].body
    assert _booked(gaud, "images/edits")["unit"] == "images"


def test_audio(client: openai.OpenAI, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Spoken, and heard again; the model's name crosses in a form as well."""
    upstream.add(Answer.whole(b"ID3 sound", content_type="audio/mpeg"), Answer.json({"text": "Grüße"}))
    with client.audio.speech.with_streaming_response.create(
        model="litellm:scripted-tts", voice="alloy", input="Grüße"
    ) as answer:
        assert answer.read() == b"ID3 sound"
    row = _booked(gaud, "audio/speech")
    assert (row["quantity"], row["unit"]) == (5, "characters")
    sound = ("a.mp3", io.BytesIO(b"ID3 sound"), "audio/mpeg")
    heard = client.audio.transcriptions.create(model="litellm:scripted-stt", file=sound)
    assert heard.text == "Grüße"
    assert b"ID3 sound" in upstream.calls[-1].body
    assert _booked(gaud, "audio/transcriptions")["status"] == 200


def test_moderations_and_rerank(client: openai.OpenAI, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Short answers in JSON."""
    result = {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}
    upstream.add(Answer.json({"id": "modr-1", "model": "m", "results": [result]}))
    assert (
        client.moderations.create(model="litellm:scripted-moderation", input="Hi").results[0].flagged is False
    )
    ranked = {
        "id": "rr",
        "results": [{"index": 0, "relevance_score": 0.9}],
        "meta": {"billed_units": {"search_units": 1}},
    }
    upstream.add(Answer.json(ranked))
    body = {"model": "litellm:scripted-rerank", "query": "capital", "documents": ["Bern"]}
    answer = httpx.post(
        f"{gaud.url}/v1/rerank",
        json=body,
        headers={"authorization": f"Bearer {KEY}"},
        trust_env=False,
        timeout=30,
    )
    assert answer.json()["results"][0]["relevance_score"] == 0.9


def test_files_and_batches(client: openai.OpenAI, gaud: Gaud, upstream: ScriptedUpstream) -> None:
    """Uploaded, listed, made a batch of, downloaded, deleted."""
    upstream.default = _files
    provider = {"x-gaud-provider": "litellm"}
    made = client.files.create(file=("b.jsonl", LINE), purpose="batch", extra_headers=provider)
    assert LINE in upstream.calls[-1].body
    assert client.files.retrieve(made.id).id == made.id
    batch = client.batches.create(
        input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert client.batches.retrieve(batch.id).id == batch.id
    assert [one.id for one in client.batches.list(extra_headers=provider)] == [batch.id]
    assert [one.id for one in client.files.list(extra_headers=provider)] == [made.id]
    assert client.files.content(made.id).read() == b'{"b":2}'
    assert client.files.delete(made.id).deleted
    assert _booked(gaud, "files")["cost_usd"] == 0
    assert _booked(gaud, "batches")["status"] == 200


def _files(seen: Seen) -> Answer:
    """Play OpenAI's files and batches; another user's file is in the list."""
    path = seen.path.removeprefix("/v1/")
    if path == "files" and seen.method == "GET":
        return Answer.json({"object": "list", "data": [FILE], "has_more": False})
    if path == "batches" and seen.method == "GET":
        return Answer.json({"object": "list", "data": [BATCH], "has_more": False})
    if path.endswith("/content"):
        return Answer.whole(b'{"b":2}')
    if seen.method == "DELETE":
        return Answer.json({"id": "file-1", "object": "file", "deleted": True})
    return Answer.json(BATCH if path.startswith("batches") else FILE)
