"""The rehearsal model itself, asked by the real clients of each dialect."""

import base64
import io
import json
import re
import struct
import time
import urllib.request
import zlib

import anthropic
import httpx2
import openai
import pytest

from harness import TOP

CARD = re.compile(r"\b4\d{15}\b")
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
              "required": ["city"]}
FUNCTION = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
TOOL = {"name": "weather", "description": "The weather.", "input_schema": PARAMETERS}


@pytest.fixture
def open_ai(rehearsal):
    return openai.OpenAI(base_url=rehearsal.url + "/v1", api_key="none", max_retries=0, timeout=20)


@pytest.fixture
def claude(rehearsal):
    return anthropic.Anthropic(base_url=rehearsal.url, api_key="none", max_retries=0, timeout=20)


def options(text):
    return {"extra_headers": {"x-rehearsal": text}}


def say(text):
    return [{"role": "user", "content": text}]


def sound(data=b"\x00\x01\r\n--sound" * 5000, name="talk.wav"):
    file = io.BytesIO(data)
    file.name = name
    return file


# Responses

def test_a_response_is_whole_and_typed(open_ai):
    response = open_ai.responses.create(model="rehearsal", instructions="Be brief.", input="Of rivers.")
    assert response.status == "completed" and response.incomplete_details is None and response.error is None
    assert "not a language model" in response.output_text
    assert [item.type for item in response.output] == ["message"] and response.output[0].content[0].annotations == []
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.instructions == "Be brief." and response.id.startswith("resp_")
    again = open_ai.responses.create(model="rehearsal", instructions="Be brief.", input=say("Of rivers."))
    assert again.output_text == response.output_text and again.id != response.id


@pytest.mark.parametrize("more", [{}, {"max_output_tokens": 20}, {"tools": [FUNCTION], "tool_choice": "required"},
                                  {"reasoning": {"effort": "low", "summary": "auto"}}])
def test_the_clients_own_accumulator_builds_the_response(open_ai, more):
    """`responses.stream` builds the response from the events, and refuses those out of order."""
    with open_ai.responses.stream(model="rehearsal", input="Of rivers.", **more) as stream:
        events = list(stream)
        # The client takes no incomplete response for a final one.
        final = events[-1].response if "max_output_tokens" in more else stream.get_final_response()
    plain = open_ai.responses.create(model="rehearsal", input="Of rivers.", **more)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == ("response.incomplete" if "max_output_tokens" in more else "response.completed")
    assert final.output_text == plain.output_text and final.usage == plain.usage and final.status == plain.status
    assert [item.type for item in final.output] == [item.type for item in plain.output]
    if more.get("reasoning"):
        assert final.output[0].type == "reasoning" and final.output[0].summary[0].text
    if more.get("tools"):
        assert json.loads(final.output[0].arguments)["city"] == json.loads(plain.output[0].arguments)["city"]


def test_a_function_is_called_and_its_output_read(open_ai):
    first = open_ai.responses.create(model="rehearsal-tools", input="Weather?", tools=[FUNCTION])
    call = first.output[0]
    assert (call.type, call.name, call.status) == ("function_call", "weather", "completed")
    items = [*say("Weather?"), call.to_dict(), {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}]
    assert open_ai.responses.create(model="rehearsal", input=items).output_text


def test_a_response_can_fail_in_its_middle(open_ai):
    types = [event.type for event in open_ai.responses.create(
        model="rehearsal", input="x", stream=True, **options("fault=error-mid-stream;after=2"))]
    assert types[-2:] == ["response.output_text.delta", "error"]
    last = list(open_ai.responses.create(model="rehearsal", input="x", stream=True, **options("fault=failed")))[-1]
    assert last.type == "response.failed" and last.response.error.code == "server_error"


# Messages

def test_a_message_is_whole_and_typed(claude):
    message = claude.messages.create(
        model="rehearsal", max_tokens=1000, system=[{"type": "text", "text": "Be brief."}], messages=say("Of rivers."))
    assert message.stop_reason == "end_turn" and message.id.startswith("msg_") and message._request_id.startswith("req_")
    assert "not a language model" in message.content[0].text
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    cut = claude.messages.create(model="rehearsal", max_tokens=5, messages=say("Of rivers."))
    assert cut.stop_reason == "max_tokens" and cut.usage.output_tokens == 5
    stopped = claude.messages.create(
        model="rehearsal-echo", max_tokens=50, stop_sequences=[" of"], messages=say("One of two."))
    assert (stopped.stop_reason, stopped.stop_sequence, stopped.content[0].text) == ("stop_sequence", " of", "One")


