"""Load goes where it can be served: away from upstreams that fail, that ask to be left alone, or that are busy; and who
must wait gets a turn."""

import re
import threading
import time
from http.server import ThreadingHTTPServer

import openai
import pytest
from harness import CannedHandler, Rehearsal, get, wait_until


@pytest.fixture
def servers(tmp_path):
    """Model servers of a test's own."""
    made = []

    def make(count):
        made.extend(Rehearsal(tmp_path / f"server-{number}") for number in range(count))
        return made
    yield make
    for server in made:
        server.stop()


def models(*servers, first="", **more):
    """A model of several servers, one after the other unless they have weights; with options for the first."""
    upstreams = [
        {"name": f"server-{number}", "url": server.url, **more, **({"priority": number} if "weight" not in more else {})}
        for number, server in enumerate(servers)]
    if first:
        upstreams[0]["model"] = f"rehearsal?{first}"
    return [{"name": "rehearsal", "upstreams": upstreams}]


def metric(steward, name, **labels):
    wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
    found = re.search(rf"^{name}\{{{wanted}\}} (\d+)", get(steward.telemetry + "/metrics")[1], re.M)
    return int(found.group(1)) if found else 0


def at_once(count, ask):
    """Asks from so many threads; what came of each, in the order of their ends."""
    results = []

    def run(number):
        try:
            results.append((number, ask(number)))
        except openai.APIError as error:
            results.append((number, error))
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


PASSES = {"headers": {"to_upstream": ["x-rehearsal"]}}


@pytest.mark.parametrize("status", [429, 503, 529])
def test_who_is_refused_for_load_is_served_by_another_and_the_first_is_left_alone(make_steward, servers, status):
    first, second = servers(2)
    steward = make_steward(models=models(first, second, first=f"error={status}&failures=1&retry-after=30"))
    assert steward.text()[1] == "stop"
    assert (first.requests(), second.requests()) == (1, 1)
    for _ in range(5):
        steward.text()
    assert (first.requests(), second.requests()) == (1, 6)
    assert metric(steward, "steward_upstream_retries_total", upstream="server-0") == 1
    assert wait_until(steward.records)[-1]["upstream"] == "server-1"


def test_an_upstream_without_another_passes_its_refusal_on(make_steward, rehearsal):
    steward = make_steward(settings=PASSES)
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as error:
            steward.chat(options="error=429;retry-after=7")
        assert error.value.response.headers["retry-after"] == "7"
    assert rehearsal.requests() == 2


def test_where_no_other_may_be_asked_the_first_refusal_is_told_and_no_retry_is_counted(make_steward, servers):
    first, second = servers(2)
    steward = make_steward(
        models=models(first, second, first="error=429&retry-after=7"),
        settings={"resilience": {"breaker_failures": 3, "breaker_pause": "20s"}})
    second.stop()
    # The other can't be reached; three such failures open its breaker.
    for _ in range(3):
        with pytest.raises(openai.APIStatusError):
            steward.chat()
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-1") == 1
    retries = metric(steward, "steward_upstream_retries_total", upstream="server-0")
    for _ in range(3):
        with pytest.raises(openai.RateLimitError) as error:
            steward.chat()
        assert error.value.response.headers["retry-after"] == "7"
        record = steward.record(error.value.body["request_id"])
        assert (record["upstream"], record["refusal"]) == ("server-0", "status_429")
    assert metric(steward, "steward_upstream_retries_total", upstream="server-0") == retries


def test_an_upstream_that_keeps_failing_is_left_alone_and_tried_again(make_steward, servers):
    first, second = servers(2)
    steward = make_steward(
        models=models(first, second, first="error=500&failures=3"),
        settings={"resilience": {"breaker_failures": 3, "breaker_pause": "4s"}})
    for _ in range(3):
        with pytest.raises(openai.InternalServerError):
            steward.chat()
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 1
    opened = time.monotonic()
    for _ in range(4):
        steward.text()
    assert (first.requests(), second.requests()) == (3, 4)
    time.sleep(max(0, 4.1 - (time.monotonic() - opened)))
    steward.text()
    assert first.requests() == 4
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 0
    assert metric(steward, "steward_upstream_breaker_openings_total", upstream="server-0") == 1


def test_the_only_upstream_is_not_asked_while_it_is_left_alone(make_steward, rehearsal):
    steward = make_steward(
        settings=PASSES | {"resilience": {"breaker_failures": 3, "breaker_pause": "20s"}})
    for _ in range(3):
        with pytest.raises(openai.InternalServerError):
            steward.chat(options="fault=close")
    asked = rehearsal.requests()
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat()
    assert (error.value.status_code, error.value.code) == (503, "upstream_unavailable")
    assert 15 <= int(error.value.response.headers["retry-after"]) <= 20
    assert rehearsal.requests() == asked
    record = steward.record(error.value.body["request_id"])
    assert (record["outcome"], record["refusal"], record["input_tokens"]) == ("upstream_failed", "breaker_open", 0)


