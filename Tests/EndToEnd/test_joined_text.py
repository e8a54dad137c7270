"""Text that client libraries lay end to end is screened as one text, in however many places a model server tells it."""

import json

import anthropic
import openai
import pytest
from harness import Steward
from speakers import sound

CARD = "4111" + "1111" * 3
KEY = "-----BEGIN PRIVATE KEY-----"
REDACTED = "[redacted:pii.card]"
USAGE = {"input_tokens": 3, "output_tokens": 4}
# Nobody's, and two that people write.
CUTS = [("So 4", "111111111111111 ok"), (f"So {CARD[:8]}", f"{CARD[8:]} ok"), ("So 4111 1111 ", "1111 1111 ok"),
        ("So 411111111111111", "1 ok"), ("So 4111-", "1111-1111-11", "11 ok"), ("So 41", "1111111111111", "1 ok")]


def redacted(pieces):
    return f"So {REDACTED * len(pieces)} ok"


def streamed(pieces):
    """As it is streamed where something else comes between: three digits at most leave before the rest tells what they are."""
    begin = pieces[0].removeprefix("So ")
    return f"So {begin}{REDACTED * (len(pieces) - 1)} ok" if len(begin) <= 3 else redacted(pieces)


@pytest.fixture(scope="module")
def steward(tmp_path_factory, canned):
    models = [{"name": "small", "admit_unscreened": ["audio"], "upstreams": [{"name": "canned", "url": canned.url}]}]
    server = Steward(tmp_path_factory.mktemp("joined"), upstream=canned.url, models=models)
    yield server
    server.stop()


def claude(steward):
    return anthropic.Anthropic(base_url=steward.gateway, api_key=steward.key, max_retries=0, timeout=30)


def ask_claude(steward, **more):
    return {"model": "small", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi."}]} | more


# MARK: Messages

def block_events(index, block, *deltas):
    start = {"type": "content_block_start", "index": index, "content_block": block}
    return [start, *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index}]


def message(content, reason=None):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "small", "content": content,
            "stop_reason": reason, "stop_sequence": None, "usage": USAGE}


