"""Whatever goes wrong at the model server, the caller gets a documented error and never a half-read answer."""

import time

import openai
import pytest
from harness import chat_body, get, wait_until

# Fault, and what a plain request is told; None where it is answered all the same.
PLAIN = {
    "hang": (504, "upstream_timeout"),
    "close": (502, "upstream_closed"),
    "reset": (502, "upstream_closed"),
    "garbage": (502, "upstream_malformed"),
    "content-type": (502, "upstream_malformed"),
    "gzip": (502, "upstream_encoded"),
    "double-length": (502, "upstream_malformed"),
    "length-and-chunked": (502, "upstream_malformed"),
    "huge-head": (502, "upstream_malformed"),
    "hang-mid-stream": (504, "upstream_timeout"),
    "reset-mid-stream": (502, "upstream_closed"),
    "truncated": (502, "upstream_closed"),
    "truncated-event": (502, "upstream_closed"),
    "bad-chunk": (502, "upstream_malformed"),
    "drip": None,
    "error-in-200": (502, "upstream_malformed"),
    "garbage-json": (502, "upstream_malformed"),
    "invalid-utf8": (502, "upstream_malformed"),
    "lone-surrogate": (502, "upstream_malformed"),
    "duplicate-keys": (502, "upstream_malformed"),
    "trailing-bytes": (502, "upstream_malformed"),
    "not-finite": (502, "upstream_malformed"),
    "deep": (502, "upstream_malformed"),
}
# What a stream is told: a status before its first event, or an event after it.
BEFORE = {fault: PLAIN[fault] for fault in (
    "hang", "close", "reset", "garbage", "content-type", "gzip", "double-length", "length-and-chunked", "huge-head")}
MIDDLE = {fault: PLAIN[fault][1] for fault in (
    "hang-mid-stream", "reset-mid-stream", "truncated", "truncated-event", "bad-chunk", "garbage-json", "invalid-utf8",
    "lone-surrogate", "duplicate-keys", "trailing-bytes", "not-finite", "deep")} | {
    "error-mid-stream": "upstream_malformed"}
HARMLESS = ["drip", "no-usage", "usage-with-choices", "unusual-events"]


@pytest.mark.parametrize("fault", [fault for fault in PLAIN if PLAIN[fault]])
def test_a_plain_request_gets_a_typed_error(steward, fault):
    status, code = PLAIN[fault]
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat(options=f"fault={fault}")
    assert (error.value.status_code, error.value.code) == (status, code)
    assert error.value.body["request_id"].startswith("req_")
    assert "rehears" not in error.value.message
    record = steward.record(error.value.body["request_id"])
    assert (record["outcome"], record["status"]) == ("upstream_failed", status)


@pytest.mark.parametrize("fault", BEFORE)
def test_a_fault_before_a_stream_begins_is_told_by_its_status(steward, fault):
    status, code = BEFORE[fault]
    with pytest.raises(openai.InternalServerError) as error:
        list(steward.chat(options=f"fault={fault}", stream=True))
    assert (error.value.status_code, error.value.code) == (status, code)


@pytest.mark.parametrize("fault", MIDDLE)
def test_a_fault_in_a_stream_raises_after_the_text_so_far(steward, rehearsal, fault):
    whole, text = rehearsal.chat("Of rivers."), ""
    with pytest.raises(openai.APIError) as error:
        for chunk in steward.chat("Of rivers.", f"fault={fault};after=8;rate=200", stream=True):
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text and whole.startswith(text)
    assert error.value.code == MIDDLE[fault]


@pytest.mark.parametrize("fault", HARMLESS)
@pytest.mark.parametrize("stream", [True, False])
def test_what_a_reader_must_take_is_taken(steward, rehearsal, fault, stream):
    assert steward.text("Of trains.", f"fault={fault};drip=20us", stream=stream) == (rehearsal.chat("Of trains."), "stop")


def test_an_answer_without_choices_is_passed_on_as_it_is(steward):
    assert steward.chat(options="fault=empty-choices").choices == []
    assert steward.text(options="fault=empty-choices", stream=True) == ("", None)


@pytest.mark.parametrize("fault", ["no-done", "no-finish"])
def test_a_stream_without_its_end_is_no_whole_answer(steward, fault):
    with pytest.raises(openai.APIError) as error:
        list(steward.chat(options=f"fault={fault}", stream=True))
    assert error.value.code in ("upstream_closed", "upstream_malformed")


def test_usage_is_estimated_where_the_model_server_tells_none(steward):
    answer = steward.chat(options="fault=no-usage", stream=True)
    identifier = answer.response.headers["x-request-id"]
    list(answer)
    record = steward.record(identifier)
    assert record["tokens_estimated"] and record["output_tokens"] > 0


def test_a_huge_plain_answer_is_cut_off_at_its_bound(make_steward):
    steward = make_steward({"gateway": {"http": {"answer_bytes_max": "1MiB"}}})
    before = steward.program.resident_bytes()
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat(options="fault=huge;bytes=33554432")
    assert (error.value.status_code, error.value.code) == (502, "upstream_too_large")
    assert steward.program.resident_bytes() - before < 16 << 20