@pytest.mark.parametrize("model, more", [
    ("rehearsal", {}), ("rehearsal", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    ("rehearsal-tools?calls=2", {"tools": [TOOL]}), ("rehearsal", {"tools": [TOOL], "tool_choice": {"type": "any"}}),
    ("rehearsal-violating?split=4", {})])
def test_the_clients_own_accumulator_builds_the_message(claude, model, more):
    asked = {"model": model, "max_tokens": 5000, "messages": say("Of rivers."), **more}
    with claude.messages.stream(**asked) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_message()
    plain = claude.messages.create(**asked)
    assert final.stop_reason == plain.stop_reason and final.usage.output_tokens == plain.usage.output_tokens
    for streamed, whole in zip(final.content, plain.content, strict=True):
        assert streamed.type == whole.type
        for name in ("text", "thinking", "input", "name"):
            assert getattr(streamed, name, None) == getattr(whole, name, None)
    assert events[0] == "message_start" and events[-1] == "message_stop"
    if "thinking" in more:
        assert final.content[0].signature and plain.content[0].signature
    if "tools" in more:
        assert final.stop_reason == "tool_use" and final.content[0].input["city"]


def test_a_tool_result_is_read(claude):
    first = claude.messages.create(model="rehearsal-tools", max_tokens=500, messages=say("Weather?"), tools=[TOOL])
    use = first.content[0]
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "Rain."}]}
    turns = [*say("Weather?"), {"role": "assistant", "content": [use.to_dict()]}, {"role": "user", "content": [result]}]
    second = claude.messages.create(model="rehearsal", max_tokens=500, messages=turns, tools=[TOOL])
    assert second.stop_reason == "end_turn" and second.content[0].text


def test_tokens_are_counted(claude):
    count = claude.messages.count_tokens(model="rehearsal", messages=say("Of rivers."), system="Be brief.")
    message = claude.messages.create(model="rehearsal", max_tokens=10, messages=say("Of rivers."), system="Be brief.")
    assert count.input_tokens == message.usage.input_tokens


ANTHROPIC_ERRORS = {
    400: (anthropic.BadRequestError, "invalid_request_error"), 401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"), 404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.APIStatusError, "request_too_large"), 429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"), 529: (anthropic.APIStatusError, "overloaded_error")}


