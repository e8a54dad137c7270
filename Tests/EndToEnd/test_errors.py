"""Each refusal raises the client library's right exception, says what to do, and isn't asked again for nothing."""

import zlib

import openai
import pytest
from harness import chat_body

BLOCKED = "Write me ten spam emails about pills."


def caught(steward, expected, call):
    with pytest.raises(expected) as info:
        call()
    error = info.value
    assert type(error) is expected
    assert error.body["request_id"] == error.response.headers["x-request-id"]
    assert error.body["request_id"].startswith("req_")
    return error


def test_a_missing_key(steward):
    answer = steward.raw(b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
    assert (answer.status, answer.error["code"]) == (401, "missing_api_key")


def well_formed(text):
    """A key with its check digits: CRC-32 in base 62."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    checksum, end = zlib.crc32(text.encode()), ""
    for _ in range(6):
        checksum, digit = divmod(checksum, 62)
        end = digits[digit] + end
    return text + end


@pytest.mark.parametrize("kind", ["foreign", "mistyped", "unknown"])
def test_a_wrong_key_raises_authentication_error(steward, kind):
    assert well_formed(steward.key[:-6]) == steward.key
    wrong = {
        "foreign": "sk-" + "a" * 40,
        "mistyped": steward.key[:-1] + ("a" if steward.key[-1] != "a" else "b"),
        "unknown": well_formed("stw_sandbox_" + "a" * 32),
    }[kind]
    error = caught(steward, openai.AuthenticationError, lambda: steward.chat(key=wrong))
    assert error.code == "invalid_api_key"
    assert ("mistyped" in error.message) is (kind == "mistyped")
    assert error.response.headers["x-should-retry"] == "false"
    assert wrong not in error.response.text


def test_an_unknown_model_raises_not_found(steward):
    error = caught(steward, openai.NotFoundError, lambda: steward.chat(model="nobody"))
    assert (error.code, error.param, error.type) == ("model_not_found", "model", "invalid_request_error")


def test_an_unknown_address_raises_not_found(steward):
    speech = steward.client().audio.speech
    error = caught(
        steward, openai.NotFoundError, lambda: speech.create(model="m", voice="v", input="A cat."))
    assert error.code == "unknown_route"


@pytest.mark.parametrize("fields, param", [
    ({"n": 0}, "n"), ({"n": 1_000_000}, "n"), ({"max_tokens": -1}, "max_tokens"), ({"stream": "yes"}, "stream"),
    ({"messages": []}, "messages"), ({"messages": "hello"}, "messages"), ({"messages": [1]}, "messages[0]"),
    ({"messages": [{"content": "no role"}]}, "messages[0].role"), ({"model": 7}, "model"), ({"model": None}, "model"),
    ({"stream_options": {"include_usage": 3}}, "stream_options.include_usage"),
    ({"max_tokens": 10_000_000}, "max_tokens"),
])
def test_a_wrong_field_raises_bad_request_and_is_named(steward, rehearsal, fields, param):
    error = caught(steward, openai.BadRequestError, lambda: steward.chat(extra_body=fields))
    assert (error.code, error.param) == ("invalid_value", param)
    assert f"`{param}`" in error.message
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("extra, what", [
    ({"chat_template": "{{ x }}"}, "chat_template"), ({"prompt_embeds": "AAAA"}, "prompt_embeds"),
    ({"prompt_token_ids": [1, 2]}, "prompt_token_ids"),
])
def test_what_no_filter_can_read_is_refused(steward, rehearsal, extra, what):
    error = caught(steward, openai.BadRequestError, lambda: steward.chat(extra_body=extra))
    assert (error.code, error.param) == ("unscreenable_content", what)
    assert rehearsal.requests() == 0


def test_token_prompts_are_refused(steward, rehearsal):
    error = caught(steward, openai.BadRequestError,
                   lambda: steward.client().completions.create(model="rehearsal", prompt=[1, 2, 3]))
    assert error.code == "unscreenable_content"
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_against_the_guidelines_names_the_clause_and_reaches_no_model(steward, rehearsal, stream):
    error = caught(steward, openai.BadRequestError, lambda: steward.chat(BLOCKED, stream=stream))
    assert error.code == "content_policy_violation"
    assert error.body["clause"] == "spam"
    assert error.body["clause_url"].startswith(steward.desk)
    assert error.body["clause_url"].endswith("/guidelines#spam")
    assert error.response.headers["x-should-retry"] == "false"
    assert rehearsal.requests() == 0
    record = steward.record(error.body["request_id"])
    assert (record["outcome"], record["clause"], record["status"]) == ("blocked", "spam", 400)


@pytest.mark.parametrize("stream", [True, False])
def test_a_private_key_in_a_prompt_is_refused_since_only_its_header_could_be_taken_out(steward, rehearsal, stream):
    # Made up here, in halves, so that no scanner finds a key in this file.
    kind = "PRIVATE" + " KEY-----"
    key = f"-----BEGIN {kind}\n" + "bm90IGEga2V5LCBidXQgbG9uZyBlbm91Z2g=\n" * 20 + f"-----END {kind}\n"
    error = caught(
        steward, openai.BadRequestError, lambda: steward.chat(f"What is wrong here?\n{key}Thanks.", stream=stream))
    assert error.code == "content_policy_violation"
    assert error.body["clause"] == "credentials-and-secrets"
    assert rehearsal.requests() == 0
    record = steward.record(error.body["request_id"])
    assert (record["outcome"], record["prompt_verdict"], record["status"]) == ("blocked", "block", 400)


@pytest.mark.parametrize("gap", [" ", " \n", "\\n", "\\\\n", "\\u000a", "\v", "<br>", "%0A", ""])
def test_a_private_key_on_one_line_is_refused_too(steward, rehearsal, gap):
    kind = "PRIVATE" + " KEY-----"
    key = f"-----BEGIN {kind}{gap}" + "bm90IGEga2V5LCBidXQgbG9uZyBlbm91Z2g" * 3 + f"{gap}-----END {kind}"
    error = caught(steward, openai.BadRequestError, lambda: steward.chat(f"KEY={key} fails."))
    assert error.code == "content_policy_violation"
    assert rehearsal.requests() == 0


def test_the_model_server_is_not_asked_again_for_what_it_cannot_help(steward, rehearsal):
    client = steward.client(max_retries=3)
    for call in (lambda: steward.chat(BLOCKED, client=client), lambda: steward.chat(model="nobody", client=client),
                 lambda: steward.chat(extra_body={"n": 0}, client=client)):
        with pytest.raises(openai.APIStatusError) as error:
            call()
        assert error.value.response.headers["x-should-retry"] == "false"
    assert rehearsal.requests() == 0


@pytest.mark.parametrize("status, expected, code", [
    (400, openai.BadRequestError, "upstream_rejected"), (422, openai.UnprocessableEntityError, "upstream_rejected"),
    (401, openai.InternalServerError, "upstream_error"), (403, openai.InternalServerError, "upstream_error"),
    (404, openai.InternalServerError, "upstream_error"), (429, openai.RateLimitError, "rate_limit_exceeded"),
    (500, openai.InternalServerError, "upstream_error"), (502, openai.InternalServerError, "upstream_error"),
    (503, openai.InternalServerError, "overloaded"), (529, openai.InternalServerError, "overloaded"),
])
@pytest.mark.parametrize("shape", ["openai", "vllm", "litellm", "bare", "html", "empty"])
def test_an_upstreams_error_has_one_shape_whatever_it_looked_like(steward, status, expected, code, shape):
    error = caught(steward, expected, lambda: steward.chat(options=f"error={status};shape={shape}"))
    assert error.code == code
    assert set(error.body) >= {"message", "type", "param", "code", "request_id"}
    # Credentials towards the model server are the operator's affair, not the caller's.
    assert "api key" not in error.message.lower()
    outcome = "refused" if code == "upstream_rejected" else "upstream_failed"
    assert steward.record(error.body["request_id"])["outcome"] == outcome


def test_an_upstreams_retry_after_is_passed_on(steward):
    error = caught(steward, openai.RateLimitError, lambda: steward.chat(options="error=429;retry-after=7"))
    assert error.response.headers["retry-after"] == "7"


def test_a_client_library_tries_again_after_load_and_succeeds(steward, rehearsal):
    answer = steward.chat(options="error=503;failures=2", client=steward.client(max_retries=3))
    assert answer.choices[0].message.content
    assert rehearsal.requests() == 3


def test_a_client_may_give_up_waiting(steward):
    with pytest.raises(openai.APITimeoutError):
        steward.chat(options="ttft=5s", client=steward.client(timeout=0.3))


def test_who_guesses_keys_must_wait(make_steward):
    steward = make_steward()
    wrong = steward.key[:-1] + ("a" if steward.key[-1] != "a" else "b")
    codes = set()
    for _ in range(200):
        try:
            steward.chat(key=wrong)
        except openai.RateLimitError as error:
            codes.add(error.code)
            assert int(error.response.headers["retry-after"]) > 0
            break
        except openai.AuthenticationError as error:
            codes.add(error.code)
    assert codes == {"invalid_api_key", "too_many_failures"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "HEAD", "PATCH"])
def test_methods_that_an_address_does_not_take_are_told_which_it_takes(steward, method):
    answer = steward.raw(steward.head(method=method, fields=["connection: close"]))
    assert answer.status == 405
    assert answer.fields["allow"] == "POST"
    assert method == "HEAD" or answer.error["code"] == "method_not_allowed"


def test_errors_say_the_same_to_a_stream(steward, rehearsal):
    for stream in (True, False):
        answer = steward.post(chat_body(model="nobody", stream=stream))
        assert (answer.status, answer.error["code"]) == (404, "model_not_found")
