"""What goes on while a configuration is replaced: streams, connections, what is known of upstreams, and many requests."""

import json
import random
import signal
import threading
import time

import openai
import pytest
from harness import UNLIMITED, RawAnswer, chat_body, get, merge, wait_until
from providers import Provider
from reloading import RELOADS, guidelines, models, reload, rules, said, settings_of, value, write
from test_upstream_resilience import metric


def test_a_stream_ends_under_the_rules_that_it_began_under(make_steward, rehearsal, tmp_path):
    rule = tmp_path / "rules.yaml"
    rule.write_text(rules("alpha"))
    (tmp_path / "guidelines.yaml").write_text(guidelines("First"))
    steward = make_steward({"filter": {"rules": [str(rule)]}, "guidelines": {"file": str(tmp_path / "guidelines.yaml")}})
    prompt = "one two three four five six seven eight nine ten " * 5 + "alphabet bravo"
    # Echoed word by word, for some seconds; the rules that it began under know nothing of `bravo`.
    stream = steward.chat(prompt, options="style=echo;rate=5", stream=True)
    iterator = iter(stream)
    pieces = [next(iterator) for _ in range(3)]
    rule.write_text(rules("bravo", "two"))
    settings = settings_of(steward)
    settings["models"] = [m for m in settings["models"] if m["name"] != "rehearsal-vision"]
    settings["models"][0]["upstreams"][0]["weight"] = 7
    reload(steward, settings)
    assert steward.text("two and bravo", options="style=echo")[0].count("[redacted:privacy]") == 2
    assert value(steward, "steward_configuration_paths") == 2
    text = "".join(c.delta.content or "" for chunk in pieces + list(iterator) for c in chunk.choices)
    assert "bravo" in text and "two" in text and "[redacted" not in text
    assert steward.record(stream.response.headers["x-request-id"])["outcome"] == "answered"
    assert wait_until(lambda: value(steward, "steward_configuration_paths") == 1)


def test_kept_connections_go_on_on_both_sides(make_steward, rehearsal):
    steward = make_steward()
    body = chat_body().encode()
    request = steward.head(fields=["content-type: application/json", f"content-length: {len(body)}"]) + body
    with steward.connection() as connection:
        connection.sendall(request)
        assert RawAnswer.read(connection).status == 200
        before = rehearsal.observations()["connections"]
        settings = settings_of(steward, limits={"sandbox": UNLIMITED | {"requests_per_minute": 4321}})
        # One whose head has begun to arrive is answered by what holds when it is there.
        connection.sendall(request[:40])
        reload(steward, settings)
        connection.sendall(request[40:])
        answer = RawAnswer.read(connection)
        assert (answer.status, answer.fields["x-ratelimit-limit-requests"]) == (200, "4321")
        reload(steward, merge(settings, {"gateway": {"http": {"head_bytes_max": "1KiB"}}}))
        # The question itself comes on one of its own.
        assert rehearsal.observations()["connections"] == before + 1
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"y" * 2_000 + b"\r\n\r\n")
        assert RawAnswer.read(connection).status == 431


def test_live_limits_and_breakers_survive(make_steward):
    bad, good = Provider(status=500), Provider(said("Good."))
    steward = make_steward(
        {"resilience": {"breaker_failures": 3, "breaker_pause": "1h"},
         "limits": {"sandbox": {"requests_per_minute": 6}}}, models=models(bad))
    for _ in range(3):
        with pytest.raises(openai.InternalServerError):
            steward.chat()
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 1
    settings = settings_of(steward, limits={"sandbox": {"requests_per_minute": 7}})
    settings["models"] = models(bad, good)
    reload(steward, settings)
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 1
    answer = steward.post(chat_body())
    assert answer.status == 200 and bad.requests() == 3
    # Three of before and this one are counted against the new limit.
    assert int(answer.fields["x-ratelimit-remaining-requests"]) <= 4
    settings["models"] = models(good, name="rehearsal")
    settings["models"][0]["upstreams"][0]["name"] = "server-1"
    reload(steward, settings)
    assert metric(steward, "steward_upstream_breaker_open", upstream="server-0") == 0


def test_health_checks_follow(make_steward):
    check = {"health": {"interval": "100ms", "timeout": "1s", "unhealthy_after": 2, "healthy_after": 2}}
    first, second = Provider(said("first")), Provider(said("second"))
    first.health = 503
    steward = make_steward(models=models(first, **check))
    assert wait_until(lambda: metric(steward, "steward_upstream_unhealthy", upstream="server-0") == 1)
    settings = settings_of(steward)
    settings["models"] = models(first, second, **check)
    reload(steward, settings)
    # What was found stays found, and the new one is asked.
    assert metric(steward, "steward_upstream_unhealthy", upstream="server-0") == 1
    assert steward.text()[0] == "second"
    assert wait_until(lambda: len(second.checked) > 2)
    settings["models"] = models(second, **check)
    reload(steward, settings)
    assert metric(steward, "steward_upstream_unhealthy", upstream="server-0") == 0
    # One check may have been on its way.
    time.sleep(0.3)
    asked = len(first.checked)
    time.sleep(0.5)
    assert len(first.checked) == asked
    settings["models"][0]["upstreams"][0].pop("health")
    reload(steward, settings)
    assert steward.text()[0] == "second"


# All at once


