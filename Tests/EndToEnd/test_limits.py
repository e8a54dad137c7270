"""Limits hold for what is asked and are settled with what was used."""

import itertools
import threading
import time

import openai
import pytest

numbers = itertools.count(1)


@pytest.fixture
def limited(steward):
    """Makes a client of an application with these limits of its own."""
    def make(**limits):
        name = f"Limited {next(numbers)}"
        steward.make_application(name)
        flags = [word for limit, value in limits.items() for word in (f"--{limit.replace('_', '-')}", str(value))]
        steward.command("applications", "limits", name, *flags)
        _, key = steward.make_key(name)
        steward.await_key(key)
        return Limited(steward, key)
    return make


class Limited:
    def __init__(self, steward, key):
        self.steward, self.key = steward, key

    def client(self):
        return self.steward.client(self.key)

    def chat(self, *arguments, **more):
        return self.steward.chat(*arguments, key=self.key, **more)

    def record(self, identifier):
        return self.steward.record(identifier)


def exhaust(steward, most, **more):
    """Answers until a limit stops it, and that refusal."""
    answers = []
    for _ in range(most):
        try:
            answers.append(steward.client().chat.completions.with_raw_response.create(
                model="rehearsal", messages=[{"role": "user", "content": "Hello."}], **more))
        except openai.RateLimitError as error:
            return answers, error
    pytest.fail(f"no limit after {most} requests")


def test_requests_per_minute(limited, rehearsal):
    steward = limited(requests_per_minute=5)
    answers, error = exhaust(steward, 20)
    assert 5 <= len(answers) <= 6
    assert answers[0].headers["x-ratelimit-limit-requests"] == "5"
    remaining = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers]
    assert remaining == sorted(remaining, reverse=True) and remaining[-1] == 0
    assert answers[0].headers["x-ratelimit-reset-requests"].endswith("s")
    assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
    headers = error.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert headers["x-should-retry"] == "true"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert "requests a minute" in error.message
    assert rehearsal.requests() == len(answers)


def test_who_waits_as_told_is_served(limited):
    steward = limited(requests_per_minute=60)
    _, error = exhaust(steward, 200)
    time.sleep(int(error.response.headers["retry-after"]))
    assert steward.chat().choices


def test_tokens_per_minute_are_reserved_before_and_settled_after(limited):
    steward = limited(tokens_per_minute=10_000)
    answers, error = exhaust(steward, 1_000, max_tokens=1_000)
    # Each reserves its cap of 1,000; it used some 60. Without a settlement there would be ten.
    assert len(answers) > 20
    assert (error.code, error.type) == ("rate_limit_exceeded", "tokens")
    assert "x-ratelimit-remaining-tokens" in error.response.headers
    record = steward.record(answers[-1].headers["x-request-id"])
    assert record["tokens_reserved"] >= 1_000 > record["output_tokens"]


def test_one_request_above_the_whole_limit_is_told_to_ask_for_less(limited, rehearsal):
    steward = limited(tokens_per_minute=1_000)
    with pytest.raises(openai.BadRequestError) as error:
        steward.chat(max_tokens=5_000)
    assert (error.value.code, error.value.param) == ("request_above_limit", "max_tokens")
    assert rehearsal.requests() == 0


def test_choices_are_reserved_each(limited):
    steward = limited(tokens_per_minute=1_000)
    assert steward.chat(max_tokens=300).choices
    with pytest.raises(openai.APIStatusError) as error:
        steward.chat(max_tokens=300, n=5)
    assert error.value.code in ("request_above_limit", "rate_limit_exceeded")


def test_tokens_per_day(limited):
    steward = limited(tokens_per_day=3_000)
    answers, error = exhaust(steward, 200, max_tokens=200)
    assert "tokens a day" in error.message
    assert int(error.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("limit", "words"), [
    ("requests_per_minute", "requests a minute"), ("concurrent_requests", "at the same time"),
    ("tokens_per_day", "tokens a day")])
def test_a_limit_of_nothing_says_so(limited, limit, words):
    with pytest.raises(openai.BadRequestError) as error:
        limited(**{limit: 0}).chat()
    assert error.value.code == "request_above_limit" and error.value.param is None
    assert words in error.value.message and "operator" in error.value.message


