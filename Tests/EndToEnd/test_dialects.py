"""Every dialect keeps the same promises: what is found, blocked, broken off or refused comes out the same in each, told by
its own client in its own words."""

import base64
import json
import re

import anthropic
import httpx
import openai
import pytest
from harness import chat_body
from speakers import VISION, Chat, Completions, Messages, Responses, Speaker, Transcriptions, header, sound
from test_upstream_faults import BEFORE, MIDDLE, PLAIN

PROMPT = "Tell me about the harbour."
REDACTED = "[redacted:pii.card]"
SPEAKERS = [Chat, Completions, Responses, Messages, Transcriptions]
WAYS = ["plain", "stream"]


def claude(steward, key=None):
    return anthropic.Anthropic(
        base_url=steward.gateway, api_key=key or steward.key, max_retries=0, timeout=30)


@pytest.fixture(params=SPEAKERS, ids=lambda speaker: speaker.__name__.lower())
def speaker(request, steward):
    return request.param(steward)


@pytest.fixture
def model(speaker, rehearsal):
    """The same dialect, spoken to the model itself."""
    class Server:
        gateway, key = rehearsal.url, "none"

    direct = type(speaker)(Server)
    direct.model = "rehearsal"
    return direct.plain


@pytest.fixture
def record(steward, speaker):
    """What is on record of what was asked last."""
    return lambda: steward.record(speaker.ids[-1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("options", "verdict"), [
    ("", "allow"), ("violation=email", "flag"), ("violation=card", "redact"), ("violation=card;split=5", "redact"),
    ("violation=card;split=16;disguise=full-width", "redact")])
def test_the_verdict_and_the_text_are_the_same_in_every_dialect(speaker, record, model, way, options, verdict):
    said, _ = model(PROMPT, options)
    text, reason = getattr(speaker, way)(PROMPT, options)
    if verdict == "redact":
        expected, count = re.subn(r"[4\uff14][\d\uff10-\uff19]{15}", REDACTED, said)
        assert (count, text) == (1, expected)
    else:
        assert text == said
    assert reason != speaker.blocked or reason is None
    record = record()
    assert (record["outcome"], record["completion_verdict"]) == ("answered", verdict)
    assert record["dialect"].split("_")[1] == str(speaker)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_blocked_ends_in_the_dialects_own_words(speaker, record, way):
    options = "violation=private-key;split=7"
    if speaker.blocked is None:
        with pytest.raises(openai.APIError) as error:
            getattr(speaker, way)(PROMPT, options)
        assert error.value.code == "content_policy_violation"
    else:
        text, reason = getattr(speaker, way)(PROMPT, options)
        assert reason == speaker.blocked
        assert "PRIVATE KEY" not in text
    record = record()
    assert (record["outcome"], record["completion_verdict"]) == ("blocked", "block")
    assert record["clause"]


@pytest.mark.parametrize("way", WAYS)
def test_a_prompt_that_is_blocked_reaches_no_model(speaker, record, rehearsal, way):
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 4
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as error:
        getattr(speaker, way)(f"Keep this safe: {key}", "")
    assert "content_policy_violation" in json.dumps(error.value.body) and rehearsal.requests() == 0
    assert error.value.response.headers["x-should-retry"] == "false"
    assert record()["prompt_verdict"] == "block"


@pytest.mark.parametrize("way", WAYS)
def test_a_card_number_in_a_prompt_is_redacted_before_the_model(speaker, record, rehearsal, way):
    getattr(speaker, way)("My card is 4111 1111 1111 1111, thanks.", "")
    body = rehearsal.observations()["last"]["body"]
    assert "4111" not in body and REDACTED in body
    assert record()["prompt_verdict"] == "redact"


@pytest.mark.parametrize("fault", [fault for fault in PLAIN if PLAIN[fault] and fault != "deep"])
def test_a_plain_request_gets_the_same_error_for_each_fault(speaker, record, fault):
    status, code = PLAIN[fault]
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as error:
        speaker.plain(PROMPT, f"fault={fault}")
    assert error.value.status_code == speaker.statuses.get(status, status)
    assert code in json.dumps(error.value.body)
    assert record()["outcome"] == "upstream_failed"


@pytest.mark.parametrize("fault", [*BEFORE, *(fault for fault in MIDDLE if fault != "deep")])
def test_a_stream_gets_the_same_error_for_each_fault(speaker, record, fault):
    code = BEFORE[fault][1] if fault in BEFORE else MIDDLE[fault]
    with pytest.raises((openai.APIError, anthropic.APIError)) as error:
        speaker.stream(PROMPT, f"fault={fault};after=3;tokens=40")
    assert code in json.dumps(error.value.body), error.value
    assert record()["outcome"] == "upstream_failed"


@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_charged_as_the_model_counts_them(speaker, record, way):
    getattr(speaker, way)(PROMPT, "tokens=21")
    record = record()
    assert record["output_tokens"] == 21 and not record["tokens_estimated"] and record["input_tokens"] > 0


# What only some dialects have

def test_anthropics_client_reads_keys_limits_and_errors_in_its_own_words(make_steward, rehearsal):
    steward = make_steward(settings={"limits": {"sandbox": {"requests_per_minute": 2, "tokens_per_minute": 100_000}}})
    ask = {"model": "rehearsal", "max_tokens": 50, "messages": [{"role": "user", "content": PROMPT}]}
    with pytest.raises(anthropic.AuthenticationError) as wrong:
        claude(steward, key="stw_sandbox_nonsense").messages.create(**ask)
    assert wrong.value.body["type"] == "error" and wrong.value.body["error"]["type"] == "authentication_error"
    assert wrong.value.request_id == wrong.value.body["request_id"]
    with pytest.raises(anthropic.NotFoundError) as missing:
        claude(steward).messages.create(**(ask | {"model": "nothing"}))
    assert missing.value.body["error"]["type"] == "not_found_error"
    answer = claude(steward).messages.with_raw_response.create(**ask)
    assert int(answer.headers["anthropic-ratelimit-requests-limit"]) == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.headers["anthropic-ratelimit-tokens-reset"])
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    with pytest.raises(anthropic.RateLimitError) as limited:
        for _ in range(3):
            claude(steward).messages.create(**ask)
    assert limited.value.body["error"]["type"] == "rate_limit_error" and "retry-after" in limited.value.response.headers