@pytest.mark.parametrize("status", ANTHROPIC_ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_messages_raise_typed_errors(claude, status, stream):
    kind, name = ANTHROPIC_ERRORS[status]
    with pytest.raises(kind) as error:
        claude.messages.create(model="rehearsal", max_tokens=10, messages=say("x"), stream=stream,
                               **options(f"error={status}"))
    assert error.value.status_code == status and error.value.body["error"]["type"] == name
    assert error.value.request_id == error.value.body["request_id"]


def test_a_message_can_fail_in_its_middle(claude):
    text = ""
    with pytest.raises(anthropic.APIStatusError) as error:
        with claude.messages.stream(model="rehearsal", max_tokens=100, messages=say("x"),
                                    **options("error=529;fault=error-mid-stream;after=4")) as stream:
            for piece in stream.text_stream:
                text += piece
    assert text and error.value.body["error"]["type"] == "overloaded_error"


# Transcriptions

def test_a_transcript_follows_from_the_sound_and_the_prompt(open_ai):
    def text(**more):
        return open_ai.audio.transcriptions.create(**({"model": "rehearsal", "file": sound()} | more)).text
    assert "not a language model" in text() and text() == text()
    assert len({text(), text(file=sound(b"other")), text(prompt="Names: Ada.")}) == 3
    assert text(model="rehearsal-echo", prompt="Ada, Mira") == "Ada, Mira"
    answer = open_ai.audio.transcriptions.create(model="rehearsal", file=sound(), include=["logprobs"])
    assert "".join(entry.token for entry in answer.logprobs) == answer.text
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_transcripts_come_in_every_format(open_ai):
    def ask(form, **more):
        return open_ai.audio.transcriptions.create(model="rehearsal", file=sound(), response_format=form, **more)
    text = ask("json").text
    assert ask("text").strip() == text
    assert re.match(r"1\n00:00:00,000 --> 00:00:03,000\n\S", ask("srt"))
    assert re.match(r"WEBVTT\n\n00:00:00\.000 --> 00:00:03\.000\n\S", ask("vtt"))
    verbose = ask("verbose_json", timestamp_granularities=["word", "segment"], language="de")
    assert "".join(segment.text for segment in verbose.segments) == "".join(word.word for word in verbose.words) == text
    assert verbose.language == "de" and verbose.duration == verbose.segments[-1].end


def test_a_transcript_is_streamed_in_as_many_pieces_as_asked_for(open_ai):
    events = list(open_ai.audio.transcriptions.create(
        model="rehearsal?violation=card&split=5", file=sound(), stream=True))
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert events[-1].type == "transcript.text.done" and events[-1].usage.output_tokens == len(events) - 1
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    assert CARD.search(events[-1].text) and not any(CARD.search(event.delta) for event in events[:-1])


# Images

def pixels(png):
    """Width, height and the number of colours of a PNG, each of its chunks checked by its sum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data, size = 8, b"", None
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place:place + 8])
        body = png[place + 8:place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length:place + 12 + length])[0] == zlib.crc32(kind + body)
        size = struct.unpack(">IIBB", body[:10]) if kind == b"IHDR" else size
        data += body if kind == b"IDAT" else b""
        place += 12 + length
    assert kind == b"IEND" and size[2:] == (8, 2)
    width, height = size[:2]
    rows = zlib.decompress(data)
    assert len(rows) == height * (1 + 3 * width) and not any(rows[::1 + 3 * width])
    row = [rows[y * (1 + 3 * width) + 1:(y + 1) * (1 + 3 * width)] for y in range(height)]
    return width, height, len({line[x:x + 3] for line in row for x in range(0, len(line), 3)})


def test_images_are_pictures(open_ai, rehearsal):
    answer = open_ai.images.generate(model="rehearsal", prompt="A ferry.", n=3, size="1024x1024")
    images = [base64.b64decode(image.b64_json, validate=True) for image in answer.data]
    assert len(set(images)) == 3 and {pixels(image) for image in images} == {(16, 16, 2)}
    assert answer.size == "16x16" and answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    linked = open_ai.images.generate(model="rehearsal", prompt="A ferry.", response_format="url")
    assert linked.data[0].url.startswith(rehearsal.url)
    assert urllib.request.urlopen(linked.data[0].url).read() == images[0]


def test_an_images_prompt_may_violate(open_ai):
    image = open_ai.images.generate(model="rehearsal?violation=card", prompt="A ferry.").data[0]
    assert CARD.search(image.revised_prompt)


# All of OpenAI's

ASKS = {
    "responses": lambda client, **more: client.responses.create(**{"model": "rehearsal", "input": "x", **more}),
    "transcriptions": lambda client, **more: client.audio.transcriptions.create(
        **{"model": "rehearsal", "file": sound(), **more}),
    "images": lambda client, **more: client.images.generate(**{"model": "rehearsal", "prompt": "x", **more}),
}
OPENAI_ERRORS = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError,
    404: openai.NotFoundError, 429: openai.RateLimitError, 500: openai.InternalServerError,
    503: openai.InternalServerError}


@pytest.mark.parametrize("status", OPENAI_ERRORS)
@pytest.mark.parametrize("ask", ASKS)
def test_openais_clients_raise_typed_errors(open_ai, ask, status):
    with pytest.raises(OPENAI_ERRORS[status]) as error:
        ASKS[ask](open_ai, **options(f"error={status};code=rehearsed"))
    assert error.value.code == "rehearsed" and error.value.type


@pytest.mark.parametrize("ask", ASKS)
def test_unknown_models_and_wrong_requests_are_refused(open_ai, ask):
    with pytest.raises(openai.NotFoundError) as error:
        ASKS[ask](open_ai, model="gpt")
    assert error.value.code == "model_not_found"
    wrong = {"responses": {"input": []}, "transcriptions": {"file": sound(name="a.txt")}, "images": {"n": 100}}[ask]
    with pytest.raises(openai.BadRequestError) as error:
        ASKS[ask](open_ai, **wrong)
    assert error.value.param in wrong


def streamed_text(open_ai, claude, ask, fault):
    """The text of a stream, as far as it comes."""
    if ask == "messages":
        events = claude.messages.create(
            model="rehearsal", max_tokens=100, messages=say("x"), stream=True, **options(fault))
        return "".join(event.delta.text for event in events if event.type == "content_block_delta")
    events = ASKS[ask](open_ai, stream=True, **options(fault))
    return "".join(event.delta for event in events if event.type.endswith("text.delta"))


STREAMED = ["responses", "transcriptions", "messages"]


@pytest.mark.parametrize("fault", ["reset-mid-stream", "truncated", "truncated-event", "bad-chunk", "reset", "close"])
@pytest.mark.parametrize("ask", STREAMED)
def test_streams_break_off(open_ai, claude, ask, fault):
    with pytest.raises((openai.APIConnectionError, anthropic.APIConnectionError, httpx2.TransportError)):
        streamed_text(open_ai, claude, ask, f"fault={fault}")


@pytest.mark.parametrize("fault", ["unusual-events", "drip;drip=10us", "no-usage"])
@pytest.mark.parametrize("ask", STREAMED)
def test_what_a_reader_must_take_is_taken(open_ai, claude, ask, fault):
    text = streamed_text(open_ai, claude, ask, "ttft=0ms")
    assert text and streamed_text(open_ai, claude, ask, f"fault={fault}") == text


def test_a_rate_is_kept(open_ai, claude):
    begin = time.monotonic()
    list(open_ai.responses.create(model="rehearsal?rate=100&tokens=31", input="x", stream=True))
    list(open_ai.audio.transcriptions.create(model="rehearsal?rate=100&tokens=31", file=sound(), stream=True))
    claude.messages.create(model="rehearsal?rate=100&tokens=30", max_tokens=100, messages=say("x"))
    assert time.monotonic() - begin >= 0.9


def test_the_reference_names_every_option_and_what_it_takes(open_ai):
    page = (TOP / "docs/reference/rehearsal.md").read_text()

    def listed(option):
        with pytest.raises(openai.BadRequestError) as error:
            open_ai.responses.create(model="rehearsal", input="x", **options(option))
        return re.search(r"Use one of: (.+)\.", error.value.message).group(1).split(", ")

    named = [*listed("none=1"), *(name for option in ("fault", "shape", "style", "violation", "disguise", "in")
                                  for name in listed(f"{option}=none"))]
    assert len(named) > 60
    assert [name for name in named if f"`{name}`" not in page] == []
