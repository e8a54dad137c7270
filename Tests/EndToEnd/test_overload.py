"""A minute of four times what a limit lets through, on two gateways with one PostgreSQL and one Redis, which both die."""

import http.client
import json
import shutil
import signal
import threading
import time

import pytest
from harness import wait_until
from postgres import PROGRAMS
from test_postgres import is_accepted, make_pair, postgres, seconds_until  # noqa: F401
from test_shared_limits import LEASE, PER_MINUTE, Redis, gauge

pytestmark = pytest.mark.skipif(
    PROGRAMS is None or shutil.which("redis-server") is None, reason="there is no PostgreSQL or Redis")

SECONDS = 60
ALLOWED = PER_MINUTE / 60 * SECONDS + PER_MINUTE
CALLERS, PAUSE = 8, 0.1


class Caller(threading.Thread):
    """Asks one gateway after the other, whatever it is told; keeps the status and the id of each answer."""

    def __init__(self, pair, key, ends):
        super().__init__()
        self.pair, self.key, self.ends = pair, key, ends
        self.answers, self.slowest, self.failure = [], 0.0, None

    def run(self):
        try:
            self.go_on_asking()
        except Exception as failure:  # A thread tells nobody.
            self.failure = failure

    def go_on_asking(self):
        connections = [None] * len(self.pair)
        turn = 0
        while not self.ends.wait(PAUSE):
            turn = (turn + 1) % len(self.pair)
            begin = time.monotonic()
            connections[turn] = connections[turn] or http.client.HTTPConnection(*self.pair[turn].address, timeout=10)
            connections[turn].request(
                "POST", "/v1/chat/completions",
                json.dumps({"model": "rehearsal", "messages": [{"role": "user", "content": "Say something."}]}),
                {"authorization": f"Bearer {self.key}", "content-type": "application/json"})
            answer = connections[turn].getresponse()
            body = answer.read()
            self.slowest = max(self.slowest, time.monotonic() - begin)
            code = json.loads(body)["error"]["code"] if answer.status != 200 else None
            self.answers.append((answer.status, code, answer.getheader("x-request-id").removeprefix("req_")))


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path)
    yield server
    server.process.kill()
    server.process.wait()


def test_overload_of_two_gateways_stays_within_the_bound(make_pair, postgres, redis):  # noqa: F811
    pair = make_pair(limits={"shared": {"host": "127.0.0.1", "port": redis.port, "processes": 2}})
    first, second = pair
    first.make_application("Limited")
    first.command("applications", "limits", "Limited", "--requests-per-minute", str(PER_MINUTE))
    _, key = first.make_key("Limited")
    spare_id, spare = first.make_key("Limited", name="to be revoked")
    for server in pair:
        assert wait_until(lambda: is_accepted(server, key) and is_accepted(server, spare), 10)
        assert wait_until(lambda: gauge(server, "steward_limits_shared_breaker") == 0, 10)

    ends = threading.Event()
    callers = [Caller(pair, key, ends) for _ in range(CALLERS)]
    begin = time.monotonic()
    for caller in callers:
        caller.start()
    try:
        time.sleep(12)
        redis.kill()
        time.sleep(3)
        redis.start()
        time.sleep(10)
        postgres.kill()
        time.sleep(5)
        postgres.start()
        assert wait_until(lambda: first.command("keys", "list", check=False).returncode == 0, 20)
        # Both follow changes again, as soon as they have noticed that the server is there again.
        _, probe = first.make_key("Limited", name="made after the crash")
        # Once a second: an address that sends many unknown keys is soon refused.
        assert wait_until(lambda: is_accepted(second, probe), 15, 1)
        first.command("keys", "revoke", spare_id)
        assert seconds_until(lambda: not is_accepted(second, spare)) < 1
        time.sleep(max(0, begin + SECONDS - time.monotonic()))
    finally:
        ends.set()
        for caller in callers:
            caller.join()
    seconds = time.monotonic() - begin

    assert [caller.failure for caller in callers] == [None] * CALLERS
    answers = [answer for caller in callers for answer in caller.answers]
    admitted = [identifier for status, _, identifier in answers if status == 200]
    assert len(answers) >= 4 * ALLOWED, "this was no overload"
    # r · T + b + N · l, of the guide on shared limits; and it does not answer less than half of that for safety's sake.
    assert ALLOWED / 2 <= len(admitted) <= PER_MINUTE / 60 * seconds + PER_MINUTE + 2 * LEASE
    # What was not admitted was told why; nothing else went wrong, whatever died.
    assert {code for status, code, _ in answers if status != 200} == {"rate_limit_exceeded", "limits_unavailable"}
    assert max(caller.slowest for caller in callers) < 5
    for server in pair:
        assert server.stop(signal.SIGTERM, 30) == 0
    recorded = [record["id"].removeprefix("req_") for record in first.records() if record["outcome"] == "answered"]
    assert sorted(set(recorded) & set(admitted)) == sorted(admitted) and len(recorded) == len(set(recorded))
