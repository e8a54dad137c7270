"""A request that an upstream keeps waiting is sent to a second one, once, within a budget; the first answer serves."""

import threading
import time

import openai
import pytest
from harness import wait_until
from providers import Provider
from test_upstream_resilience import metric

ALL = {"resilience": {"hedge_percent": 100}}


def model(*servers, hedge_after="300ms", **more):
    return [{"name": "rehearsal", **({"hedge_after": hedge_after} if hedge_after else {}), "upstreams": [
        {"name": f"server-{number}", "url": server.url, "priority": number, **more}
        for number, server in enumerate(servers)]}]


def hedges(steward, number):
    return tuple(metric(steward, f"steward_upstream_{name}_total", upstream=f"server-{number}")
                 for name in ("hedges", "hedges_won"))


def outstanding(steward):
    return [metric(steward, "steward_upstream_outstanding", upstream=f"server-{number}") for number in range(2)]


def test_the_second_serves_when_the_first_is_silent_and_the_first_is_broken_off(make_steward):
    slow, quick = Provider(), Provider()
    slow.delay = 5
    steward = make_steward(models=model(slow, quick), settings=ALL)
    began = time.monotonic()
    steward.text()
    assert 0.3 <= time.monotonic() - began < 2
    assert wait_until(lambda: slow.broken_off == 1)
    assert (slow.requests(), quick.requests()) == (1, 1) and hedges(steward, 1) == (1, 1)
    [record] = wait_until(steward.records)
    assert (record["outcome"], record["upstream"], record["output_tokens"]) == ("answered", "server-1", 2)
    assert outstanding(steward) == [0, 0]


def test_the_first_serves_when_it_is_quicker_after_all(make_steward):
    first, second = Provider(), Provider()
    first.delay, second.delay = 0.8, 5
    steward = make_steward(models=model(first, second), settings=ALL)
    began = time.monotonic()
    steward.text()
    assert time.monotonic() - began < 2
    assert wait_until(lambda: second.broken_off == 1)
    assert hedges(steward, 1) == (1, 0) and wait_until(steward.records)[0]["upstream"] == "server-0"
    assert outstanding(steward) == [0, 0]


def test_an_answer_in_time_and_a_model_that_did_not_ask_for_it_cost_nothing_twice(make_steward):
    first, second = Provider(), Provider()
    steward = make_steward(models=model(first, second), settings=ALL)
    for _ in range(20):
        steward.text()
    assert (first.requests(), second.requests()) == (20, 0)
    first.delay = 0.8
    plain = make_steward(models=model(first, second, hedge_after=None), settings=ALL)
    plain.text()
    assert second.requests() == 0


def test_streams_and_what_a_server_keeps_are_sent_once(make_steward, servers_of_rehearsal):
    first, second = servers_of_rehearsal
    models = model(first, second)
    models[0]["admit_unscreened"] = ["stored_text"]
    models[0]["upstreams"][0]["model"] = "rehearsal?ttft=900ms&tokens=3"
    steward = make_steward(models=models, settings=ALL)
    steward.text(stream=True)
    steward.client().responses.create(model="rehearsal", input="Hello.", store=True)
    assert (first.requests(), second.requests()) == (2, 0)
    steward.client().responses.create(model="rehearsal", input="Hello.", store=False)
    assert (first.requests(), second.requests()) == (3, 1)


@pytest.fixture
def servers_of_rehearsal(tmp_path):
    from harness import Rehearsal
    made = [Rehearsal(tmp_path / f"server-{number}") for number in range(2)]
    yield made
    for server in made:
        server.stop()


def test_second_requests_stay_within_their_share(make_steward):
    slow, quick = Provider(), Provider()
    slow.delay = 0.5
    steward = make_steward(
        models=model(slow, quick, hedge_after="100ms"), settings={"resilience": {"hedge_percent": 10}})
    threads = [threading.Thread(target=steward.text) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One to begin with, and three of thirty.
    assert quick.requests() == 4 and slow.requests() == 30


@pytest.mark.parametrize("status", [500, 429, 404])
def test_a_second_that_fails_leaves_the_first_its_time(make_steward, status):
    slow, failing = Provider(), Provider(status=status)
    slow.delay = 1
    steward = make_steward(models=model(slow, failing), settings=ALL)
    assert steward.text() == ("Good.", "stop")
    assert (slow.requests(), failing.requests(), slow.broken_off) == (1, 1, 0)
    assert metric(steward, "steward_upstream_failures_total", upstream="server-1", code=f"status_{status}") == 1
    assert wait_until(steward.records)[0]["upstream"] == "server-0"


def test_a_first_that_fails_late_leaves_the_second_its_time_and_of_two_failures_the_first_is_told(make_steward):
    first, second = Provider(status=500), Provider()
    first.delay, second.delay = 0.6, 1
    steward = make_steward(models=model(first, second), settings=ALL)
    assert steward.text() == ("Good.", "stop")
    assert wait_until(steward.records)[0]["upstream"] == "server-1"
    second.status = 404
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat()
    record = steward.record(error.value.body["request_id"])
    assert (record["upstream"], record["refusal"]) == ("server-0", "status_500")
    assert second.requests() == 2 and outstanding(steward) == [0, 0]


def test_who_fails_before_the_time_is_followed_by_a_retry_as_ever(make_steward):
    first, second = Provider(status=503), Provider()
    steward = make_steward(models=model(first, second), settings=ALL)
    steward.text()
    assert hedges(steward, 1) == (0, 0)
    assert metric(steward, "steward_upstream_retries_total", upstream="server-0") == 1


def test_both_are_broken_off_when_the_client_leaves(make_steward):
    first, second = Provider(), Provider()
    first.delay = second.delay = 10
    steward = make_steward(models=model(first, second), settings=ALL)
    with pytest.raises(openai.APITimeoutError):
        steward.chat(client=steward.client(timeout=0.8))
    assert wait_until(lambda: first.broken_off == second.broken_off == 1)
    assert wait_until(lambda: outstanding(steward) == [0, 0])
    assert wait_until(steward.records)[0]["outcome"] == "client_left"


def test_who_waits_for_a_connection_gives_its_place_up_when_the_other_answers(make_steward, servers_of_rehearsal):
    first, second = servers_of_rehearsal
    steward = make_steward(models=model(first, second, hedge_after="700ms", connections_max=1), settings=ALL)
    streams = [threading.Thread(target=steward.text, kwargs={"options": options, "stream": True})
               for options in ("ttft=4s;tokens=1", "ttft=500ms;tokens=1")]
    for server, stream in zip((first, second), streams):
        stream.start()
        assert wait_until(lambda: server.requests() == 1)
    # Both are busy. It waits for the first, and is served by the second, which is free before.
    began = time.monotonic()
    steward.text(options="tokens=1")
    assert time.monotonic() - began < 2
    assert metric(steward, "steward_upstream_queued", upstream="server-0") == 0
    for stream in streams:
        stream.join()
    assert (first.requests(), second.requests()) == (1, 2)
    assert outstanding(steward) == [0, 0]


def test_no_second_is_asked_that_is_left_alone_or_busy(make_steward):
    slow, cooling = Provider(), Provider(**{
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "50s"})
    slow.delay = 0.7
    steward = make_steward(models=model(slow, cooling), settings=ALL)
    steward.text()
    assert cooling.requests() == 1
    slow.delay = 0.7
    steward.text()
    assert cooling.requests() == 1