def test_an_overloaded_model_server_is_told_as_anthropic_tells_it(steward):
    with pytest.raises(anthropic.InternalServerError) as error:
        Messages(steward).plain(PROMPT, "error=529")
    assert (error.value.status_code, error.value.body["error"]["type"]) == (529, "overloaded_error")


def test_models_are_listed_for_either_client(steward):
    assert "rehearsal" in [model.id for model in steward.client().models.list()]
    models = claude(steward).models.list()
    assert "rehearsal" in [model.id for model in models] and models.data[0].type == "model"
    assert claude(steward).models.retrieve("rehearsal").display_name == "rehearsal"


def test_tokens_are_counted_for_nothing(steward):
    counter = Messages(steward)
    counted = counter.client.messages.count_tokens(
        model="rehearsal", messages=[{"role": "user", "content": PROMPT}])
    assert counted.input_tokens > 0
    record = steward.record(counter.ids[-1])
    assert (record["dialect"], record["input_tokens"], record["output_tokens"]) == ("anthropic_token_counts", 0, 0)


def test_anthropics_version_reaches_the_server_whether_the_caller_says_it_or_not(make_steward, rehearsal):
    steward = make_steward(settings={"headers": {"to_upstream": ["anthropic-version"]}})
    body = chat_body(max_tokens=20).encode()
    for fields, version in [((), "2023-06-01"), (("anthropic-version: 2024-01-01",), "2024-01-01")]:
        assert steward.post(body, "/v1/messages", fields=fields).status == 200
        assert rehearsal.last_headers()["anthropic-version"] == version


def test_a_tool_is_called_in_each_dialect(steward):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    response = steward.client().responses.create(
        model="rehearsal", input=PROMPT, extra_headers=header("tools=true"),
        tools=[{"type": "function", "name": "weather", "parameters": schema, "strict": False}])
    call = next(item for item in response.output if item.type == "function_call")
    assert "city" in json.loads(call.arguments)
    with claude(steward).messages.stream(
            model="rehearsal", max_tokens=500, messages=[{"role": "user", "content": PROMPT}],
            tools=[{"name": "weather", "input_schema": schema}], extra_headers=header("tools=true")) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    assert "city" in next(block for block in message.content if block.type == "tool_use").input


@pytest.mark.parametrize("way", WAYS)
def test_a_card_number_in_a_tools_arguments_is_redacted(steward, way):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    options = {"extra_headers": header("tools=true;violation=card;in=arguments;split=4")}
    ask = {"model": "rehearsal", "input": PROMPT, **options,
           "tools": [{"type": "function", "name": "weather", "parameters": schema, "strict": False}]}
    if way == "plain":
        text = steward.client().responses.create(**ask).model_dump_json()
    else:
        text = "".join(event.model_dump_json() for event in steward.client().responses.create(**ask, stream=True))
    assert REDACTED in text and not re.search(r"4\d{15}", text)


@pytest.mark.parametrize(("more", "param"), [
    ({"previous_response_id": "resp_1"}, "previous_response_id"), ({"store": True}, "store"),
    ({"tools": [{"type": "web_search"}]}, "tools[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}]}]},
     "input[0].content[0]")])
