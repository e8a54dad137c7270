"""`steward upstreams`: what the running gateway knows of the servers behind it."""

import json
import socket
import subprocess
import threading

import openai
import pytest
from harness import BINARY, get, wait_until
from providers import Provider


def upstreams(*arguments, cwd=None):
    return subprocess.run([BINARY, "upstreams", *arguments], capture_output=True, text=True, timeout=60, cwd=cwd)


def shown(steward):
    done = upstreams("--ready-file", steward.ready_file, "--json")
    assert done.returncode == 0, done.stderr
    return {model["name"]: model for model in json.loads(done.stdout)["models"]}


def test_every_state_is_shown(make_steward):
    good, cooling, broken, sick = Provider(), Provider(status=429), Provider(status=500), Provider()
    cooling.fields = {"retry-after": "50"}
    sick.health = 503
    steward = make_steward(
        models=[{"name": name, "upstreams": [{"name": f"{name}-server", "url": server.url, **more}]} for name, server, more in [
            ("good", good, {"weight": 3, "priority": 2}), ("cooling", cooling, {}), ("broken", broken, {}),
            ("sick", sick, {"health": {"interval": "100ms", "unhealthy_after": 1}})]],
        settings={"resilience": {"breaker_failures": 2, "breaker_pause": "40s"}})
    for _ in range(2):
        steward.text(model="good")
        for name in ("cooling", "broken"):
            with pytest.raises(openai.APIStatusError):
                steward.chat(model=name)
    assert wait_until(lambda: shown(steward)["sick"]["upstreams"][0]["state"] == "unhealthy")
    view = shown(steward)
    [first] = view["good"]["upstreams"]
    assert (first["name"], first["url"], first["weight"], first["priority"]) == ("good-server", good.url, 3, 2)
    assert (first["state"], first["requests"], first["failures"]) == ("available", 2, 0)
    assert "last_failure" not in first and view["good"]["retries_left"] == 10
    [first] = view["cooling"]["upstreams"]
    assert first["state"] == "cooling" and 40 < first["seconds_left"] <= 50
    assert first["last_failure"]["code"] == "status_429"
    [first] = view["broken"]["upstreams"]
    assert first["state"] == "breaker_open" and 30 < first["seconds_left"] <= 40
    assert (first["requests"], first["failures"], first["last_failure"]["code"]) == (2, 2, "status_500")
    assert 0 <= view["sick"]["upstreams"][0]["seconds_since"] < 60
    table = upstreams("--telemetry", steward.telemetry).stdout
    for text in ("MODEL", "breaker open, ", "cooling, ", "unhealthy for ", "status_500, ", "Retries left: good 10"):
        assert text in table, table


def test_those_at_work_and_those_that_wait_are_counted(make_steward, rehearsal):
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [{"name": "server", "url": rehearsal.url, "connections_max": 1}]}])
    threads = [threading.Thread(target=steward.text, kwargs={"options": "ttft=1s;tokens=1"}) for _ in range(3)]
    for thread in threads:
        thread.start()

    def counts():
        [server] = shown(steward)["rehearsal"]["upstreams"]
        return server["in_flight"], server["queued"]
    assert wait_until(lambda: counts() == (1, 2), 3)
    for thread in threads:
        thread.join()
    assert counts() == (0, 0)


def test_no_secret_is_shown(make_steward, rehearsal):
    steward = make_steward(
        models=[{"name": "rehearsal", "upstreams": [
            {"name": "server", "url": rehearsal.url + "/base/", "credential_env": "SERVER_KEY"}]}],
        env={"SERVER_KEY": "sk-secret-of-the-server"})
    status, page = get(steward.telemetry + "/upstreams")
    assert status == 200 and json.loads(page)["models"][0]["upstreams"][0]["url"] == rehearsal.url + "/base"
    assert "sk-secret" not in page


def test_where_no_gateway_answers_the_reader_is_told_what_to_do(tmp_path, rehearsal):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = upstreams("--telemetry", f"http://127.0.0.1:{port}")
    assert done.returncode == 69 and "connection refused" in done.stderr and "--ready-file" in done.stderr
    done = upstreams("--telemetry", rehearsal.url)
    assert done.returncode == 69 and "no telemetry listener" in done.stderr
    done = upstreams("--ready-file", tmp_path / "nowhere.json")
    assert done.returncode == 66 and "can't be read" in done.stderr
    (tmp_path / "other.json").write_text("{}")
    assert upstreams("--ready-file", tmp_path / "other.json").returncode == 66
    (tmp_path / "steward.yaml").write_text("telemetry: {port: 0}")
    done = upstreams(cwd=tmp_path)
    assert done.returncode == 64 and "telemetry.port" in done.stderr
    (tmp_path / "steward.yaml").write_text(f"telemetry: {{port: {port}}}")
    done = upstreams(cwd=tmp_path)
    assert done.returncode == 69 and f":{port}" in done.stderr
    assert upstreams("--telemetry", "http://user:pass@host").returncode == 64