def test_a_dead_upstream_costs_nobody_an_answer(make_steward, servers):
    first, second = servers(2)
    steward = make_steward(
        models=models(first, second, weight=1), settings={"resilience": {"breaker_failures": 10}})
    first.stop()
    assert all(steward.text()[1] == "stop" for _ in range(30))
    assert second.requests() == 30
    # After ten failures it is not tried any more.
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 1


def test_retries_stay_within_their_budget(make_steward, servers):
    first, second = servers(2)
    steward = make_steward(models=models(first, second), settings=PASSES | {"resilience": {"retry_percent": 0}})
    first.stop()
    with pytest.raises(openai.InternalServerError) as error:
        steward.chat()
    assert error.value.code == "upstream_unavailable" and second.requests() == 0


def test_load_is_shared_by_weight_and_moves_to_who_has_less_to_do(make_steward, servers):
    first, second = servers(2)
    steward = make_steward(models=models(first, second, weight=1), settings=PASSES)
    at_once(12, lambda number: steward.text(options="ttft=600ms"))
    assert {first.requests(), second.requests()} == {6}


def test_requests_wait_for_a_busy_upstream_and_every_application_has_its_turn(make_steward, rehearsal):
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [
            {"name": "server", "url": rehearsal.url, "connections_max": 1}]}],
        settings=PASSES | {"resilience": {"queue_timeout": "20s"}})
    other = steward.make_key(steward.make_application("Other")["id"])[1]
    ends = []

    def ask(number):
        # Seven of one application are there before the one of another.
        time.sleep(0.05 * number)
        steward.text(options="ttft=200ms;tokens=1", key=other if number == 7 else None)
        ends.append(number)
    results = at_once(8, ask)
    assert not [result for _, result in results if result is not None]
    assert ends.index(7) <= 4, ends
    assert metric(steward, "steward_upstream_queued", upstream="server") == 0


class Fickle(ThreadingHTTPServer):
    """Answers once on each connection, and closes it when it is asked again."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), FickleHandler)
        self.status = 200
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


class FickleHandler(CannedHandler):
    asked = 0

    def do_POST(self):
        self.asked += 1
        self.close_connection = self.asked > 1
        if self.close_connection:
            return
        time.sleep(0.02)
        self.server.content_type, self.server.fields = "application/json", {}
        self.server.body = b'{"choices": [{"index": 0, "message": {"content": "Fine."}, "finish_reason": "stop"}]}'
        super().do_POST()


def test_connections_that_a_server_closes_again_and_again_keep_nobody_waiting(make_steward):
    server = Fickle()
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [{"name": "server", "url": server.url, "connections_max": 1}]}],
        settings={"resilience": {"queue_timeout": "20s"}, "gateway": {"threads": 1}})
    began = time.monotonic()
    for _ in range(3):
        results = at_once(12, lambda number: steward.chat())
        assert not [result for _, result in results if isinstance(result, Exception)]
    assert time.monotonic() - began < 15
    assert metric(steward, "steward_upstream_queued", upstream="server") == 0
    server.shutdown()


def test_a_full_queue_and_a_long_wait_are_told(make_steward, rehearsal):
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [
            {"name": "server", "url": rehearsal.url, "connections_max": 1}]}],
        settings=PASSES | {"resilience": {"queue_max": 2, "queue_timeout": "700ms"}})
    results = at_once(5, lambda number: steward.text(options="ttft=1200ms;tokens=1"))
    failed = [error for _, error in results if isinstance(error, openai.InternalServerError)]
    # A sandbox application may fill half of the queue.
    assert len(failed) == 4 and {error.code for error in failed} == {"overloaded"}
    assert all(int(error.response.headers["retry-after"]) == 1 for error in failed)


def test_a_client_that_leaves_the_queue_is_not_served(make_steward, rehearsal):
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [
            {"name": "server", "url": rehearsal.url, "connections_max": 1}]}], settings=PASSES)
    busy = threading.Thread(target=lambda: steward.text(options="ttft=1500ms;tokens=1"))
    busy.start()
    assert wait_until(lambda: rehearsal.requests() == 1)
    with pytest.raises(openai.APITimeoutError):
        steward.chat(client=steward.client(timeout=0.4))
    assert wait_until(lambda: metric(steward, "steward_upstream_queued", upstream="server") == 0, 1)
    busy.join()
    time.sleep(0.3)
    assert rehearsal.requests() == 1