def test_what_no_filter_reads_is_refused(steward, rehearsal, more, param):
    with pytest.raises(openai.BadRequestError) as error:
        steward.client().responses.create(**({"model": "rehearsal", "input": PROMPT} | more))
    assert (error.value.code, error.value.param) == ("unscreenable_content", param)
    assert rehearsal.requests() == 0


def test_a_server_is_told_to_keep_nothing_unless_it_may(make_steward, rehearsal):
    server = [{"name": "server", "url": rehearsal.url}]
    other = [{"name": "other", "url": rehearsal.url, "model": "rehearsal"}]
    steward = make_steward(models=[
        {"name": "rehearsal", "upstreams": server},
        {"name": "keeps", "admit_unscreened": ["stored_text"], "upstreams": other}])
    steward.client().responses.create(model="rehearsal", input=PROMPT)
    assert rehearsal.last_body()["store"] is False
    steward.client().responses.create(model="keeps", input=PROMPT)
    assert "store" not in rehearsal.last_body()
    speaker = Responses(steward)
    speaker.client.responses.create(model="keeps", input=PROMPT, store=True)
    assert rehearsal.last_body()["store"] is True
    assert steward.record(speaker.ids[-1])["prompt_verdict"] == "not_evaluated"


def test_images_are_drawn_where_the_model_may_and_their_words_are_screened(steward):
    speaker = Speaker(steward)
    draw = speaker.client.images.generate
    with pytest.raises(openai.BadRequestError) as error:
        draw(model="rehearsal", prompt=PROMPT)
    assert error.value.code == "unscreenable_content"
    image = draw(model=VISION, prompt=PROMPT, extra_headers=header("violation=card")).data[0]
    assert base64.b64decode(image.b64_json).startswith(b"\x89PNG")
    assert REDACTED in image.revised_prompt
    draw(model=VISION, prompt=PROMPT)
    records = [steward.record(identifier) for identifier in speaker.ids]
    assert [record["outcome"] for record in records] == ["refused", "answered", "answered"]
    assert [record["completion_verdict"] for record in records[1:]] == ["redact", "not_evaluated"]
    assert {record["dialect"] for record in records} == {"openai_images"}


@pytest.mark.parametrize("format", ["text", "srt", "vtt", "verbose_json"])
def test_transcripts_in_every_format_are_screened(steward, format):
    answer = steward.client().audio.transcriptions.create(
        model=VISION, file=sound(), response_format=format, extra_headers=header("violation=card"))
    text = answer if isinstance(answer, str) else answer.model_dump_json()
    assert REDACTED in text and not re.search(r"4\d{15}", text)


def test_a_form_reaches_the_model_as_it_was_read(steward, rehearsal):
    steward.client().audio.transcriptions.create(
        model=VISION, file=sound("../../Quiet talk.wav"), language="en", temperature=0.2, timestamp_granularities=["word"],
        response_format="verbose_json")
    body = rehearsal.observations()["last"]["body"]
    assert 'name="language"\r\n\r\nen\r\n' in body and 'name="timestamp_granularities[]"\r\n\r\nword\r\n' in body
    assert 'filename="file.wav"' in body and "Quiet talk" not in body and 'name="model"\r\n\r\nrehearsal\r\n' in body


def test_nobody_can_tell_where_the_parts_of_a_form_to_the_model_end(steward, rehearsal):
    """Who knew the boundary could put a part into the file that nobody screens."""
    seen = []
    for _ in range(2):
        answer = steward.client().audio.transcriptions.with_raw_response.create(model=VISION, file=sound())
        body = rehearsal.observations()["last"]["body"]
        seen.append((body.split("\r\n")[0].removeprefix("--steward-"), answer.headers["x-request-id"].removeprefix("req_")))
    (first, _), (second, identifier) = seen
    assert first != second and first[:8] != second[:8] and len(second) >= 20 and identifier not in second


@pytest.mark.parametrize("parts", [
    [("prompt", sound())], [("files", sound())], [("file", (None, "text"))], [("file", sound()), ("file", (None, "text"))]])
def test_a_file_is_taken_under_its_own_name_only(steward, parts):
    answer = httpx.post(
        steward.gateway + "/v1/audio/transcriptions", files=parts, data={"model": VISION},
        headers={"authorization": f"Bearer {steward.key}"})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "file"


@pytest.mark.parametrize(("fields", "body", "status"), [
    (["content-type: application/json"], b"{}", 415), (["content-type: multipart/form-data"], b"", 415),
    (["content-type: multipart/form-data; boundary=b"], b"--b\r\n", 400),
    (["content-type: multipart/form-data; boundary=b"], b"--b--", 400)])
def test_what_is_no_form_is_refused(steward, fields, body, status):
    head = steward.head("/v1/audio/transcriptions", fields=[*fields, f"content-length: {len(body)}"])
    answer = steward.raw(head + body)
    assert answer.status == status and answer.error["type"] == "invalid_request_error"