def test_a_huge_stream_passes_without_being_held(steward):
    before, most, count = steward.program.resident_bytes(), 0, 0
    for number, chunk in enumerate(steward.chat(options="fault=huge;bytes=4000000", stream=True, max_tokens=100_000)):
        count += sum(len(choice.delta.content or "") for choice in chunk.choices)
        if number % 1000 == 0:
            most = max(most, steward.program.resident_bytes())
    assert count > 3_900_000
    assert most - before < 32 << 20


def test_a_slow_reader_slows_the_model(steward, rehearsal):
    """The model server can't go on while nobody reads: nothing in between swallows its answer."""
    body = chat_body(stream=True, max_tokens=100_000).encode()
    connection = steward.connection(30)
    fields = [f"content-length: {len(body)}", "x-rehearsal: fault=huge;bytes=268435456"]
    before = steward.program.resident_bytes()
    with connection:
        connection.sendall(steward.head(fields=fields) + body)
        connection.recv(1000)
        time.sleep(2)
        assert rehearsal.observations()["completed"] == 0
        assert steward.program.resident_bytes() - before < 32 << 20
    assert wait_until(lambda: rehearsal.observations()["cancelled"] == 1, 3)


def test_no_model_server_at_all(make_steward):
    steward = make_steward(upstream="http://127.0.0.1:9")
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat()
    assert (error.value.status_code, error.value.code) == (503, "upstream_unavailable")
    assert "127.0.0.1" not in error.value.message


def test_another_server_takes_over_from_one_that_is_away(make_steward, rehearsal):
    steward = make_steward(models=[{"name": "rehearsal", "upstreams": [
        {"name": "away", "url": "http://127.0.0.1:9"}, {"name": "there", "url": rehearsal.url, "priority": 1}]}])
    answer = steward.chat()
    assert answer.choices[0].message.content
    assert steward.record(answer._request_id)["upstream"] == "there"


def test_a_request_that_may_have_done_work_is_never_sent_twice(make_steward, rehearsal):
    steward = make_steward(models=[{"name": "rehearsal", "upstreams": [
        {"name": "first", "url": rehearsal.url}, {"name": "second", "url": rehearsal.url, "priority": 1}]}],
        settings={"headers": {"to_upstream": ["x-rehearsal"]}})
    with pytest.raises(openai.InternalServerError):
        steward.chat(options="error=500")
    assert rehearsal.requests() == 1


def test_a_client_that_leaves_mid_stream_is_noticed_upstream_within_a_second(steward, rehearsal):
    stream = steward.chat(options="rate=20;tokens=400", stream=True)
    next(iter(stream))
    left = time.time()
    stream.close()
    seen = wait_until(lambda: rehearsal.observations()["cancellations"], 3)
    assert seen and seen[0]["at_us"] / 1e6 - left < 1
    identifier = stream.response.headers["x-request-id"]
    record = steward.record(identifier)
    assert record["outcome"] == "client_left"
    assert 0 < record["output_tokens"] < 400


def test_a_client_that_leaves_before_the_answer_is_noticed_upstream_within_a_second(steward, rehearsal):
    body = chat_body().encode()
    connection = steward.connection()
    connection.sendall(steward.head(fields=[f"content-length: {len(body)}", "x-rehearsal: ttft=1200ms"]) + body)
    assert wait_until(lambda: rehearsal.requests() == 1)
    left = time.time()
    connection.close()
    seen = wait_until(lambda: rehearsal.observations()["cancellations"], 3)
    assert seen and seen[0]["at_us"] / 1e6 - left < 1


def test_faults_are_counted_by_upstream_and_code(steward):
    with pytest.raises(openai.InternalServerError):
        steward.chat(options="fault=reset")
    text = get(steward.telemetry + "/metrics")[1]
    assert 'steward_upstream_failures_total{upstream="rehearsal-server",code="closed_early"}' in text


def test_a_failed_call_that_another_server_made_good_is_counted_and_logged(make_steward, rehearsal):
    steward = make_steward(models=[{"name": "rehearsal", "upstreams": [
        {"name": "away", "url": "http://127.0.0.1:9", "priority": 0},
        {"name": "there", "url": rehearsal.url, "priority": 1}]}])
    assert steward.chat().choices
    metrics = get(steward.telemetry + "/metrics")[1]
    assert 'steward_upstream_failures_total{upstream="away",code="connect_failed"} 1' in metrics
    assert "Connection refused" in steward.program.text() or "connect" in steward.program.text()


def test_an_error_status_is_told_apart_whatever_its_body(steward):
    for fault in ("error=503;bytes=200000", "error=429;bytes=200000"):
        with pytest.raises(openai.APIStatusError) as error:
            steward.chat(options=fault)
        assert error.value.status_code == int(fault[6:9])


def test_failed_calls_are_in_the_durations(make_steward):
    steward = make_steward()
    with pytest.raises(openai.InternalServerError):
        steward.chat(options="fault=close")
    metrics = get(steward.telemetry + "/metrics")[1]
    assert 'error_type="closed_early"' in metrics


def test_refusals_do_not_make_the_stages_look_fast(make_steward):
    steward = make_steward()
    with pytest.raises(openai.NotFoundError):
        steward.chat(model="unknown")
    counts = [line for line in get(steward.telemetry + "/metrics")[1].splitlines()
              if line.startswith("steward_stage_duration") and "_count" in line and 'stage="queue"' in line]
    assert counts and all(line.endswith(" 0") for line in counts)