def test_concurrent_requests(limited):
    steward = limited(concurrent_requests=2)
    streams = [steward.chat(options="rate=10;tokens=300", stream=True) for _ in range(2)]
    for stream in streams:
        next(iter(stream))
    with pytest.raises(openai.RateLimitError) as error:
        steward.chat()
    assert "at the same time" in error.value.message
    assert int(error.value.response.headers["retry-after"]) >= 1
    streams[0].close()
    time.sleep(1)
    assert steward.chat().choices
    streams[1].close()


def test_a_stream_that_breaks_off_is_charged_for_what_it_said(limited):
    steward = limited(tokens_per_minute=20_000)
    stream = steward.chat(options="rate=100;tokens=2000", stream=True, max_tokens=5_000)
    for number, _ in enumerate(stream):
        if number == 30:
            break
    stream.close()
    time.sleep(1)
    answer = steward.client().chat.completions.with_raw_response.create(
        model="rehearsal", messages=[{"role": "user", "content": "Hi."}], max_tokens=1)
    # The reservation of 5,000 is back but for some 30 tokens.
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) > 18_000


def test_an_applications_own_limit_goes_before_its_stages_within_a_second(steward):
    application = steward.make_application("Slow")
    _, key = steward.make_key("Slow")
    steward.await_key(key)
    steward.command("applications", "limits", application["id"], "--requests-per-minute", "2")
    time.sleep(1)
    outcomes = []
    for _ in range(6):
        try:
            steward.chat(key=key)
            outcomes.append("served")
        except openai.RateLimitError:
            outcomes.append("limited")
    assert outcomes.count("served") in (2, 3) and outcomes[-1] == "limited"
    assert steward.chat().choices


def test_an_organisations_limit_is_shared_by_its_applications(make_steward):
    steward = make_steward({"limits": {"organisation": {"requests_per_minute": 4}}})
    steward.command("organisations", "create", "Both")
    keys = []
    for name in ("First", "Second"):
        steward.command("applications", "create", name, "--organisation", "Both")
        keys.append(steward.make_key(name)[1])
    for key in keys:
        steward.await_key(key)
    served = 0
    for number in range(12):
        try:
            steward.chat(key=keys[number % 2])
            served += 1
        except openai.RateLimitError as error:
            assert "organisation" in error.message
    assert served <= 5


def test_under_many_threads_no_more_than_the_limit_passes(limited, rehearsal):
    steward = limited(requests_per_minute=50)
    served = []

    def load():
        client = steward.client()
        for _ in range(20):
            try:
                steward.chat(client=client)
                served.append(1)
            except openai.RateLimitError:
                pass

    threads = [threading.Thread(target=load) for _ in range(8)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = 50 + (time.monotonic() - begin) * 50 / 60 + 1
    assert 50 <= len(served) <= allowed
    assert rehearsal.requests() == len(served)


def test_lists_of_models_and_moderations_count_as_requests(limited):
    caller = limited(requests_per_minute=3)
    caller.client().models.list()
    caller.client().moderations.create(input="Good morning.")
    caller.client().models.retrieve("rehearsal")
    for call in (caller.client().models.list, lambda: caller.client().moderations.create(input="Again.")):
        with pytest.raises(openai.RateLimitError) as error:
            call()
        assert error.value.code == "rate_limit_exceeded"


def test_a_moderations_text_counts_as_tokens(limited):
    caller = limited(tokens_per_minute=200)
    with pytest.raises(openai.BadRequestError):
        caller.client().moderations.create(input="word " * 1_000)
    assert caller.client().moderations.create(input="Good morning.").results


def test_a_refusal_for_concurrency_tells_no_limit_of_requests(limited):
    caller = limited(concurrent_requests=1)
    stream = caller.chat(options="rate=5;tokens=40", stream=True)
    next(iter(stream))
    with pytest.raises(openai.RateLimitError) as error:
        caller.chat()
    assert "x-ratelimit-limit-requests" not in error.value.response.headers
    stream.close()