class Pair:
    """Two configurations in which everything that an answer shows differs: limits, headers, servers, verdicts, guidelines."""

    def __init__(self, folder, differ):
        self.servers = {"a": Provider(said("alpha and bravo"), **{"x-served": "a"}),
                        "b": Provider(said("alpha and bravo"), **{"x-served": "b"})}
        self.settings, self.chats, self.findings, self.versions = {}, {}, {}, {}
        for name, word, category, limit in (("a", "alpha", "privacy", 100_000_000), ("b", "bravo", "spam", 200_000_000)):
            rule, guide = folder / f"{name}-rules.yaml", folder / f"{name}-guidelines.yaml"
            own = rules(word).replace("privacy", category)
            # Rules that are the same are compiled once, which makes reloads fast.
            rule.write_text(own if differ == "rules" else rules("alpha") + rules("bravo").replace("privacy", "spam")[7:])
            guide.write_text(guidelines(name.upper() * 3, category))
            self.settings[name] = {
                "filter": {"rules": [str(folder / "a-rules.yaml" if differ == "guidelines" else rule)]},
                "guidelines": {"file": str(guide)}, "headers": {"to_caller": ["x-served"] if name == "b" else []},
                "limits": {"sandbox": UNLIMITED | {"requests_per_minute": limit}}}
            text = "alpha and bravo".replace(word, f"[redacted:{category}]")
            self.chats[name] = (str(limit), text, name if name == "b" else None)
            others = {("house/alpha", "flag"), ("house/bravo", "flag")} if differ == "guidelines" else set()
            self.findings[name] = (
                str(limit), {f for f in others if word not in f[0]} | {(f"house/{word}", "redact")})

    def served_by(self, steward, connection, number):
        """Sends a request on a kept connection: the name of the configuration that answered all of it, or what came."""
        body = json.dumps({"input": "alpha and bravo"}) if number % 3 == 2 else chat_body()
        path = "/v1/moderations" if number % 3 == 2 else "/v1/chat/completions"
        fields = ["content-type: application/json", f"content-length: {len(body)}"]
        connection.sendall(steward.head(path, fields=fields) + body.encode())
        answer = RawAnswer.read(connection)
        if answer is None or answer.status != 200:
            return f"{answer}"
        limit, document = answer.fields["x-ratelimit-limit-requests"], json.loads(answer.body)
        if number % 3 == 2:
            own = document["results"][0]["steward"]
            got = (limit, {(finding["rule"], finding["verdict"]) for finding in own["findings"]})
            return next((n for n in "ab" if (got, own["guidelines"]) == (self.findings[n], self.versions[n])), f"{got}")
        got = (limit, document["choices"][0]["message"]["content"], answer.fields.get("x-served"))
        return next((n for n in "ab" if got == self.chats[n]), f"{got}")


@pytest.mark.parametrize("differ, reloads", [("rules", 4), ("guidelines", 25)])
def test_many_requests_while_hangups_come_fast_see_one_configuration_or_the_other(make_steward, tmp_path, differ, reloads):
    pair = Pair(tmp_path, differ)
    steward = make_steward(
        pair.settings["a"] | {"gateway": {"threads": 2}, "log": {"level": "warning"}}, models=models(pair.servers["a"]))
    whole = {name: merge(settings_of(steward), pair.settings[name]) | {"models": models(pair.servers[name])} for name in "ab"}
    whole["b"]["models"][0]["upstreams"][0]["name"] = "server-b"
    pair.versions["a"] = json.loads(get(steward.desk + "/public/v1/guidelines")[1])["version"]
    reload(steward, whole["b"])
    pair.versions["b"] = json.loads(get(steward.desk + "/public/v1/guidelines")[1])["version"]
    over, seen, counts = threading.Event(), set(), []

    def ask():
        number = 0
        with steward.connection(60) as connection:
            while not over.is_set() and seen <= {"a", "b"}:
                try:
                    seen.add(pair.served_by(steward, connection, number))
                except Exception as error:  # noqa: BLE001
                    seen.add(repr(error))
                number += 1
        counts.append(number)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    hangups, deadline = 0, time.monotonic() + 240
    before = metric(steward, RELOADS, result="applied")
    while metric(steward, RELOADS, result="applied") < before + reloads and seen <= {"a", "b"}:
        assert time.monotonic() < deadline, "reloads take too long"
        write(steward, whole["ab"[hangups % 2]])
        for _ in range(random.randrange(1, 6)):
            steward.program.process.send_signal(signal.SIGHUP)
            hangups += 1
            time.sleep(random.random() / 50)
    over.set()
    for thread in threads:
        thread.join(60)
    assert seen == {"a", "b"}, seen
    assert metric(steward, RELOADS, result="refused") == 0
    # Nothing of what was before is left but the loops' own paths, and whoever has ended is counted as ended.
    assert wait_until(lambda: value(steward, "steward_configuration_paths") == 2)
    for name in ("server-0", "server-b"):
        assert wait_until(lambda: metric(steward, "steward_upstream_outstanding", upstream=name) == 0)
    print(f"{sum(counts)} requests, {hangups} hangups, {metric(steward, RELOADS, result='applied')} reloads")


def test_a_hundred_reloads_leave_the_memory_as_it_was(make_steward, tmp_path):
    provider = Provider(said("alpha and bravo"))
    rule = tmp_path / "rules.yaml"
    rule.write_text(rules("alpha"))
    steward = make_steward({"filter": {"rules": [str(rule)]}}, models=models(provider))
    settings = settings_of(steward)

    def change(number):
        reload(steward, merge(settings, {
            "headers": {"to_caller": [f"x-{number}"]}, "models": models(provider, weight=1 + number % 9)}))
        steward.text()

    for number in range(20):
        change(number)
    before = steward.program.resident_bytes()
    for number in range(20, 120):
        change(number)
    assert steward.program.resident_bytes() < before + (24 << 20)
    assert value(steward, "steward_configuration_paths") == 1