def message_events(pieces, with_tools):
    events = [{"type": "message_start", "message": message([])}]
    for number, piece in enumerate(pieces):
        index = 2 * number if with_tools else number
        events += block_events(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": piece})
        if with_tools:
            events += block_events(index + 1, {"type": "tool_use", "id": f"toolu_{number}", "name": "find", "input": {}},
                                   {"type": "input_json_delta", "partial_json": "{}"})
    return [*events, {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
            {"type": "message_stop"}]


@pytest.mark.parametrize("with_tools", [False, True], ids=["side by side", "with tools between"])
@pytest.mark.parametrize("pieces", CUTS)
def test_a_number_over_blocks_of_a_message(steward, canned, pieces, with_tools):
    canned.stream(*message_events(pieces, with_tools))
    with claude(steward).messages.stream(**ask_claude(steward)) as stream:
        text = stream.get_final_text()
        got = stream.get_final_message()
        identifier = stream.response.headers["request-id"]
    assert text == (streamed(pieces) if with_tools else redacted(pieces))
    assert [block.type for block in got.content] == ["text", "tool_use"][:1 + with_tools] * len(pieces)
    assert got.stop_reason == "end_turn"
    canned.say(message([{"type": "text", "text": piece} for piece in pieces], "end_turn"))
    plain = claude(steward).messages.create(**ask_claude(steward))
    assert "".join(block.text for block in plain.content) == redacted(pieces)
    assert steward.record(identifier)["completion_verdict"] == "redact"


def test_a_key_over_blocks_of_a_message(steward, canned):
    canned.stream(*message_events(["So -----BEGIN PRI", "VATE KEY-----\nMII", " and more"], False))
    with claude(steward).messages.stream(**ask_claude(steward)) as stream:
        got = stream.get_final_message()
    said = "".join(block.text for block in got.content)
    assert got.stop_reason == "refusal" and "So -----BEGIN PRIVATE KEY-----".startswith(said) and KEY not in said


def test_what_only_looks_like_a_number_leaves_in_its_own_block(steward, canned):
    canned.stream(*message_events(["In 2024", "In 1999", "4111 1"], True))
    with claude(steward).messages.stream(**ask_claude(steward)) as stream:
        got = stream.get_final_message()
    assert [block.text for block in got.content if block.type == "text"] == ["In 2024", "In 1999", "4111 1"]


# MARK: Responses

def item(index, text, kind="output_text"):
    part = {"type": kind, "text": text} | ({"annotations": []} if kind == "output_text" else {})
    if kind == "summary_text":
        return {"id": f"rs_{index}", "type": "reasoning", "summary": [part]}
    return {"id": f"msg_{index}", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def response(output, status="completed"):
    return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": None, "model": "small",
            "incomplete_details": None, "output": output, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "usage": USAGE | {"total_tokens": 7, "input_tokens_details": {"cached_tokens": 0},
                              "output_tokens_details": {"reasoning_tokens": 0}}}


def response_events(pieces, kind="output_text"):
    name, place, part = {"output_text": ("output_text", "content_index", "content_part"),
                         "summary_text": ("reasoning_summary_text", "summary_index", "reasoning_summary_part")}[kind]
    events = [{"type": "response.created", "response": response([], "in_progress")}]
    for index, text in enumerate(pieces):
        whole = item(index, text, kind)
        inner = (whole.get("content") or whole.get("summary"))[0]
        at = {"item_id": whole["id"], "output_index": index, place: 0}
        empty = {key: [] if key in ("content", "summary") else value for key, value in whole.items()}
        events += [{"type": "response.output_item.added", "output_index": index, "item": empty},
                   {"type": f"response.{part}.added", **at, "part": inner | {"text": ""}},
                   {"type": f"response.{name}.delta", **at, "delta": text, "logprobs": []},
                   {"type": f"response.{name}.done", **at, "text": text, "logprobs": []},
                   {"type": f"response.{part}.done", **at, "part": inner},
                   {"type": "response.output_item.done", "output_index": index, "item": whole}]
    events.append({"type": "response.completed", "response": response([item(*one, kind) for one in enumerate(pieces)])})
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def tellings(events, kind):
    """What is said, by how it is told."""
    def parts(item):
        return "".join(part.text for part in (item.content if kind == "output_text" else item.summary))

    said = dict.fromkeys(["delta", "text", "part", "item", "response"], "")
    for event in events:
        if event.type.endswith("text.delta"):
            said["delta"] += event.delta
        elif event.type.endswith("text.done"):
            said["text"] += event.text
        elif event.type.endswith("part.done"):
            said["part"] += event.part.text
        elif event.type == "response.output_item.done":
            said["item"] += parts(event.item)
        elif event.type == "response.completed":
            said["response"] += "".join(map(parts, event.response.output))
    return said


@pytest.mark.parametrize("kind", ["output_text", "summary_text"])
@pytest.mark.parametrize("pieces", CUTS)
def test_a_number_over_items_of_a_response_whichever_events_are_read(steward, canned, pieces, kind):
    canned.stream(*response_events(pieces, kind))
    events = list(steward.client().responses.create(model="small", input="Hi.", stream=True))
    assert tellings(events, kind) == dict.fromkeys(
        ["delta", "text", "part", "item", "response"], redacted(pieces))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    canned.say(response([item(*one, kind) for one in enumerate(pieces)]))
    plain = steward.client().responses.create(model="small", input="Hi.")
    assert CARD not in plain.model_dump_json() and plain.model_dump_json().count(REDACTED) == len(pieces)


def test_the_clients_own_snapshots_stay_in_step(steward, canned):
    canned.stream(*response_events(["In 2024", "In 1999", "4111 1"]))
    with steward.client().responses.stream(model="small", input="Hi.") as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        got = stream.get_final_response()
    assert got.output_text == "In 2024In 19994111 1"
    assert {"In 2024", "In 1999", "4111 1"} <= set(snapshots)


@pytest.mark.parametrize("pieces", CUTS)
def test_a_number_that_only_the_ends_of_items_tell(steward, canned, pieces):
    """Of events that tell all again, programs may read only those."""
    events = [event | {"delta": "Fine."} if "delta" in event else event for event in response_events(pieces)]
    canned.stream(*events)
    events = list(steward.client().responses.create(model="small", input="Hi.", stream=True))
    said = tellings(events, "output_text")
    assert said.pop("delta") == "Fine." * len(pieces)
    assert set(said.values()) == {redacted(pieces)}


@pytest.mark.parametrize("first", ["response.created", "response.output_item.added", "response.content_part.added"])
@pytest.mark.parametrize("pieces", [cut for cut in CUTS if len(cut) == 2])
def test_a_number_that_begins_before_the_first_delta(steward, canned, first, pieces):
    begun = item(0, pieces[0])
    beginning = {"response.created": {"response": response([begun], "in_progress")},
                 "response.output_item.added": {"output_index": 0, "item": begun},
                 "response.content_part.added": {"output_index": 0, "content_index": 0, "part": begun["content"][0]}}
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": pieces[1]}
    canned.stream({"type": first} | beginning[first], delta, {"type": "response.completed", "response": response([])})
    body = steward.post(json.dumps({"model": "small", "input": "Hi.", "stream": True}), "/v1/responses").body.decode()
    assert not any(char.isdigit() for char in "".join(pieces_of(body))) and REDACTED in body


def pieces_of(body):
    """Everything that an event stream says as text."""
    def texts(node):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from [value] if key in ("text", "delta") and isinstance(value, str) else texts(value)
        elif isinstance(node, list):
            for value in node:
                yield from texts(value)

    for line in body.split("\n"):
        if line.startswith("data: "):
            yield from texts(json.loads(line[6:]))


@pytest.mark.parametrize("order", [(1, 0), (0, 1, 0)])
def test_texts_that_are_told_out_of_order_are_a_malformed_answer(steward, canned, order):
    halves = {0: CARD[:8], 1: CARD[8:]}
    canned.stream(*({"type": "response.output_text.delta", "output_index": 0, "content_index": index,
                     "delta": halves[index]} for index in order))
    body = steward.post(json.dumps({"model": "small", "input": "Hi.", "stream": True}), "/v1/responses").body.decode()
    assert "upstream_malformed" in body


# MARK: Transcripts

def transcribe(steward, **more):
    return steward.client().audio.transcriptions.create(model="small", file=sound(), **more)


def cues(pieces, point):
    return "".join(f"{number}\n00:00:0{number}{point}000 --> 00:00:0{number}{point}900\n{piece}\n\n"
                   for number, piece in enumerate(pieces, 1))


@pytest.mark.parametrize("pieces", CUTS)
def test_a_number_over_segments_words_and_cues_of_a_transcript(steward, canned, pieces):
    canned.say({"text": "", "segments": [{"id": 0, "text": piece, "words": [{"word": piece}]} for piece in pieces],
                "words": [{"word": piece, "start": 0, "end": 1} for piece in pieces]})
    got = transcribe(steward, response_format="verbose_json")
    assert "".join(segment.text for segment in got.segments) == redacted(pieces)
    assert got.words == [] and [segment.words for segment in got.segments] == [[]] * len(pieces)
    for format, text in [("srt", cues(pieces, ",")), ("vtt", "WEBVTT\n\n" + cues(pieces, "."))]:
        canned.say(text.encode())
        got = transcribe(steward, response_format=format)
        assert got.count(REDACTED) == len(pieces) and got.count("-->") == len(pieces)
        assert not any(char.isdigit() for line in got.split("\n") if "ok" in line or "So" in line for char in line)
    canned.stream(*({"type": "transcript.text.segment", "id": f"s{number}", "start": 0, "end": 1, "speaker": "A",
                     "text": piece} for number, piece in enumerate(pieces)),
                  {"type": "transcript.text.done", "text": ""})
    events = list(transcribe(steward, stream=True))
    assert "".join(event.text for event in events) == streamed(pieces)


def test_a_key_over_words_and_segments_of_a_transcript(steward, canned):
    words = ["-----BEGIN", "PRIVATE", "KEY-----", "notakey" * 6]
    for body in [{"text": "", "words": [{"word": word} for word in words]},
                 {"text": "", "segments": [{"text": word} for word in words]}, cues(words, ",").encode()]:
        canned.say(body)
        with pytest.raises(openai.BadRequestError) as error:
            transcribe(steward, response_format="verbose_json" if isinstance(body, dict) else "srt")
        assert error.value.code == "content_policy_violation"


def test_subtitles_that_say_nothing_forbidden_pass_as_they_came(steward, canned):
    for text in [cues(["One.", "In 2024", "4111 1"], ","), "WEBVTT\n\nNOTE x\n\n" + cues(["<v Ann>One.", "Two."], ".")]:
        canned.say(text.encode())
        assert transcribe(steward, response_format="vtt") == text
