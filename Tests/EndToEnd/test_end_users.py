"""Limits hold for each end user of an application, who are told apart and never named."""

import http.client
import json
import random
import time

import anthropic
import openai
import pytest

from harness import get

PERSON = "jane.doe.4711@example.org"


@pytest.fixture
def make(make_steward):
    """A Steward whose sandbox applications have end users with these limits."""
    def make_one(required=False, **limits):
        return make_steward({"limits": {"sandbox": {"end_user": limits, "require_end_user": required}}})
    return make_one


def claude(server, key=None):
    return anthropic.Anthropic(base_url=server.gateway, api_key=key or server.key, max_retries=0, timeout=30)


def say(server, user=None, key=None, **more):
    extra = {"metadata": {"user_id": user}} if user else {}
    return claude(server, key).messages.create(
        model="rehearsal", max_tokens=5, messages=[{"role": "user", "content": "Hello."}], **extra, **more)


def outcomes(ask, most):
    """How often it was answered before it was refused, and the refusal."""
    for count in range(most):
        try:
            ask()
        except (openai.RateLimitError, anthropic.RateLimitError) as error:
            return count, error
    pytest.fail(f"no limit after {most} requests")


def test_each_person_has_the_stages_limit_however_they_are_told(make):
    steward = make(requests_per_minute=4)
    served, error = outcomes(lambda: steward.chat(safety_identifier=PERSON), 10)
    assert 4 <= served <= 5
    assert error.status_code == 429 and error.code == "rate_limit_exceeded" and error.type == "requests"
    assert "end user" in error.message and PERSON not in error.message
    assert 1 <= int(error.response.headers["retry-after"]) <= 15
    assert error.response.headers["x-ratelimit-limit-requests"] == "4"
    # The same person by the older name, in other dialects and streams.
    client = steward.client()
    for ask in (
        lambda: steward.chat(user=PERSON, stream=True),
        lambda: client.completions.create(model="rehearsal", prompt="Hello.", user=PERSON),
        lambda: client.responses.create(model="rehearsal", input="Hello.", safety_identifier=PERSON),
        lambda: client.embeddings.create(model="rehearsal", input="Hello.", user=PERSON),
    ):
        with pytest.raises(openai.RateLimitError):
            ask()
    with pytest.raises(anthropic.RateLimitError) as refusal:
        say(steward, PERSON)
    assert refusal.value.body["error"]["type"] == "rate_limit_error"
    assert "end user" in refusal.value.body["error"]["message"]
    assert refusal.value.response.headers["anthropic-ratelimit-requests-limit"] == "4"
    # Others, and those that nobody names, are none of them.
    assert steward.chat(safety_identifier="somebody else").choices and say(steward, "a third").content
    for _ in range(8):
        steward.chat()
    # `safety_identifier` goes before `user`.
    assert steward.chat(safety_identifier="a fourth", user=PERSON).choices


def test_the_same_identifier_in_another_application_is_another_person(make):
    steward = make(requests_per_minute=1)
    steward.make_application("Second")
    _, key = steward.make_key("Second")
    steward.await_key(key)
    outcomes(lambda: steward.chat(user=PERSON), 3)
    assert steward.chat(user=PERSON, key=key).choices


def test_tokens_of_an_end_user_are_reserved_and_settled(make):
    steward = make(tokens_per_minute=3_000)
    for _ in range(5):
        steward.chat(options="tokens=10", user=PERSON, max_tokens=1_000)
    with pytest.raises(openai.BadRequestError) as error:
        steward.chat(user=PERSON, max_tokens=3_000)
    assert error.value.code == "request_above_limit" and "end user" in error.value.message
    assert steward.chat(max_tokens=3_000).choices


def test_concurrent_requests_of_an_end_user(make):
    steward = make(concurrent_requests=1)
    stream = steward.chat(options="rate=5;tokens=200", stream=True, user=PERSON)
    next(iter(stream))
    with pytest.raises(openai.RateLimitError) as error:
        steward.chat(user=PERSON)
    assert "at the same time" in error.value.message and "end user" in error.value.message
    assert steward.chat(user="another").choices
    stream.close()


def test_who_names_nobody_is_refused_where_an_end_user_is_required(make):
    steward = make(required=True)
    for ask, param in (
        (lambda: steward.chat(), "safety_identifier"),
        (lambda: steward.chat(user=""), "safety_identifier"),
        (lambda: say(steward), "metadata.user_id"),
    ):
        with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as error:
            ask()
        body = error.value.body.get("error", error.value.body)
        assert body["code"] == "end_user_required" and body["param"] == param
        assert error.value.response.headers["x-should-retry"] == "false"
    assert steward.chat(user=PERSON).choices and say(steward, PERSON).content
    # No limits were set, so there are none.
    for _ in range(10):
        steward.chat(user=PERSON)
    # These have no place for one.
    assert claude(steward).messages.count_tokens(
        model="rehearsal", messages=[{"role": "user", "content": "Hello."}]).input_tokens
    assert steward.client().models.list().data


def test_identifiers_that_are_none_are_refused(make):
    steward = make(requests_per_minute=100)
    for value in ({"metadata": {"user_id": 5}}, {"metadata": "x"}):
        with pytest.raises(anthropic.BadRequestError) as error:
            claude(steward).messages.create(
                model="rehearsal", max_tokens=5, messages=[{"role": "user", "content": "Hello."}], extra_body=value)
        assert error.value.body["error"]["param"].startswith("metadata")
    assert say(steward, metadata=None).content


def test_an_identifier_is_neither_logged_nor_kept_nor_counted(make):
    steward = make(requests_per_minute=1)
    secret = f"person-{random.getrandbits(64):x}"
    outcomes(lambda: steward.chat(user=secret), 3)
    time.sleep(1)
    assert secret not in steward.program.text() + get(steward.telemetry + "/metrics")[1]
    steward.stop()
    for file in (path for path in steward.data.rglob("*") if path.is_file()):
        assert secret.encode() not in file.read_bytes(), file


def test_a_flood_of_strangers_takes_no_memory_that_lasts(make):
    steward = make(requests_per_minute=600)
    connection = http.client.HTTPConnection(*steward.address, timeout=30)

    def flood(count):
        for _ in range(count):
            body = json.dumps({"model": "rehearsal", "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 1,
                               "user": f"{random.getrandbits(64):x}"})
            connection.request("POST", "/v1/chat/completions", body, {
                "authorization": f"Bearer {steward.key}", "content-type": "application/json"})
            assert connection.getresponse().read()

    flood(500)
    before = steward.program.resident_bytes()
    flood(2_500)
    # As long as they are all kept, 3,000 users are 64 bytes each, in a table half filled.
    assert steward.program.resident_bytes() - before < 8 << 20
