"""What upstreams say of their own rate limits moves load to others before they have to refuse it."""

import time
from datetime import datetime, timedelta, timezone

import anthropic
import openai
import pytest
from providers import MESSAGE, Provider


def one_after_the_other(*servers):
    return [{"name": "rehearsal", "upstreams": [
        {"name": f"server-{number}", "url": server.url, "priority": number} for number, server in enumerate(servers)]}]


def used_up(what, reset):
    return {f"x-ratelimit-remaining-{what}": "0", f"x-ratelimit-reset-{what}": reset}


@pytest.mark.parametrize("what", ["requests", "tokens"])
def test_who_has_used_up_its_limit_is_left_alone_until_it_has_some_again(make_steward, what):
    first, second = Provider(**used_up(what, "1.5s")), Provider()
    steward = make_steward(models=one_after_the_other(first, second))
    steward.text()
    told = time.monotonic()
    for _ in range(5):
        steward.text()
    assert (first.requests(), second.requests()) == (1, 5)
    first.fields = {}
    time.sleep(max(0, 1.6 - (time.monotonic() - told)))
    steward.text()
    assert (first.requests(), second.requests()) == (2, 5)


def test_anthropics_fields_are_understood_too(make_steward):
    reset = (datetime.now(timezone.utc) + timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    first = Provider(MESSAGE, **{
        "anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": reset})
    second = Provider(MESSAGE)
    steward = make_steward(models=one_after_the_other(first, second))
    client = anthropic.Anthropic(base_url=steward.gateway, api_key=steward.key, max_retries=0)
    for _ in range(4):
        client.messages.create(model="rehearsal", max_tokens=9, messages=[{"role": "user", "content": "Hello."}])
    assert (first.requests(), second.requests()) == (1, 3)


def test_where_all_have_used_up_theirs_they_are_asked_all_the_same(make_steward):
    first, second = Provider(**used_up("requests", "30s")), Provider(**used_up("tokens", "30s"))
    steward = make_steward(models=one_after_the_other(first, second))
    for _ in range(6):
        assert steward.text() == ("Good.", "stop")
    assert (first.requests(), second.requests()) == (5, 1)


@pytest.mark.parametrize("reset", ["-5s", "soon", "99999999999999999999h", "0s", "5", "2019-01-01T00:00:00Z", "\x80\xff"])
def test_nonsense_moves_nothing(make_steward, reset):
    first, second = Provider(**used_up("requests", reset)), Provider()
    steward = make_steward(models=one_after_the_other(first, second))
    for _ in range(3):
        steward.text()
    assert (first.requests(), second.requests()) == (3, 0)


def test_a_wait_in_milliseconds_is_kept_and_told_in_seconds(make_steward):
    first, second = Provider(status=429, **{"retry-after-ms": "400", "retry-after": "30"}), Provider()
    steward = make_steward(models=one_after_the_other(first, second))
    steward.text()
    told = time.monotonic()
    steward.text()
    assert (first.requests(), second.requests()) == (1, 2)
    first.status = 200
    time.sleep(max(0, 0.45 - (time.monotonic() - told)))
    steward.text()
    assert first.requests() == 2
    alone = make_steward(models=one_after_the_other(Provider(status=429, **{"retry-after-ms": "1400"})))
    with pytest.raises(openai.RateLimitError) as error:
        alone.chat()
    assert error.value.response.headers["retry-after"] == "2"
