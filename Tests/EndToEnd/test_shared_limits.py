"""Several gateways share limits through one Redis, whatever becomes of them and of it."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import openai
import pytest

from harness import Steward, get, wait_until
from postgres import free_port

REDIS = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(REDIS is None, reason="there is no redis-server")

PER_MINUTE = 300
# What one process may hold unused: 5 %.
LEASE = PER_MINUTE * 5 // 100


class Redis:
    """A redis-server of the test's own, without persistence."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL)
        assert wait_until(lambda: self.ask("PING") == "+PONG", 10)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, *words):
        """The first line of an answer; None when nobody is there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall((" ".join(words) + "\r\n").encode())
                return connection.makefile().readline().strip()
        except OSError:
            return None


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path)
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def make_pair(tmp_path, rehearsal, redis):
    """Two gateways that know the same keys and share limits, and a key whose application has these limits."""
    made = []

    def make(away="closed", limits=None, sandbox_users=None, **shared):
        first = Steward(tmp_path / "first", upstream=rehearsal.url)
        made.append(first)
        first.make_application("Shared")
        flags = (limits or {"requests-per-minute": PER_MINUTE}).items()
        first.command("applications", "limits", "Shared", *(word for name, n in flags for word in (f"--{name}", str(n))))
        _, key = first.make_key("Shared")
        first.stop(signal.SIGTERM)
        settings = {"limits": {"shared": {"host": "127.0.0.1", "port": redis.port, "away": away} | shared}}
        if sandbox_users:
            settings["limits"]["sandbox"] = {"end_user": sandbox_users}
        pair = []
        for name in ("one", "other"):
            shutil.copytree(first.data, tmp_path / f"{name}-data")
            pair.append(Steward(
                tmp_path / name, upstream=rehearsal.url, settings=settings, data=tmp_path / f"{name}-data"))
            made.append(pair[-1])
        for server in pair:
            assert wait_until(lambda: gauge(server, "steward_limits_shared_breaker") == 0), server.program.text()[-2000:]
        return pair, key

    yield make
    for server in made:
        server.stop()


def gauge(server, name):
    found = re.search(rf"^{re.escape(name)} ([0-9.]+)$", get(server.telemetry + "/metrics")[1], re.M)
    return float(found.group(1)) if found else None


class Flood:
    """As many requests as several threads can make, which count as requests and ask no model."""

    def __init__(self, servers, key, threads=2):
        self.key = key
        self.statuses = {server: [] for server in servers}
        self.codes, self.fields, self.slowest = {}, [], 0.0
        self.begin = time.monotonic()
        self.ends = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(server,)) for server in servers for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, server):
        connection = None
        while not self.ends.is_set():
            begin = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection(*server.address, timeout=10)
                connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {self.key}"})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                connection = None
                if server.program.process.poll() is not None:
                    return
                continue
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.statuses[server].append(answer.status)
            if answer.status == 200:
                self.fields.append(dict(answer.getheaders()))
            else:
                code = json.loads(body)["error"]["code"]
                self.codes.setdefault(code, dict(answer.getheaders()))

    def end(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()
        self.seconds = time.monotonic() - self.begin
        return self

    def admitted(self, server=None):
        return sum(statuses.count(200) for which, statuses in self.statuses.items() if server in (None, which))

    def offered(self):
        return sum(map(len, self.statuses.values()))

    def bound(self, processes=2):
        """What may be admitted: r · T + b + N · l."""
        return PER_MINUTE / 60 * self.seconds + PER_MINUTE + processes * LEASE


def test_two_gateways_admit_what_one_would_and_share_it(make_pair):
    pair, key = make_pair()
    flood = Flood(pair, key)
    time.sleep(5)
    flood.end()
    assert flood.offered() > 4 * PER_MINUTE
    # While nothing goes wrong, not even the leases come on top.
    assert PER_MINUTE * 0.9 <= flood.admitted() <= flood.bound(processes=0) + 1
    for server in pair:
        assert flood.admitted(server) >= 0.25 * flood.admitted()
        page = get(server.telemetry + "/metrics")[1]
        assert 'steward_limits_shared_decisions_total{by="lease"}' in page
        assert gauge(server, "steward_limits_shared_call_duration_seconds_count") > 0
    # Most requests, refused ones too, wait for no round trip.
    calls = sum(gauge(server, 'steward_limits_shared_calls_total{result="answered"}') for server in pair)
    assert calls < flood.offered() / 2
    assert set(flood.codes) == {"rate_limit_exceeded"}
    assert 1 <= int(flood.codes["rate_limit_exceeded"]["retry-after"]) <= 60
    for fields in flood.fields:
        assert fields["x-ratelimit-limit-requests"] == str(PER_MINUTE)
        assert 0 <= int(fields["x-ratelimit-remaining-requests"]) < PER_MINUTE
        assert fields["x-ratelimit-reset-requests"].endswith("s")


def test_a_killed_gateway_takes_no_more_than_its_lease_with_it(make_pair):
    pair, key = make_pair(lease_time="1s")
    flood = Flood(pair, key)
    time.sleep(1)
    pair[0].stop(signal.SIGKILL)
    time.sleep(4)
    flood.end()
    assert 0.8 * PER_MINUTE <= flood.admitted() <= flood.bound()
    # What it had in flight counts until its lease is over, and no longer.
    assert wait_until(lambda: served(pair[1], key), 5, 0.2)


def served(server, key):
    try:
        return bool(server.client(key).models.list().data)
    except openai.APIStatusError:
        return False


@pytest.mark.parametrize("away", ["closed", "local_share"])
def test_redis_killed_and_restarted_empty_in_the_middle(make_pair, redis, away):
    pair, key = make_pair(away=away, processes=2)
    flood = Flood(pair, key)
    time.sleep(2)
    gone = time.monotonic()
    redis.kill()
    time.sleep(2)
    redis.start()
    for server in pair:
        assert wait_until(lambda: gauge(server, "steward_limits_shared_breaker") == 0, 15)
    outage = time.monotonic() - gone
    time.sleep(3)
    flood.end()
    shares = 2 * (PER_MINUTE / 60 / 2) * outage if away == "local_share" else 0
    assert flood.admitted() <= flood.bound() + shares
    if away == "closed":
        fields = flood.codes["limits_unavailable"]
        assert fields["retry-after"] == "1" and fields["x-should-retry"] == "true"
    else:
        assert "limits_unavailable" not in flood.codes
        shared = 'steward_limits_shared_decisions_total{by="local_share"}'
        assert all(gauge(server, shared) > 0 for server in pair)
    for server in pair:
        assert wait_until(lambda: served(server, key), 10, 0.1)


def late_calls(server):
    """How often the gateway waited for Redis in vain."""
    text = get(server.telemetry + "/metrics")[1]
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith("steward_limits_shared_calls_total{") and 'late' in line)


def test_a_slow_redis_slows_nobody(make_pair, redis):
    pair, key = make_pair()
    redis.process.send_signal(signal.SIGSTOP)
    try:
        assert wait_until(lambda: not served(pair[0], key) and gauge(pair[0], "steward_limits_shared_breaker") == 1, 10)
        before = late_calls(pair[0])
        for _ in range(50):
            assert not served(pair[0], key)
        # They were refused without asking it, but for a trial now and then.
        assert late_calls(pair[0]) - before < 25
        # What no lease covers is answered 503, so a load balancer should look elsewhere.
        status, report = get(pair[0].telemetry + "/health/ready")
        assert status == 503 and json.loads(report)["components"]["limits"]["status"] == "red"
    finally:
        redis.process.send_signal(signal.SIGCONT)
    assert wait_until(lambda: served(pair[0], key), 10, 0.1)
    assert get(pair[0].telemetry + "/health/ready")[0] == 200


def test_a_redis_that_is_full_is_taken_for_one_that_is_away(make_pair, redis):
    pair, key = make_pair()
    flood = Flood(pair, key)
    assert redis.ask("CONFIG", "SET", "maxmemory", "1") == "+OK"
    for server in pair:
        assert wait_until(lambda: gauge(server, "steward_limits_shared_breaker") == 1, 10)
    # It answers, and takes no call: so it stays away.
    assert not wait_until(lambda: gauge(pair[0], "steward_limits_shared_breaker") == 0, 3)
    assert "it refuses calls" in pair[0].program.text()
    assert redis.ask("CONFIG", "SET", "maxmemory", "0") == "+OK"
    for server in pair:
        assert wait_until(lambda: gauge(server, "steward_limits_shared_breaker") == 0, 15)
    flood.end()
    assert flood.admitted() <= flood.bound()
    assert "limits_unavailable" in flood.codes
    assert wait_until(lambda: served(pair[0], key), 10, 0.1)


def test_readiness_stays_green_where_each_gateway_goes_on_by_itself(make_pair, redis):
    pair, _ = make_pair(away="local_share", processes=2)

    def lamp():
        status, report = get(pair[0].telemetry + "/health/ready")
        return status, json.loads(report)["components"]["limits"]["status"]

    assert lamp() == (200, "green")
    redis.kill()
    assert wait_until(lambda: lamp() == (200, "degraded"), 5), lamp()
    redis.start()
    assert wait_until(lambda: lamp() == (200, "green"), 15), lamp()


def test_an_end_users_limit_holds_over_both_gateways(make_pair):
    pair, key = make_pair(sandbox_users={"requests_per_minute": 6})

    def asks(server, user):
        try:
            return bool(server.chat(key=key, user=user, max_tokens=5).choices)
        except openai.RateLimitError as error:
            assert "end user" in error.message
            return False

    outcomes = [asks(pair[number % 2], "a person") for number in range(14)]
    assert 6 <= sum(outcomes) <= 7 and not outcomes[-1]
    assert asks(pair[0], "another person")


def test_concurrent_requests_count_in_both_and_a_killed_ones_come_back(make_pair):
    pair, key = make_pair(limits={"concurrent-requests": 2}, lease_time="1s")
    streams = [server.chat(key=key, options="rate=5;tokens=200", stream=True) for server in pair]
    for stream in streams:
        next(iter(stream))
    for server in pair:
        with pytest.raises(openai.RateLimitError) as error:
            server.chat(key=key)
        assert "at the same time" in error.value.message
    pair[0].stop(signal.SIGKILL)

    def answers():
        try:
            return pair[1].chat(key=key).choices
        except openai.RateLimitError:
            return None

    assert wait_until(answers, 10, 0.1)
    streams[1].close()


def test_tokens_are_reserved_and_refunded_across_gateways(make_pair):
    pair, key = make_pair(limits={"tokens-per-minute": 10_000})
    one, other = pair
    stream = one.chat(key=key, options="rate=20;tokens=200", stream=True, max_tokens=8_000)
    next(iter(stream))
    with pytest.raises(openai.RateLimitError) as error:
        other.chat(key=key, max_tokens=5_000)
    assert error.value.type == "tokens"
    with pytest.raises(openai.BadRequestError) as error:
        other.chat(key=key, max_tokens=20_000)
    assert error.value.code == "request_above_limit"
    stream.close()

    def answers():
        try:
            return other.chat(key=key, max_tokens=5_000).choices
        except openai.RateLimitError:
            return None

    assert wait_until(answers, 5, 0.1)


def test_leases_go_back_at_shutdown(make_pair, redis):
    pair, key = make_pair()
    for server in pair:
        assert served(server, key)
    keys = subprocess.run(
        ["redis-cli", "-p", str(redis.port), "--scan", "--pattern", "{steward}:a:*"], capture_output=True, text=True,
        check=True).stdout.split()
    assert len(keys) == 1

    def records():
        fields = subprocess.run(
            ["redis-cli", "-p", str(redis.port), "HKEYS", keys[0]], capture_output=True, text=True, check=True).stdout
        return [field for field in fields.split() if field.startswith("p")]

    assert len(records()) == 2
    pair[0].stop(signal.SIGTERM)
    assert len(records()) == 1
